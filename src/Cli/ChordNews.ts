/**
 * What of the events of a chord node is worth telling: each failure to join once, and of neighbors
 * the nodes that came and went, not each of their places in each of this node's lists.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Chord, RingMember } from "../Chord/Chord.ts"
import type { ChordEvent } from "../Chord/ChordEvent.ts"
import type { Contact } from "../Chord/Contact.ts"
import * as Membership from "../Chord/Membership.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { type ChordReport, explained, fromError, fromEvent } from "./ChordReport.ts"
import type { Explain } from "./OtherKind.ts"

/**
 * Follows a node that is to join at some addresses, if any.
 *
 * @category models
 * @since 0.1.0
 */
export class ChordNews {
  /** Whether the node is where it is meant to be. */
  isPresent: boolean
  readonly #chord: Chord["Service"]
  readonly #explain: Explain
  readonly #wanted: number
  readonly #settled: Latch.Latch
  /** What was told last of an address that could not be joined. */
  readonly #failures = new Map<string, string>()
  /** The other nodes in the lists of this one, by their ids. */
  #neighbors: ReadonlyMap<string, Contact> = new Map()

  constructor(chord: Chord["Service"], join: ReadonlyArray<PeerAddress>, explain: Explain) {
    this.#chord = chord
    this.#explain = explain
    this.#wanted = new Set(join.map(format)).size
    this.isPresent = join.length === 0
    this.#settled = Latch.makeUnsafe(this.isPresent)
  }

  /** Waits until the ring is joined, or every address was tried in vain. */
  get settled(): Effect.Effect<void> {
    return this.#settled.await
  }

  /** Where the node could not join; none when it is in the ring, or has not tried yet. */
  get unreached(): ReadonlyArray<string> {
    return this.isPresent ? [] : [...this.#failures.keys()]
  }

  /** Why it could not. */
  get failures(): ReadonlyArray<string> {
    return [...this.#failures.values()]
  }

  /** Takes note of an event; gives what is to be told. */
  see(event: ChordEvent): Effect.Effect<ReadonlyArray<ChordReport>> {
    switch (event._tag) {
      case "Joined":
        this.#arrive()
        return Effect.map(this.#chord.ring, (members) => {
          this.#neighbors = neighborsOf(this.#chord.id, members)
          return [fromEvent(this.#chord.bits, event)]
        })
      case "NeighborCame":
      case "NeighborWent":
        this.#arrive()
        return Effect.map(this.#chord.ring, (members) => this.#compare(neighborsOf(this.#chord.id, members)))
      case "JoinFailed":
        return Effect.succeed(this.#miss(format(event.address), fromError(explained(this.#explain, event.error))))
      case "LookedUp":
        // The answer to the command says as much.
        return Effect.succeed([])
      default:
        return Effect.succeed([fromEvent(this.#chord.bits, event)])
    }
  }

  #arrive(): void {
    this.isPresent = true
    this.#failures.clear()
    this.#settled.openUnsafe()
  }

  #compare(now: ReadonlyMap<string, Contact>): ReadonlyArray<ChordReport> {
    const before = this.#neighbors
    this.#neighbors = now
    const { bits } = this.#chord
    const went = [...before.values()].filter(({ nodeId }) => !now.has(nodeId))
    const came = [...now.values()].filter(({ nodeId }) => !before.has(nodeId))
    return [
      ...went.map((contact) => fromEvent(bits, { _tag: "NeighborWent", contact })),
      ...came.map((contact) => fromEvent(bits, { _tag: "NeighborCame", contact }))
    ]
  }

  #miss(address: string, report: ChordReport): ReadonlyArray<ChordReport> {
    const message = report.event === "error" ? report.message : ""
    const isFirst = this.#failures.size === 0
    const isNews = this.#failures.get(address) !== message
    this.#failures.set(address, message)
    if (this.#failures.size >= this.#wanted) this.#settled.openUnsafe()
    if (!isNews) return []
    return isFirst ? [report, { event: "note", text: "trying again in the background" }] : [report]
  }
}

/**
 * The other nodes in the lists of a node, by their ids; one contact of each.
 *
 * @category getters
 * @since 0.1.0
 */
export const neighborsOf = (id: string, members: ReadonlyArray<RingMember>): ReadonlyMap<string, Contact> => {
  const found = new Map<string, Contact>()
  for (const { membership } of members) {
    for (const contact of Membership.neighbors(membership)) {
      if (contact.nodeId !== id && !found.has(contact.nodeId)) found.set(contact.nodeId, contact)
    }
  }
  return found
}
