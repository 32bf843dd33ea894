/**
 * Looks at a simulated ring as a whole: who lives, what each member knows, and who answers for what
 * in truth.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Chord, type RingMember } from "../../../Chord/Chord.ts"
import type { ChordEvent } from "../../../Chord/ChordEvent.ts"
import type { Contact } from "../../../Chord/Contact.ts"
import { lowerBound } from "../../../Chord/internal/lowerBound.ts"
import type * as Invariant from "../../../Chord/Invariant.ts"
import * as Membership from "../../../Chord/Membership.ts"
import { toHex } from "../../../Chord/Ring.ts"
import type { ListenError, Transport } from "../../../Transport/Transport.ts"
import type { ChordTrace } from "./ChordTrace.ts"

/**
 * One life of a node: started again, it is another one.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedChord {
  readonly name: string
  readonly chord: Chord["Service"]
}

/** A member that was first seen at `seenMillis`, not yet there at `fromMillis`, and lived to `toMillis` at most. */
interface Life {
  readonly position: bigint
  readonly fromMillis: number
  readonly seenMillis: number
  toMillis: number
}

/**
 * The observer of one simulation.
 *
 * @category models
 * @since 0.1.0
 */
export class ChordObserver {
  /** The nodes that live, by name, in the order of their starts. */
  readonly nodes = new Map<string, ObservedChord>()
  readonly #clock: Clock.Clock
  /** All members that ever lived, by position. */
  readonly #lives: Array<Life> = []
  #lastMillis = 0
  /** What nodes that ended had sent. */
  #endedCount = 0
  readonly #trace: ChordTrace | undefined

  /** What happens is recorded in `trace`, if there is one. */
  constructor(clock: Clock.Clock, trace?: ChordTrace) {
    this.#clock = clock
    this.#trace = trace
  }

