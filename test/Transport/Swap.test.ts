/** One part in place of another: nodes that share it understand each other, others do not. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import { lzString } from "../../src/Protocol/Compression/LzString.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Transport } from "../../src/Transport/Transport.ts"
import { transportSuite } from "../compliance/transport.ts"
import { collect, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as ScrambledTransport from "../utils/ScrambledTransport.ts"

interface Parts {
  readonly hashing?: Layer.Layer<Hashing>
  readonly compression?: Layer.Layer<Compression>
  readonly transport?: Layer.Layer<Transport, never, Transport>
}

const unchanged: Layer.Layer<Transport, never, Transport> = Layer.effectContext(Effect.context<Transport>())

/** A node on a host of its own, of these parts, with the defaults of a simulation for the rest. */
const startNode = Effect.fnUntraced(function*(host: string, parts: Parts = {}) {
  const layer = Mesh.layer.pipe(Layer.provide([
    MeshConfig.layer({ listen: new PeerAddress({ host, port: 4444 }) }),
    Protocol04.layer.pipe(
      Layer.provide([parts.hashing ?? Hashing.layerFast, parts.compression ?? Compression.layerNone])
    ),
    (parts.transport ?? unchanged).pipe(Layer.provide(MemoryNetwork.transport(host)))
  ]))
  const scope = yield* Effect.scope
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope).pipe(Random.withSeed(host))
  const mesh = Context.get(context, Mesh)
  return { mesh, received: yield* collect(mesh.messages, scope), events: yield* collect(mesh.events, scope) }
})

/** Links two nodes of these parts and broadcasts; what the second one heard, or why there is no link. */
const talk = Effect.fnUntraced(function*(first: Parts, second: Parts) {
  const [a, b] = [yield* startNode("a", first), yield* startNode("b", second)]
  const failure = yield* whileTimePasses(
    a.mesh.connect(b.mesh.address).pipe(Effect.as(undefined), Effect.catch((error) => Effect.succeed(error)))
  )
  yield* a.mesh.broadcast(["hello", "again ".repeat(1000)])
  yield* TestClock.adjust("1 second")
  if (failure === undefined) return b.received.map((message) => message.texts)
  const rejected = b.events.flatMap((event) => event._tag === "Rejected" ? [event.reason] : [])
  return { failure: failure._tag === "ConnectError" ? failure.reason : failure, rejected: rejected[0] }
})

const heard = [["hello", "again ".repeat(1000)]]
const fast: Parts = { hashing: Hashing.layerFast }
const sha: Parts = { hashing: NodeHashing.layer }
const network = MemoryNetwork.layer({ latency: "1 millis" })

describe("another Hashing", () => {
  it.effect("serves a whole node as well as SHA does", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* talk(fast, fast), heard)
    }).pipe(Effect.provide(network)))

  it.effect("like SHA serves a whole node", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* talk(sha, sha), heard)
    }).pipe(Effect.provide(network)))

  it.effect("is not understood by nodes that have the other, and both say so", () =>
    Effect.gen(function*() {
      const result = yield* talk(fast, sha)

      assert.isFalse(Array.isArray(result))
      if (Array.isArray(result)) return
      assert.deepInclude(result.failure, { _tag: "Malformed", reason: "ChecksumMismatch" })
      assert.deepInclude(result.rejected, { _tag: "Malformed", reason: "ChecksumMismatch" })
    }).pipe(Effect.provide(network)))
})

describe("another Compression", () => {
  const methods: ReadonlyArray<readonly [string, Parts, Parts]> = [
    ["none and all", { compression: Compression.layerNone }, { compression: NodeCompression.layer }],
    ["all and none", { compression: NodeCompression.layer }, { compression: Compression.layerNone }],
    ["lz-string alone and all", { compression: Compression.layer([lzString]) }, { compression: NodeCompression.layer }],
    [
      "zlib alone and lz-string alone",
      { compression: Compression.layer([NodeCompression.zlibMethod]) },
      { compression: Compression.layer([lzString]) }
    ]
  ]
  for (const [name, first, second] of methods) {
    it.effect(`is agreed on, or left out: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* talk(first, second), heard)
      }).pipe(Effect.provide(network)))
  }
})

describe("another Transport", () => {
  transportSuite<MemoryNetwork>({
    test: (name, body) =>
      it.effect(name, () =>
        whileTimePasses(Effect.scoped(body)).pipe(
          Effect.provide(
            ScrambledTransport.layer("Scrambled").pipe(
              Layer.provide(MemoryNetwork.transport("here")),
              Layer.provideMerge(network)
            )
          )
        )),
    host: "here",
    windowBytes: 262_143,
    openCount: Effect.flatMap(MemoryNetwork, (net) => net.connectionCount)
  })

  const scrambled: Parts = { transport: ScrambledTransport.layer("Scrambled") }

  it.effect("carries a whole node", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* talk(scrambled, scrambled), heard)
    }).pipe(Effect.provide(network)))

  it.effect("is not understood by nodes without it", () =>
    Effect.gen(function*() {
      const result = yield* talk(scrambled, {})

      assert.isFalse(Array.isArray(result))
      if (Array.isArray(result)) return
      assert.deepInclude(result.failure, { _tag: "Malformed", reason: "FrameTooLarge" })
      assert.deepInclude(result.rejected, { _tag: "Malformed", reason: "FrameTooLarge" })
    }).pipe(Effect.provide(network)))

  it.effect("of another encryption is another network, even where the bytes would fit", () =>
    Effect.gen(function*() {
      const result = yield* talk(scrambled, { transport: ScrambledTransport.layer("SSL") })

      assert.isFalse(Array.isArray(result))
      if (Array.isArray(result)) return
      assert.deepInclude(result.failure, { _tag: "NetworkMismatch" })
      assert.deepInclude(result.rejected, { _tag: "NetworkMismatch" })
    }).pipe(Effect.provide(network)))
})
