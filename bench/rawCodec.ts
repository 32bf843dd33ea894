/**
 * What the bytes of the protocol cost by themselves, without a link, a relay or a fiber: on the raw sockets, each
 * payload in a broadcast that is made, and at each node read with its id checked, by the codec of the library. How far
 * it is under `raw + hash` is the part that no node of this protocol gets back.
 */
import { isWireFault, type Message } from "../src/index.ts"
import { wallMillis } from "./payload.ts"
import { makeProtocol } from "./protocol.ts"
import type { RawWire } from "./raw.ts"

const headerBytes = 4

/** The wire of one node. */
export const startCodecWire = async (): Promise<RawWire> => {
  const protocol = await makeProtocol()
  const address = { host: "127.0.0.1", port: 4444 }
  const sender = new TextEncoder().encode(protocol.nodeId(address, protocol.networkId("bench", "Plaintext"), "bench"))
  const [flag] = protocol.encodePayload({ _tag: "UserBroadcast", packets: [] })
  const seconds = () => Math.floor(wallMillis() / 1000)
  let last: Message
  return {
    bodyOf: (payload) =>
      protocol.frame(protocol.make("broadcast", sender, [flag!, payload], seconds())).subarray(headerBytes),
    payloadOf: (body) => {
      const message = protocol.decode(body)
      if (isWireFault(message)) throw new Error(`a message of the benchmark's own was refused: ${message.detail}`)
      last = message
      return message.payload[1]!
    },
    relayedBody: () => protocol.frameRelay(last).subarray(headerBytes)
  }
}
