/**
 * How a dictionary can break its contract (`Chord/Record.ts`), as `HistoryCheck` finds it.
 */
import type { Record } from "../../../src/Chord/Record.ts"
import type { Version } from "../../../src/Chord/Version.ts"
import type { Operation } from "./History.ts"

/**
 * A breach of the contract.
 *
 * - `PhantomRead`: a read gave what nobody had written by then, or not in that version.
 * - `StaleRead`: a read that began after `write` was acknowledged gave something older, or nothing.
 * - `ResurrectedDelete`: the same where `write` is a delete whose tombstone still had to be there.
 * - `NonMonotonicRead`: a client read something older than, or nothing after, what it had read before.
 * - `ExpiredRead`: a read that began after the expiry of a value gave it.
 * - `SharedVersion`: two writes of a key with different contents have the same version.
 * - `WriteOutOfOrder`: a write that began after another was acknowledged has a lower version.
 * - `DivergedReplicas`: replicas hold different records of a key.
 * - `MissingCopy`: a replica does not hold a key that it should.
 * - `LostWrite`: no replica holds an acknowledged write, or a newer one.
 *
 * @category models
 * @since 0.1.0
 */
export type Violation =
  | { readonly _tag: "PhantomRead"; readonly read: Operation }
  | {
    readonly _tag: "StaleRead" | "ResurrectedDelete" | "ExpiredRead"
    readonly read: Operation
    readonly write: Operation
  }
  | { readonly _tag: "NonMonotonicRead"; readonly read: Operation; readonly before: Operation }
  | { readonly _tag: "SharedVersion" | "WriteOutOfOrder"; readonly write: Operation; readonly before: Operation }
  | { readonly _tag: "DivergedReplicas"; readonly key: string; readonly copies: ReadonlyArray<Copy> }
  | { readonly _tag: "MissingCopy"; readonly key: string; readonly replica: string }
  | { readonly _tag: "LostWrite"; readonly write: Operation; readonly newest: Version | undefined }

/**
 * A record at a replica.
 *
 * @category models
 * @since 0.1.0
 */
export interface Copy {
  readonly replica: string
  readonly record: Record
}

/**
 * A violation in words, with all that is needed to find it in a history.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describe = (violation: Violation): string => {
  switch (violation._tag) {
    case "PhantomRead":
      return `${violation._tag}: nobody had written what ${tell(violation.read)}`
    case "StaleRead":
    case "ResurrectedDelete":
    case "ExpiredRead":
      return `${violation._tag}: ${tell(violation.read)}, after ${tell(violation.write)}`
    case "NonMonotonicRead":
    case "SharedVersion":
    case "WriteOutOfOrder":
      return `${violation._tag}: ${tell("read" in violation ? violation.read : violation.write)}, after ` +
        tell(violation.before)
    case "DivergedReplicas":
      return `${violation._tag}: of "${violation.key}" ` +
        violation.copies.map(({ record, replica }) => `${replica} holds ${record.version}`).join(", ")
    case "MissingCopy":
      return `${violation._tag}: ${violation.replica} does not hold "${violation.key}"`
    case "LostWrite":
      return `${violation._tag}: the newest version left is ${violation.newest ?? "none"}, after ${
        tell(violation.write)
      }`
  }
}

const tell = ({ client, completedMillis, invokedMillis, key, kind, outcome, value, version }: Operation): string => {
  const content = value === undefined ? "nothing" : `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`
  return `${kind} by ${client} of "${key}": ${content} in version ${version ?? "unknown"}, ` +
    `${invokedMillis} to ${completedMillis ?? "?"} ms, ${outcome}`
}
