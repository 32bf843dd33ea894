/**
 * A message of wire version 0.4 over the bytes of its body. What is asked for is read then: relays need
 * neither the text of an id nor the packets.
 */
import * as Frame from "../Frame.ts"
import { view } from "../internal/Bytes.ts"
import { Message, type MessageType } from "../Message.ts"

/** Lengths, and what lies before the payload: flag, sender, id and time. */
export const lengthBytes = 4
export const fixedPackets = 4

const decoder = new TextDecoder()

export class BodyMessage extends Message {
  readonly isVerified: boolean
  /** The body, from `#start` on, and nothing behind it. */
  readonly #bytes: Uint8Array
  /** The bytes of the header before it: 4 where the frame was made as a whole, else 0. */
  readonly #start: number
  readonly #lengthsEnd: number
  readonly #senderStart: number
  readonly #idStart: number
  readonly #timeStart: number
  readonly #payloadStart: number
  #body: Uint8Array | undefined
  #id: string | undefined
  #senderBytes: Uint8Array | undefined
  #payload: ReadonlyArray<Uint8Array> | undefined

  /** `start`: where the body begins in `bytes`; where its parts do is counted from there. */
  constructor(
    type: MessageType,
    time: number | bigint,
    isVerified: boolean,
    bytes: Uint8Array,
    start: number,
    lengthsEnd: number,
    senderStart: number,
    idStart: number,
    timeStart: number,
    payloadStart: number
  ) {
    super(type, time)
    this.isVerified = isVerified
    this.#bytes = bytes
    this.#start = start
    this.#lengthsEnd = start + lengthsEnd
    this.#senderStart = start + senderStart
    this.#idStart = start + idStart
    this.#timeStart = start + timeStart
    this.#payloadStart = start + payloadStart
    this.#body = undefined
    this.#id = undefined
    this.#senderBytes = undefined
    this.#payload = undefined
  }

  get body(): Uint8Array {
    return this.#body ??= this.#start === 0 ? this.#bytes : view(this.#bytes, this.#start, this.#bytes.length)
  }

  /** The body with its size before it, where it was made so. */
  get frame(): Uint8Array | undefined {
    return this.#start === Frame.headerBytes ? this.#bytes : undefined
  }

  /** Where the main flag is in the body. */
  get flagStart(): number {
    return this.#lengthsEnd - this.#start
  }

  get flagLength(): number {
    return this.#senderStart - this.#lengthsEnd
  }

  get id(): string {
    return this.#id ??= decoder.decode(this.idBytes)
  }

  get idBytes(): Uint8Array {
    return view(this.#bytes, this.#idStart, this.#timeStart)
  }

  get senderBytes(): Uint8Array {
    return this.#senderBytes ??= view(this.#bytes, this.#senderStart, this.#idStart)
  }

  get packetCount(): number {
    return (this.#lengthsEnd - this.#start) / lengthBytes - fixedPackets
  }

  get payload(): ReadonlyArray<Uint8Array> {
    return this.#payload ??= this.#readPayload()
  }

  get packets(): ReadonlyArray<Uint8Array> {
    return this.payload
  }

  copy(): Message {
    return new BodyMessage(
      this.type,
      this.wholeTime,
      this.isVerified,
      this.body.slice(),
      0,
      this.#lengthsEnd - this.#start,
      this.#senderStart - this.#start,
      this.#idStart - this.#start,
      this.#timeStart - this.#start,
      this.#payloadStart - this.#start
    )
  }

  #readPayload(): ReadonlyArray<Uint8Array> {
    const payload: Array<Uint8Array> = []
    let start = this.#payloadStart
    for (let i = this.#start + fixedPackets * lengthBytes; i < this.#lengthsEnd; i += lengthBytes) {
      const end = start + Frame.readHeader(this.#bytes, i)
      payload.push(view(this.#bytes, start, end))
      start = end
    }
    return payload
  }
}
