/**
 * The fifty hostile inputs and behaviors that a public node must survive, as rows: one definition for the
 * tests and for `npm run hostile`. Each plays the attacker, shows that the node still serves an honest
 * peer, and says which limit acted, and after how long. It fails by an assertion.
 */
import { assert } from "@effect/vitest"
import { Effect, Layer, Logger, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { MeshOptions } from "../../src/Mesh/MeshConfig.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import { MemoryNetwork, type MemoryNetworkOptions } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

/** What acted, and how long after the attack began, in milliseconds: of virtual time in virtual rows. */
export interface Acted {
  readonly limit: string
  readonly millis: number
  /** Anything else worth a word in the table. */
  readonly note?: string
}

export interface Row {
  readonly number: number
  readonly what: string
  readonly isVirtual: boolean
  /** `isHeavy`: in the numbers of the table, which take longer than a test may. */
  readonly play: (isHeavy: boolean) => Effect.Effect<Acted, unknown>
}

/** A row over the network in memory, under a virtual clock. */
export const virtual = <E>(
  number: number,
  what: string,
  body: Effect.Effect<Acted, E, MemoryNetwork | Scope.Scope>,
  network: MemoryNetworkOptions = {}
): Row => ({
  number,
  what,
  isVirtual: true,
  play: () =>
    body.pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(
        Layer.fresh(MemoryNetwork.layer({ latency: "10 millis", ...network })),
        TestClock.layer(),
        quiet
      )),
      Random.withSeed(`row ${number}`)
    )
})

/** A row over real sockets, in real time. */
export const live = <E>(
  number: number,
  what: string,
  body: (isHeavy: boolean) => Effect.Effect<Acted, E, Scope.Scope>
): Row => ({
  number,
  what,
  isVirtual: false,
  play: (isHeavy) => body(isHeavy).pipe(Effect.scoped, Effect.provide(quiet))
})

/** A row that is a simulation of its own, or plain code. */
export const plain = (number: number, what: string, body: (isHeavy: boolean) => Acted): Row => ({
  number,
  what,
  isVirtual: true,
  play: (isHeavy) => Effect.sync(() => body(isHeavy))
})

const quiet = Logger.layer([])

/** A node under attack, and an honest peer of it. */
export interface Field {
  readonly node: TestNode
  readonly honest: TestNode
}

export const startField = Effect.fnUntraced(function*(options: Partial<MeshOptions> = {}) {
  const node = yield* startNode(1, { maxOutboundLinks: 0, ...options })
  const honest = yield* startNode(2, { maxOutboundLinks: 0 })
  yield* whileTimePasses(honest.mesh.connect(node.address))
  yield* TestClock.adjust("100 millis")
  return { node, honest }
})

/** Both ways a broadcast arrives within a second. */
export const assertServes = Effect.fnUntraced(function*({ honest, node }: Field) {
  const mark = `still here ${yield* Random.nextInt}`
  yield* whileTimePasses(honest.mesh.broadcast(`to ${mark}`))
  yield* whileTimePasses(node.mesh.broadcast(`from ${mark}`))
  yield* TestClock.adjust("1 second")
  assert.isTrue(node.received.some(({ text }) => text === `to ${mark}`), "the node hears the honest peer")
  assert.isTrue(honest.received.some(({ text }) => text === `from ${mark}`), "the honest peer hears the node")
})

/** Connects as an attacker, without a word. */
export const dial = (node: TestNode, host: string, options: Partial<RawPeer.RawPeerOptions> = {}) =>
  whileTimePasses(RawPeer.dial(node, { host, id: host, ...options }))

/** Connects as an attacker and shakes hands. */
export const join = Effect.fnUntraced(function*(
  node: TestNode,
  host: string,
  options: Partial<RawPeer.RawPeerOptions> = {}
) {
  const peer = yield* dial(node, host, options)
  yield* peer.handshake
  yield* TestClock.adjust("100 millis")
  return peer
})

/** The methods of one of ours. */
export const ours = ["effect-p2p:1:7"]

/** Why links ended, and connections became none, in order. */
export const reasons = ({ events }: { readonly events: ReadonlyArray<MeshEvent> }): Array<string> =>
  events.flatMap((event) => {
    if (event._tag !== "PeerLeft" && event._tag !== "Rejected") return []
    return event.reason._tag === "Malformed" ? [event.reason.reason] : [event.reason._tag]
  })

export const hasReason = (node: { readonly events: ReadonlyArray<MeshEvent> }, reason: string) =>
  assert.include(reasons(node), reason)
