/**
 * A message of wire version 0.7 over the bytes of its body, whose values were found whole before. What is asked
 * for is read then: relays need neither the text of an id nor the packets.
 */
import { view } from "../internal/Bytes.ts"
import { Message, type MessageType } from "../Message.ts"
import { contentOf, contentsOf, type Packet, TypedPacket } from "../Packet.ts"
import * as MessagePack from "./MessagePack.ts"

/** The digest before the list. */
export const idBytes = 32

const hexPairs = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

export const hex = (bytes: Uint8Array, end: number): string => {
  let text = ""
  for (let i = 0; i < end; i++) text += hexPairs[bytes[i]!]
  return text
}

/** The packet that a value is, which begins at `start` and ends at `end`. */
export const packetAt = (bytes: Uint8Array, start: number, end: number): Packet => {
  const { kind, start: contentStart } = MessagePack.readHeader(bytes, start)!
  if (kind === "bytes") return view(bytes, contentStart, end)
  return kind === "text"
    ? new TypedPacket("text", view(bytes, contentStart, end))
    : new TypedPacket("value", view(bytes, start, end))
}

export class ListMessage extends Message {
  readonly isVerified: boolean
  readonly body: Uint8Array
  readonly packetCount: number
  readonly #senderStart: number
  readonly #timeStart: number
  readonly #payloadStart: number
  #id: string | undefined
  #senderBytes: Uint8Array | undefined
  #packets: ReadonlyArray<Packet> | undefined
  #payload: ReadonlyArray<Uint8Array> | undefined

  constructor(
    type: MessageType,
    time: number | bigint,
    isVerified: boolean,
    body: Uint8Array,
    senderStart: number,
    timeStart: number,
    payloadStart: number,
    packetCount: number
  ) {
    super(type, time)
    this.isVerified = isVerified
    this.body = body
    this.packetCount = packetCount
    this.#senderStart = senderStart
    this.#timeStart = timeStart
    this.#payloadStart = payloadStart
    this.#id = undefined
    this.#senderBytes = undefined
    this.#packets = undefined
    this.#payload = undefined
  }

  get id(): string {
    return this.#id ??= hex(this.body, idBytes)
  }

  get idBytes(): Uint8Array {
    return view(this.body, 0, idBytes)
  }

  get senderBytes(): Uint8Array {
    return this.#senderBytes ??= contentOf(packetAt(this.body, this.#senderStart, this.#timeStart))
  }

  get packets(): ReadonlyArray<Packet> {
    return this.#packets ??= this.#readPackets()
  }

  get payload(): ReadonlyArray<Uint8Array> {
    return this.#payload ??= contentsOf(this.packets)
  }

  copy(): Message {
    return new ListMessage(
      this.type,
      this.wholeTime,
      this.isVerified,
      this.body.slice(),
      this.#senderStart,
      this.#timeStart,
      this.#payloadStart,
      this.packetCount
    )
  }

  #readPackets(): ReadonlyArray<Packet> {
    const packets: Array<Packet> = []
    let start = this.#payloadStart
    for (let i = 0; i < this.packetCount; i++) {
      const end = MessagePack.skip(this.body, start)
      packets.push(packetAt(this.body, start, end))
      start = end
    }
    return packets
  }
}
