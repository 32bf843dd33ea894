/** Parts of bytes, by offsets, for the codecs. */

const empty = new Uint8Array(0)

/** A view. Unlike `subarray`, of a plain `Uint8Array` whatever class `bytes` has, and faster for those of sockets. */
export const view = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  start === end ? empty : new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)

/** Whether the bytes from `start` to `end` are those of `other`. */
export const isAt = (bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean => {
  if (end - start !== other.length) return false
  for (let i = 0; i < other.length; i++) {
    if (bytes[start + i] !== other[i]) return false
  }
  return true
}

/** Whether both hold the same. */
export const isEqual = (a: Uint8Array, b: Uint8Array): boolean => isAt(a, 0, a.length, b)

/** Returns where the copy ends. For a few bytes a loop takes a fraction of what `set` does. */
export const copy = (bytes: Uint8Array, out: Uint8Array, position: number): number => {
  if (bytes.length > 24) out.set(bytes, position)
  else for (let i = 0; i < bytes.length; i++) out[position + i] = bytes[i]!
  return position + bytes.length
}
