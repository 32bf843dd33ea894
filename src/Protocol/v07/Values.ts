/**
 * Whole values of msgpack. They are written by `@msgpack/msgpack`, and read here: that refuses the key `__proto__`, and
 * drops a byte order mark in front of longer texts, which are others then. What is read has been measured before
 * (`MessagePack.skip`), so that neither its depth nor a size it announces is a stranger's to choose.
 */
import { encode as pack, ExtensionCodec } from "@msgpack/msgpack"
import * as MessagePack from "./MessagePack.ts"

/**
 * The value that bytes stand for, in an object because it can be anything; `undefined` when they are
 * not exactly one value of bounded depth. Texts are strings, bytes `Uint8Array`, nil is null, maps are
 * plain objects, without inherited keys, and `__proto__` is a key like others; a map with a key that is
 * neither text nor number is refused.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): { readonly value: unknown } | undefined => {
  if (MessagePack.skip(bytes, 0) !== bytes.length) return undefined
  try {
    return { value: new Reader(bytes).next() }
  } catch {
    return undefined
  }
}

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true })
const asAnyOther = { configurable: true, enumerable: true, writable: true }
/** Texts of no more bytes are read here, which is sooner, and leaves halves of surrogate pairs as they are. */
const maxShortBytes = 200

/** Reads values that are known to be whole, one after the other. */
class Reader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): unknown {
    const from = this.#position
    const tag = this.#bytes[from]!
    if (tag < 0x80) {
      this.#position++
      return tag
    }
    const { childCount, end, kind, start } = MessagePack.readHeader(this.#bytes, from)!
    this.#position = end
    if (kind === "text") return this.#text(start, end)
    if (kind === "bytes") return this.#bytes.subarray(start, end)
    if (kind === "list") return this.#list(childCount)
    if (tag < 0x90 || tag === 0xde || tag === 0xdf) return this.#map(childCount)
    return this.#single(tag, from, start, end)
  }

  #text(start: number, end: number): string {
    if (end - start > maxShortBytes) return decoder.decode(this.#bytes.subarray(start, end))
    let text = ""
    for (let index = start; index < end;) {
      const first = this.#bytes[index++]!
      let more = first < 0xc0 || first >= 0xf8 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
      let point = more === 0 ? first : first & (0x3f >> more)
      // Programs put bytes of all kinds into texts: those that are no UTF-8 stand for something, too. What comes behind the
      // text does not.
      for (; more > 0; more--, index++) point = point << 6 | (index < end ? this.#bytes[index]! & 0x3f : 0)
      text += String.fromCodePoint(point > 0x10ffff ? point - 0x100000 : point)
    }
    return text
  }

  #list(count: number): ReadonlyArray<unknown> {
    const list: Array<unknown> = []
    for (let index = 0; index < count; index++) list.push(this.next())
    return list
  }

  #map(count: number): object {
    const map: { [key: string]: unknown } = {}
    for (let index = 0; index < count; index += 2) {
      const key = this.next()
      if (typeof key !== "string" && typeof key !== "number") throw new RangeError("no object has such a key")
      const value = this.next()
      // Not by assignment, which would set what the map inherits.
      if (key === "__proto__") Object.defineProperty(map, key, { ...asAnyOther, value })
      else map[key] = value
    }
    return map
  }

  #single(tag: number, from: number, start: number, end: number): unknown {
    const bytes = this.#bytes
    if (tag === 0xc0) return null
    if (tag === 0xc2 || tag === 0xc3) return tag === 0xc3
    if (tag === 0xca || tag === 0xcb) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + start)
      return tag === 0xca ? view.getFloat32(0) : view.getFloat64(0)
    }
    const integer = MessagePack.readInteger(bytes, from, end)
    if (integer !== undefined) return Number(integer)
    const type = bytes[start]! << 24 >> 24
    return ExtensionCodec.defaultCodec.decode(bytes.subarray(start + 1, end), type, undefined)
  }
}

/**
 * A value as bytes, in the shortest forms: JSON's kinds, bytes, and whole numbers of 64 bits. Throws a
 * `RangeError` for what has no form (functions, symbols) or nests deeper than `MessagePack.maxDepth`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (value: unknown): Uint8Array => {
  try {
    return pack(value, { ignoreUndefined: true, maxDepth: MessagePack.maxDepth + 1 })
  } catch (error) {
    throw new RangeError(
      `a value that the wire cannot carry: ${error instanceof Error ? error.message : String(error)}`
    )
  }
}
