/** Messages whose id is not that of what they hold, as a node decodes them. */
import type { MessageType } from "../../src/Protocol/Message.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"

/** What a tampered message is read as by a node that knows all ids, or none. */
export const decodeTampered = (protocol: Protocol["Service"], type: MessageType, isKnown: boolean) => {
  const body = Uint8Array.from(protocol.encode(protocol.make(type, "a", [Uint8Array.of(1, 2, 3)], 1)))
  body[body.length - 1] = 4
  return protocol.decode(body, { has: () => isKnown })
}
