/** Versions and records for tests: from little, so that ties and collisions are common. */
import { Arbitrary, Result, Schema } from "effect"
import * as Record from "../../src/Chord/Record.ts"
import { Version } from "../../src/Chord/Version.ts"

const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

export const arbitraryVersion = Arbitrary.map(
  Arbitrary.all([integer(0, 3), integer(0, 2), integer(0, 2)]),
  ([millis, counter, writer]) => new Version(1000 + millis, counter, "abc"[writer]!)
)

/** Records of at most `keyCount` keys. */
export const arbitraryRecord = (keyCount: number) =>
  Arbitrary.map(
    Arbitrary.all([integer(0, keyCount - 1), arbitraryVersion, integer(-1, 3), integer(-3, 3)]),
    ([key, version, value, expiry]) =>
      new Record.Record(
        `key ${key}`,
        version,
        value < 0 ? undefined : Uint8Array.from({ length: value }, (_, index) => index),
        expiry < 0 ? undefined : 2000 + expiry
      )
  )

const encoder = new TextEncoder()

/** A record with a text as its value; `undefined` for a tombstone. */
export const record = (
  key: string,
  millis: number,
  value: string | undefined,
  options: { readonly writer?: string; readonly expiresAtMillis?: number } = {}
): Record.Record =>
  Result.getOrThrow(Record.make({
    key,
    version: new Version(millis, 0, options.writer ?? "writer"),
    value: value === undefined ? undefined : encoder.encode(value),
    expiresAtMillis: options.expiresAtMillis
  }))

/** What a record holds, readable in a failed assertion. */
export const describe = (record: Record.Record | undefined): string | undefined =>
  record === undefined
    ? undefined
    : `${record.key} ${record.version} ${
      record.value === undefined ? "deleted" : new TextDecoder().decode(record.value)
    }`
