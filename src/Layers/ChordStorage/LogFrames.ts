/**
 * The bytes of a log of records: a header, then a frame for each change. Frames carry a checksum, and
 * a marker that was drawn for this file: so a reader finds the next whole frame behind a torn or
 * damaged one, and nobody can hide a frame in a value that he has stored.
 *
 * Header: `p2pshare`, format (4 bytes), marker (4), CRC-32 of the 16 bytes before (4). Frame: marker
 * (4), length of the payload (4), CRC-32 of the payload (4), payload. Payload: 0 and a record, or 1
 * and the UTF-8 of a key that is forgotten. Numbers are big-endian.
 */
import * as Record from "../../Chord/Record.ts"

/** The length of the header. */
export const headerBytes = 20
const format = 1
const frameHeadBytes = 12
/** No payload is longer: what says so is damaged. */
const maxPayloadBytes = 1 + 1024 + 65_535 + Record.absoluteMaxValueBytes

const putKind = 0
const forgetKind = 1
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const magic = encoder.encode("p2pshare")

/** The header of a log whose frames begin with `marker`, a number of 32 bits. */
export const encodeHeader = (marker: number): Uint8Array => {
  const out = new Uint8Array(headerBytes)
  const view = new DataView(out.buffer)
  out.set(magic)
  view.setUint32(8, format)
  view.setUint32(12, marker)
  view.setUint32(16, crc32(out.subarray(0, 16)))
  return out
}

/** The marker of a log with this header; a text that says what is wrong when it is none. */
export const decodeHeader = (bytes: Uint8Array): number | string => {
  if (magic.some((byte, index) => bytes[index] !== byte)) return "it is no log of records"
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(16) !== crc32(bytes.subarray(0, 16))) return "its first bytes are damaged"
  return view.getUint32(8) === format ? view.getUint32(12) : `its format is ${view.getUint32(8)}, known is ${format}`
}

/** The frame of a change: a record, or `undefined` for a key that is forgotten. */
export const encodeFrame = (marker: number, key: string, record: Record.Record | undefined): Uint8Array => {
  const content = record === undefined ? encoder.encode(key) : Record.encode(record)
  const payloadBytes = 1 + content.length
  if (payloadBytes > maxPayloadBytes) throw new RangeError(`a record of ${content.length} bytes fits in no log`)
  const out = new Uint8Array(frameHeadBytes + payloadBytes)
  const view = new DataView(out.buffer)
  out[frameHeadBytes] = record === undefined ? forgetKind : putKind
  out.set(content, frameHeadBytes + 1)
  view.setUint32(0, marker)
  view.setUint32(4, payloadBytes)
  view.setUint32(8, crc32(out.subarray(frameHeadBytes)))
  return out
}

/** How long a frame is beside the record. */
export const frameOverheadBytes = frameHeadBytes + 1

/** Takes the changes of a log as they are read. */
export interface ChangeReader {
  readonly load: (record: Record.Record) => void
  readonly unload: (key: string) => void
}

/**
 * Reads frames out of chunks. What is no frame is passed over and counted.
 */
export class FrameReader {
  /** Bytes that were no part of a whole frame. */
  skippedBytes = 0
  /** Changes read. */
  changeCount = 0
  readonly #marker: number
  readonly #reader: ChangeReader
  #rest = new Uint8Array(0)

  constructor(marker: number, reader: ChangeReader) {
    this.#marker = marker
    this.#reader = reader
  }

  /** Reads on with the next bytes of the file. */
  push(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#rest.length + chunk.length)
    bytes.set(this.#rest)
    bytes.set(chunk, this.#rest.length)
    this.#rest = bytes.slice(this.#read(bytes, false))
  }

  /** The file is at its end. */
  end(): void {
    this.#read(this.#rest, true)
    this.#rest = new Uint8Array(0)
  }

  /** Reads what is whole; gives where to go on when more bytes are there. */
  #read(bytes: Uint8Array, isLast: boolean): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let offset = 0
    while (offset < bytes.length) {
      const length = this.#frameBytes(view, offset)
      if (length === undefined) {
        if (!isLast) return offset
      } else if (length > 0) {
        offset += length
        continue
      }
      const next = this.#findMarker(view, offset + 1)
      this.skippedBytes += next - offset
      offset = next
    }
    return offset
  }

  /** Reads the frame there; gives its length, 0 when there is none, `undefined` when it may go on. */
  #frameBytes(view: DataView, offset: number): number | undefined {
    const left = view.byteLength - offset
    if (left >= 4 && view.getUint32(offset) !== this.#marker) return 0
    if (left < frameHeadBytes) return undefined
    const payloadBytes = view.getUint32(offset + 4)
    if (payloadBytes === 0 || payloadBytes > maxPayloadBytes) return 0
    if (left < frameHeadBytes + payloadBytes) return undefined
    const payload = new Uint8Array(view.buffer, view.byteOffset + offset + frameHeadBytes, payloadBytes)
    if (crc32(payload) !== view.getUint32(offset + 8) || !this.#take(payload)) return 0
    this.changeCount++
    return frameHeadBytes + payloadBytes
  }

  #take(payload: Uint8Array): boolean {
    const content = payload.subarray(1)
    if (payload[0] === forgetKind) {
      this.#reader.unload(decoder.decode(content))
      return true
    }
    const record = payload[0] === putKind ? Record.decode(content) : undefined
    if (record !== undefined) this.#reader.load(record)
    return record !== undefined
  }

  /** Where the next marker begins, or could begin. */
  #findMarker(view: DataView, from: number): number {
    for (let offset = from; offset + 4 <= view.byteLength; offset++) {
      if (view.getUint32(offset) === this.#marker) return offset
    }
    return Math.max(from, view.byteLength - 3)
  }
}

const crcTable = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : 0xedb88320 ^ (value >>> 1)
  return value
})

const crc32 = (bytes: Uint8Array): number => {
  let value = 0xffffffff
  for (let index = 0; index < bytes.length; index++) {
    value = crcTable[(value ^ bytes[index]!) & 0xff]! ^ (value >>> 8)
  }
  return ~value >>> 0
}
