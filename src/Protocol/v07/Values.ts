/**
 * Whole values of msgpack, by `@msgpack/msgpack`. What is read has been measured before
 * (`MessagePack.skip`), so that neither its depth nor a size it announces is a stranger's to choose.
 */
import { decode as unpack, encode as pack } from "@msgpack/msgpack"
import * as MessagePack from "./MessagePack.ts"

/**
 * The value that bytes stand for, in an object because it can be anything; `undefined` when they are
 * not exactly one value of bounded depth. Texts are strings, bytes `Uint8Array`, nil is null, maps are
 * plain objects, without inherited keys; one with a key that is neither text nor number is refused,
 * and so is the key `__proto__`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): { readonly value: unknown } | undefined => {
  if (MessagePack.skip(bytes, 0) !== bytes.length) return undefined
  try {
    return { value: unpack(bytes) }
  } catch {
    return undefined
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
