/** Methods that a node reads and does not write, on a link with a peer that a test plays. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as Bz2 from "../../src/Protocol/Compression/Bz2.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import * as Lzma from "../../src/Protocol/Compression/Lzma.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as Handshake from "../../src/Transport/Handshake.ts"
import * as Link from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { toBytes, vectors } from "../fixtures/Vectors.ts"
import { broadcastOf, connectHosts, make as makePeer, py2p } from "../utils/ScriptedPeer.ts"

const wire: Layer.Layer<Protocol> = Protocol04.layer.pipe(Layer.provide([
  NodeHashing.layer,
  // Those that are only read come first, so that nothing hangs on the order.
  Compression.layerMerge(Bz2.layer, Lzma.layer, NodeCompression.layer)
]))

const linked = Effect.gen(function*() {
  const { accepted, dialed } = yield* connectHosts()
  const link = yield* Link.make(dialed, 1, "outbound", {
    nodeId: "me",
    maxMessageBytes: 100_000,
    maxOutboxBytes: 50_000,
    compressFromBytes: 100,
    drainTimeout: "1 second"
  })
  return { link, peer: yield* makePeer(accepted, yield* Protocol) }
})

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(Layer.merge(wire, MemoryNetwork.layer()))))

const repetitive = "all work and no play ".repeat(20)

describe("a method that is only read", () => {
  test(
    "is offered in the handshake",
    Effect.gen(function*() {
      const { link, peer } = yield* linked

      yield* Handshake.introduce(link, {
        nodeId: "me",
        networkId: "net",
        address: new PeerAddress({ host: "near", port: 1 }),
        timeout: "1 second"
      })
      const { says } = yield* peer.next("Handshake")

      const methods = says?._tag === "Handshake" ? says.methods : []
      assert.deepStrictEqual(methods.slice(0, -1), ["bz2", "lzma", "zlib", "gzip", "snappy", "lz-string"])
    })
  )

  test(
    "is passed over when there is another in common, and plain bodies are sent when there is none",
    Effect.gen(function*() {
      const { link, peer } = yield* linked

      link.acceptMethods(py2p)
      link.tell(broadcastOf(repetitive))
      const toPython = yield* peer.next("UserBroadcast")
      link.acceptMethods(["bz2", "lzma"])
      link.tell(broadcastOf(repetitive))
      const toOther = yield* peer.next("UserBroadcast")

      assert.isTrue(toPython.isCompressed)
      assert.isFalse(toOther.isCompressed)
      assert.isUndefined(link.method)
    })
  )

  for (const method of ["bz2", "lzma"]) {
    test(
      `is read at any time, ${method} for one`,
      Effect.gen(function*() {
        const { link, peer } = yield* linked
        const originalOf = (name: string) => vectors.messages.find((message) => message.name === name)!
        // Pings and pongs end at the link.
        const frames = vectors.compressed.filter((vector) =>
          vector.method === method && vector.plain_length < 50_000 &&
          Number.parseInt(originalOf(vector.message).msg_type, 16) < 3
        )

        for (const vector of frames) {
          yield* peer.write(toBytes(vector.frame))
          const [message] = yield* link.pull
          assert.strictEqual(message.id, originalOf(vector.message).id, vector.message)
        }
        assert.isAbove(frames.length, 5)
      })
    )
  }
})
