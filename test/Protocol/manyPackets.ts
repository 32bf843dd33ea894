/** Messages of more packets than a node of ours would send. */
import { type MessageType, PlainMessage } from "../../src/Protocol/Message.ts"
import { TypedPacket } from "../../src/Protocol/Packet.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"

/** The body of a message of so many packets, the first of them `subFlag`, the others a byte each. */
export const bodyOf = (
  protocol: Protocol["Service"],
  count: number,
  { sender = "A", subFlag = 2, time = 0, type = "whisper" as MessageType } = {}
): Uint8Array => {
  const bytes = Array.from({ length: count }, (_, index) => Uint8Array.of(index === 0 ? subFlag : 1))
  // Where the id is written by `encode`, it is not looked at here; on 0.4 it does not cover the borders of packets.
  const { id, senderBytes } = protocol.make(type, sender, [Uint8Array.from(bytes, ([byte]) => byte!)], time)
  const packets = protocol.isTyped ? bytes.map((packet) => new TypedPacket("value", packet)) : bytes
  return protocol.encode(new PlainMessage(type, senderBytes, id, time, bytes, undefined, packets))
}