  /** The Layer of a node that is observed for as long as it lives. */
  watch<R extends Transport>(
    name: string,
    layer: Layer.Layer<Chord, ListenError, R>
  ): Layer.Layer<Chord, ListenError, R> {
    const watching = Effect.gen({ self: this }, function*() {
      const node: ObservedChord = { name, chord: yield* Chord }
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          this.nodes.delete(name)
          this.nodes.set(name, node)
          this.#trace?.record(this.#clock.currentTimeMillisUnsafe(), { event: "start", node: name })
        }),
        () =>
          Effect.map(messagesOf(node), (count) => {
            this.#endedCount += count
            this.#trace?.record(this.#clock.currentTimeMillisUnsafe(), { event: "stop", node: name })
            if (this.nodes.get(name) === node) this.nodes.delete(name)
          })
      )
      const trace = this.#trace
      if (trace === undefined) return
      const linked = new Set<string>()
      for (const { membership } of yield* node.chord.ring) this.#recordPlace(trace, node, membership.self.position)
      yield* node.chord.events.pipe(
        Stream.runForEach((event) => this.#record(trace, node, linked, event)),
        Effect.forkScoped({ startImmediately: true })
      )
    })
    return Layer.effectDiscard(watching).pipe(Layer.provideMerge(layer))
  }

  #recordPlace(trace: ChordTrace, { chord, name }: ObservedChord, position: bigint): void {
    const text = toHex(chord.bits, position)
    trace.record(this.#clock.currentTimeMillisUnsafe(), { event: "join", node: name, position: text })
  }

  /** What an event tells; `linked` are the nodes next to this one, as recorded so far. */
  readonly #record = Effect.fnUntraced(
    function*(this: ChordObserver, trace: ChordTrace, node: ObservedChord, linked: Set<string>, event: ChordEvent) {
      const { chord, name } = node
      const atMillis = this.#clock.currentTimeMillisUnsafe()
      if (event._tag === "LookedUp") {
        const { owner, path, position } = event
        return trace.record(atMillis, {
          event: "lookup",
          node: name,
          peer: nameOf(owner),
          path: path.map(nameOf),
          position: toHex(chord.bits, position),
          number: trace.nextLookup()
        })
      }
      if (event._tag === "Joined") this.#recordPlace(trace, node, event.position)
      const next = new Set((yield* chord.ring).flatMap(nextTo).map(nameOf).filter((peer) => peer !== name))
      for (const peer of [...linked].filter((known) => !next.has(known))) {
        linked.delete(peer)
        trace.record(atMillis, { event: "unlink", node: name, peer, reason: "not next to it any more" })
      }
      for (const peer of [...next].filter((found) => !linked.has(found))) {
        linked.add(peer)
        trace.record(atMillis, { event: "link", node: name, peer })
      }
    }
  ).bind(this)

  /** What all members know. */
  readonly snapshot: Effect.Effect<Invariant.Snapshot> = Effect.gen({ self: this }, function*() {
    const members = []
    for (const { chord } of this.nodes.values()) {
      for (const { membership } of yield* chord.ring) members.push(membership)
    }
    return { members }
  })

  /** Calls, answers and words that want none, of all nodes so far, those that ended among them. */
  readonly messageCount: Effect.Effect<number> = Effect.gen({ self: this }, function*() {
    let count = 0
    for (const node of this.nodes.values()) count += yield* messagesOf(node)
    return this.#endedCount + count
  })

  /** Notes who is in the ring now: call it whenever somebody has gone, and now and then for those who come. */
  readonly census: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const now = this.#clock.currentTimeMillisUnsafe()
    const { members } = yield* this.snapshot
    // One that is alone among others has not come yet.
    const present = members.length === 1 ? members : members.filter((member) => !Membership.isAlone(member))
    const positions = new Set(present.map((member) => member.self.position))
    for (const life of this.#lives) {
      if (life.toMillis === Infinity && !positions.delete(life.position)) life.toMillis = now
    }
    const fromMillis = this.#lastMillis
    this.#lastMillis = now
    if (positions.size === 0) return
    for (const position of positions) this.#lives.push({ position, fromMillis, seenMillis: now, toMillis: Infinity })
    this.#lives.sort((a, b) => a.position < b.position ? -1 : a.position > b.position ? 1 : a.seenMillis - b.seenMillis)
  })

  /**
   * Whether the member at `owner` answered for a position at some moment of a span, which is just over:
   * it lived, and nobody who lived all the time lies between.
   */
  wasOwner(owner: bigint, position: bigint, fromMillis: number, toMillis: number): Effect.Effect<boolean> {
    return Effect.suspend(() =>
      this.#isOwner(owner, position, fromMillis, toMillis)
        ? Effect.succeed(true)
        // It may have come since the last census.
        : Effect.map(this.census, () => this.#isOwner(owner, position, fromMillis, toMillis))
    )
  }

  #isOwner(owner: bigint, position: bigint, fromMillis: number, toMillis: number): boolean {
    const lives = this.#lives
    const start = lowerBound(lives.length, (index) => lives[index]!.position < position)
    for (let step = 0; step < lives.length; step++) {
      const life = lives[(start + step) % lives.length]!
      if (life.toMillis < fromMillis || life.fromMillis > toMillis) continue
      if (life.position === owner) return true
      // One who was there all the time, and not just new in its place, is in between.
      if (life.seenMillis <= fromMillis - graceMillis && life.toMillis > toMillis) return false
    }
    return false
  }
}

/** What a node has sent since its start. */
const messagesOf = ({ chord }: ObservedChord): Effect.Effect<number> =>
  Effect.map(chord.stats, ({ calls: { calls, refused, served, tells } }) => calls + refused + served + tells)

/** The nodes before and behind a member. */
const nextTo = ({ membership: { predecessor, successors } }: RingMember): ReadonlyArray<Contact> =>
  [predecessor, successors[0]].filter((contact) => contact !== undefined)

/** The network in memory knows hosts by the names of their nodes. */
const nameOf = (contact: Contact): string => contact.address.host

/** How long a new member may go unnoticed: the time until its successor knows it. */
const graceMillis = 2000
