/** The links that the user of `p2p mesh` asked for: their failures are told once, as errors. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Mesh } from "../Mesh/Mesh.ts"
import type { ConnectError, InvalidAddress } from "../Mesh/MeshError.ts"
import type { MeshEvent } from "../Mesh/MeshEvent.ts"
import { format, parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import type { CloseReason } from "../Transport/CloseReason.ts"
import { sourceOf } from "../Transport/Source.ts"
import type { Waiting } from "../Transport/Waiting.ts"
import type { Explain, OtherKind } from "./OtherKind.ts"

/**
 * Dials what the user asks for, and knows which events that has told already.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshLinks {
  readonly #mesh: Mesh["Service"]
  /** Addresses with a dial that is under way, or failed with an event that is still to come: one, whoever waits for it. */
  readonly #asked = new Set<string>()
  /** Addresses to connect to that could not be reached yet, and when they are dialed again, by the clock. */
  readonly #retries = new Map<string, Omit<Waiting, "leftMillis"> & { readonly atMillis: number }>()
  hadPeer = false

  readonly #explain: Explain

  constructor(mesh: Mesh["Service"], explain: Explain = () => undefined) {
    this.#mesh = mesh
    this.#explain = explain
  }

  connect(text: string): Effect.Effect<void, ConnectError | InvalidAddress | OtherKind> {
    const address = parse(text)
    const key = address === undefined ? text : format(address)
    return Effect.suspend(() => {
      this.#asked.add(key)
      return this.#mesh.connect(text)
    }).pipe(
      Effect.asVoid,
      Effect.tap(() => Effect.sync(() => this.#asked.delete(key))),
      Effect.tapError((error) => Effect.sync(() => isToldAsEvent(error) ? false : this.#asked.delete(key))),
      Effect.mapError((error) =>
        error._tag === "ConnectError" ? this.#explain(format(error.address), error.reason) ?? error : error
      )
    )
  }

  /** Whether the node has no link. */
  get isAlone(): Effect.Effect<boolean> {
    return Effect.map(this.#mesh.peers, ({ length }) => length === 0)
  }

  /** An address waits for its next dial. */
  wait(address: PeerAddress, failureCount: number, millis: number): Effect.Effect<void> {
    const key = format(address)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#retries.set(key, { address, failureCount, atMillis: now + millis })
      return Effect.ensuring(Effect.sleep(millis), Effect.sync(() => this.#retries.delete(key)))
    })
  }

  /** The addresses that the node dials again, and those that it was not linked with yet. */
  get waiting(): Effect.Effect<ReadonlyArray<Waiting>> {
    return Effect.zipWith(this.#mesh.waiting, Clock.currentTimeMillis, (waiting, now) => {
      const own = new Set(waiting.map(({ address }) => format(address)))
      const others = [...this.#retries.values()].filter(({ address }) => !own.has(format(address)))
      return [...waiting, ...others.map(({ atMillis, ...rest }) => ({ ...rest, leftMillis: atMillis - now }))]
        .toSorted((a, b) => a.leftMillis - b.leftMillis)
    })
  }

  /** Whether an event is not told by the error of a dial already. */
  isNews(event: MeshEvent): boolean {
    if (event._tag === "PeerJoined") this.hadPeer = true
    if (event._tag !== "Rejected") return true
    // The other end of a dial to this node itself, whose own end tells.
    if (event.direction === "inbound") return wordOf(event.reason) !== "SelfConnection"
    return !this.#asked.delete(format(event.remote))
  }
}

/** The reason, whichever side has found it. */
const wordOf = (reason: CloseReason): string => reason._tag === "Goodbye" ? reason.reason : reason._tag

/** Whether there was a connection that came to nothing. What is banned by its host is not even dialed. */
const isToldAsEvent = (error: ConnectError | InvalidAddress): boolean => {
  if (error._tag !== "ConnectError") return false
  const { address, reason } = error
  if (reason._tag === "Banned") return reason.target !== sourceOf(address)
  return reason._tag !== "DialError" && reason._tag !== "Duplicate"
}
