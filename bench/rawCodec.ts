/**
 * What the bytes of the protocol cost by themselves, without a link, a relay or a fiber: on the raw sockets, each
 * payload in a broadcast that is made, and at each node read with its id checked, by the codec of the library. How far
 * it is under `raw + hash` is the part that no node of this protocol gets back.
 */
import { Effect } from "effect"
import { isWireFault, Protocol, Protocol04 } from "../src/index.ts"
import { NodeCompression, NodeHashing } from "../src/Layers/node.ts"
import { wallMillis } from "./payload.ts"
import type { RawWire } from "./raw.ts"

const headerBytes = 4

/** The wire of one node. */
export const startCodecWire = async (): Promise<RawWire> => {
  const protocol = await Effect.runPromise(
    Effect.gen(function*() {
      return yield* Protocol
    }).pipe(
      Effect.provide(Protocol04.layer),
      Effect.provide(NodeHashing.layer),
      Effect.provide(NodeCompression.layer)
    )
  )
  const address = { host: "127.0.0.1", port: 4444 }
  const sender = new TextEncoder().encode(protocol.nodeId(address, protocol.networkId("bench", "Plaintext"), "bench"))
  const [flag] = protocol.encodePayload({ _tag: "UserBroadcast", packets: [] })
  const seconds = () => Math.floor(wallMillis() / 1000)
  return {
    bodyOf: (payload) =>
      protocol.frame(protocol.make("broadcast", sender, [flag!, payload], seconds())).subarray(headerBytes),
    read: (body) => {
      const message = protocol.decode(body)
      if (isWireFault(message)) throw new Error(`a message of the benchmark's own was refused: ${message.detail}`)
      const payload = message.payload[1]!
      return { payload, relayedBody: () => protocol.frameRelay(message).subarray(headerBytes) }
    }
  }
}
