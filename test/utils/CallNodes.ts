/** Nodes that call each other on a network in memory, each in a scope of its own, for tests under TestClock. */
import { it } from "@effect/vitest"
import { Effect, Exit, Logger, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type CallError, CallRefused } from "../../src/Chord/CallError.ts"
import * as CallCodec from "../../src/Chord/internal/CallCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import type { Handler, PeersOptions } from "../../src/Chord/internal/PeersOptions.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { dialAs, network, type Played } from "./InteropNode.ts"
import { whileTimePasses } from "./MeshNetwork.ts"
import { bytesOf, ours } from "./ScriptedPeer.ts"

const decoder = new TextDecoder()
export const packetsOf = (...texts: ReadonlyArray<string>) => texts.map(bytesOf)
export const textsOf = (packets: ReadonlyArray<Uint8Array>) => packets.map((packet) => decoder.decode(packet))
export const at = (host: string, port = 4444) => new PeerAddress({ host, port })

/** What the nodes of these tests answer, by kind. */
export const answers: Handler = (from, kind, packets) => {
  switch (kind) {
    case "echo":
      return packets
    case "who":
      return packetsOf(from.id, String(from.address))
    case "later":
      return Effect.delay(Effect.succeed(packets), "50 millis")
    case "never":
      return Effect.never
    case "no":
      return new CallRefused("NotMine", "it belongs to another")
    case "later-no":
      return Effect.fail(new CallRefused("NotMine", "it belongs to another"))
    case "throw":
      throw new Error("a mistake")
    case "die":
      return Effect.die(new Error("a mistake"))
    case "large":
      return [new Uint8Array(3_000_000)]
    default:
      return new CallRefused("UnknownKind", kind)
  }
}

/** A node on a host of its name, which is its id as well. */
export const start = Effect.fnUntraced(function*(host: string, options: Partial<PeersOptions> = {}) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const peers = yield* Peers.make({
    nodeId: host,
    networkId: "net",
    listen: at(host),
    handler: answers,
    drainTimeout: 0,
    ...options
  }).pipe(Scope.provide(scope), Effect.provide(MemoryNetwork.transport(host)))
  return { ...peers, host, stop: Scope.close(scope, Exit.void) }
})

export type Node = Effect.Success<ReturnType<typeof start>>

export const call = (
  from: Node,
  to: { readonly address: PeerAddress },
  kind: string,
  ...texts: ReadonlyArray<string>
) => Effect.map(from.call({ address: to.address }, kind, packetsOf(...texts)), textsOf)

/** The answer to a call, and the time it takes passes. */
export const ask = (from: Node, to: { readonly address: PeerAddress }, kind: string, ...texts: ReadonlyArray<string>) =>
  whileTimePasses(call(from, to, kind, ...texts))

export const failure = <A>(effect: Effect.Effect<A, CallError>) => whileTimePasses(Effect.flip(effect))

/** Starts something, and lets it begin. */
export const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

/** A peer that the test plays: connected to a node, and introduced as one of ours. */
export const meet = Effect.fnUntraced(
  function*(node: Node, id = "raw", address: PeerAddress | null = at(id), methods = ours) {
    const peer = yield* dialAs(id, node.address, id)
    yield* peer.handshake("net", methods, address)
    yield* TestClock.adjust("10 millis")
    return peer
  }
)

export const custom = (packets: ReadonlyArray<Uint8Array>): Payload => ({
  _tag: "Custom",
  subFlag: packets[0] ?? new Uint8Array(0),
  packets: packets.slice(1)
})

export const say = (peer: Played, packets: ReadonlyArray<Uint8Array>) => peer.say("whisper", custom(packets))

/** What the test's peer was told in calls. */
export const heard = (peer: Played) =>
  peer.received.map((one) => CallCodec.decode(one.message.payload)).filter(isDefined)
const isDefined = <A>(value: A | undefined): value is A => value !== undefined

/** Why the test's peer was left, as it was told. */
export const goodbye = (peer: Played) => {
  const last = peer.received.at(-1)?.message.payload ?? []
  return decoder.decode(last[0]) === "goodbye" ? decoder.decode(last[1]) : undefined
}

export const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(
    name,
    () => body.pipe(Effect.scoped, Effect.provide(network), Effect.provide(Logger.layer([])), Random.withSeed(name))
  )
