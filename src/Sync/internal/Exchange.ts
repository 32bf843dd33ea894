/**
 * What nodes tell each other: writes, by broadcast; copies of what they hold, by whisper to a newcomer, as
 * the original nodes do; and, between two of ours, digests of what they hold, so that only what differs is
 * sent: as a copy, or, where fields were changed since the last whole write, with which write each comes
 * from. A pair compares when it meets, and each node with one of its peers every `reconcileInterval`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { WhisperError } from "../../Mesh/Mesh.ts"
import type { SubFlagTaken } from "../../Mesh/MeshError.ts"
import type { MeshMessage } from "../../Mesh/MeshMessage.ts"
import { isWireFault } from "../../Protocol/WireFault.ts"
import { ofWrite, type SyncState } from "../SyncState.ts"
import { digestsBytes } from "../SyncTable.ts"
import * as StateCodec from "./StateCodec.ts"
import type { SyncNode } from "./SyncNode.ts"

const syncSubFlag = "sync"
const digestSubFlag = "sync-digest"
const stateSubFlag = "sync-state"

/** A peer is sent what differs once in this time, whatever it says. */
const answerIntervalMillis = 1000

/** Takes part until the scope closes. */
export const serve = Effect.fnUntraced(function*(
  node: SyncNode
): Effect.fn.Return<void, SubFlagTaken, Scope.Scope> {
  yield* node.mesh.handle(syncSubFlag, (message) => take(node, message))
  yield* node.mesh.handle(digestSubFlag, (message) => compare(node, message))
  yield* node.mesh.handle(stateSubFlag, (message) => Effect.sync(() => takeState(node, message)))
  yield* node.mesh.events.pipe(
    Stream.runForEach((event) => {
      if (event._tag === "PeerLeft") {
        node.answeredMillis.delete(event.id)
        node.asked.delete(event.id)
        const sending = node.sending.get(event.id)
        return sending === undefined ? Effect.void : Fiber.interrupt(sending)
      }
      return event._tag === "PeerJoined" ? send(node, event.id, greet(node, event.id, event.direction)) : Effect.void
    }),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.forkScoped(reconcile(node))
})

/** Sends to a peer in a fiber of its own, unless one does already: who reads slowly holds up nobody else. */
const send = (node: SyncNode, id: string, what: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.sync(() => {
    if (node.sending.has(id)) return
    const fiber = node.run(Effect.ensuring(what, Effect.sync(() => node.sending.delete(id))))
    if (fiber.pollUnsafe() === undefined) node.sending.set(id, fiber)
  })

const take = Effect.fnUntraced(function*(node: SyncNode, message: MeshMessage) {
  const said = node.protocol.decodePayload(message.payload)
  if (isWireFault(said)) return
  const now = node.nowSeconds()
  const stamp = { owner: message.sender, time: message.time }
  if (said._tag === "SyncDelta" && message.kind === "broadcast") node.takeDelta(said.key, said.changes, stamp, now)
  if (said._tag !== "SyncStore") return
  const { key, origin, value } = said
  if (origin === null && message.kind === "broadcast") node.takeStore(key, value, stamp, now)
  if (origin === null || message.kind !== "whisper") return
  const entry = { key, value, ...origin }
  // Ours say so where there is more to know than the last write.
  if (yield* isOurs(node, message.from)) node.takeCopy(ofWrite(entry), now)
  else node.takeEntry(entry, now)
})

const isOurs = (node: SyncNode, id: string): Effect.Effect<boolean> =>
  Effect.map(node.mesh.peers, (peers) => peers.some((peer) => peer.id === id && peer.isExtended))

const takeState = (node: SyncNode, { kind, packets }: MeshMessage): void => {
  const state = kind === "whisper" ? StateCodec.decode(packets[0], node.options.maxValueBytes) : undefined
  if (state !== undefined) node.takeCopy(state, node.nowSeconds())
}

/** A newcomer: one of ours is asked what differs, by whoever dialed; an original one gets all there is. */
const greet = (node: SyncNode, id: string, direction: "inbound" | "outbound"): Effect.Effect<void> =>
  Effect.flatMap(node.mesh.peers, (peers) => {
    const peer = peers.find((peer) => peer.id === id)
    if (peer === undefined) return Effect.void
    if (peer.isExtended) return direction === "outbound" ? tellDigests(node, id, "ask") : Effect.void
    const keys = Array.from(node.table.entries(), ({ key }) => key)
    return tellCopies(node, id, keys, (key) => {
      const entry = node.table.get(key)
      // Not of deleted keys: such a copy ends the link of an original JavaScript node.
      return entry === undefined || entry.value === null ? undefined : ofWrite(entry)
    })
  })

const reconcile = (node: SyncNode): Effect.Effect<never> =>
  Effect.gen(function*() {
    const intervalMillis = Duration.toMillis(node.options.reconcileInterval)
    while (true) {
      yield* Effect.sleep(intervalMillis * (0.8 + 0.4 * (yield* Random.next)))
      node.forgetDeleted(node.nowSeconds())
      const peers = (yield* node.mesh.peers).filter(({ isExtended, isSlow }) => isExtended && !isSlow)
      const peer = peers[Math.floor((yield* Random.next) * peers.length)]
      if (peer !== undefined) yield* tellDigests(node, peer.id, "ask")
    }
  })

/**
 * Sends a neighbor what it has otherwise, and, if it asked, with it what this node has, to get what is missing
 * here. It is let answer once for each time that it was asked: all it costs is some bytes.
 */
const compare = Effect.fnUntraced(function*(node: SyncNode, message: MeshMessage) {
  const [digests, verb] = message.packets
  if (message.kind !== "whisper" || digests?.length !== digestsBytes) return
  const isAsk = verb?.[0] === 1
  if (!isAsk && !node.asked.delete(message.from)) return
  if (!(yield* isDue(node, message.from))) return
  node.forgetDeleted(node.nowSeconds())
  if (node.table.isSame(digests)) return
  // Each peer of a newcomer begins elsewhere.
  const keys = node.table.differing(digests, yield* Random.next).map(({ entry }) => entry.key)
  const copies = tellCopies(node, message.from, keys, (key) => node.table.state(key))
  // Before the copies: the other end is to see what it lacks, not what is on its way.
  yield* send(
    node,
    message.from,
    isAsk ? Effect.andThen(tellDigests(node, message.from, "answer"), copies) : copies
  )
})

/** Whether a peer, that is still linked, may be sent something: not so soon again. */
const isDue = Effect.fnUntraced(function*(node: SyncNode, id: string) {
  const now = Number(yield* Clock.monotonicTimeNanos) / 1e6
  const before = node.answeredMillis.get(id)
  if (before !== undefined && now - before < answerIntervalMillis) return false
  if (!(yield* node.mesh.peers).some((peer) => peer.id === id)) return false
  node.answeredMillis.set(id, now)
  return true
})

const tellDigests = (node: SyncNode, id: string, verb: "ask" | "answer"): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (verb === "ask") node.asked.add(id)
    const packets = [node.table.digests, Uint8Array.of(verb === "ask" ? 1 : 0)]
    return Effect.ignore(node.mesh.whisper(id, packets, { subFlag: digestSubFlag }))
  })

/**
 * A peer that cannot be reached any more gets no further ones. As fast as the line takes them: more in its queue would hold
 * up pings, so that the link to whoever is behind a slow line ended before all was there, again and again.
 */
const tellCopies = (
  node: SyncNode,
  id: string,
  keys: ReadonlyArray<string>,
  stateOf: (key: string) => SyncState | undefined
): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (const key of keys) {
      if (!(yield* node.mesh.untilSent(id))) return
      // As it is by now: what was overwritten while this waited is neither sent nor kept for it.
      const state = stateOf(key)
      if (state === undefined) continue
      // What is too large for a message of this node holds up no others.
      yield* Effect.catchTag(Effect.asVoid(tell(node, id, state)), "MessageTooLarge", () => Effect.void)
    }
  }).pipe(Effect.ignore)

const tell = (node: SyncNode, id: string, state: SyncState): Effect.Effect<unknown, WhisperError> => {
  const { key, owner, time, value } = state.entry
  return state.fields.size === 0
    ? node.mesh.whisperPayload(id, { _tag: "SyncStore", key, value, origin: { owner, time } })
    : node.mesh.whisper(id, [StateCodec.encode(state)], { subFlag: stateSubFlag })
}
