/**
 * Whole values of msgpack, by `@msgpack/msgpack`. What is read has been measured before
 * (`MessagePack.skip`), so that neither its depth nor a size it announces is a stranger's to choose.
 */
import { decode as unpack, encode as pack } from "@msgpack/msgpack"
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
    hasStandIn = false
    const value = unpack(bytes, { keyDecoder })
    return { value: hasStandIn ? restored(value) : value }
  } catch {
    return undefined
  }
}

const proto = "__proto__"

/** What the library is given for that key, which it refuses: it would assign it. No text in UTF-8 is this one. */
const standIn = `\ud800${proto}`
let hasStandIn = false

/** The keys that are as long as that one. */
const keyDecoder = {
  canBeCached: (byteLength: number): boolean => byteLength === proto.length,
  decode(bytes: Uint8Array, offset: number, byteLength: number): string {
    const key = decoder.decode(bytes.subarray(offset, offset + byteLength))
    if (key !== proto) return key
    hasStandIn = true
    return standIn
  }
}

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true })

const restored = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(restored)
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key === standIn ? proto : key, restored(item)])
  )
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
