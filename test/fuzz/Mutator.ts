/** Changes of bytes that know nothing of what they mean, in the manner of AFL. */
import type { Draws } from "./Draws.ts"

const interesting = [0, 1, 2, 3, 4, 7, 8, 16, 63, 64, 127, 128, 254, 255]
const lengths = [0, 1, 4, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

type Change = (bytes: Uint8Array, draws: Draws, other: Uint8Array) => Uint8Array

const spliced = (bytes: Uint8Array, start: number, end: number, insert: Uint8Array): Uint8Array => {
  const out = new Uint8Array(start + insert.length + bytes.length - end)
  out.set(bytes.subarray(0, start))
  out.set(insert, start)
  out.set(bytes.subarray(end), start + insert.length)
  return out
}

const changes: ReadonlyArray<Change> = [
  (bytes, draws) => {
    const at = draws.below(bytes.length)
    bytes[at] = bytes[at]! ^ (1 << draws.below(8))
    return bytes
  },
  (bytes, draws) => {
    bytes[draws.below(bytes.length)] = draws.pick(interesting)
    return bytes
  },
  (bytes, draws) => {
    bytes[draws.below(bytes.length)] = draws.below(256)
    return bytes
  },
  (bytes, draws) => {
    if (bytes.length < 4) return bytes
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(draws.below(bytes.length - 3), draws.pick(lengths))
    return bytes
  },
  (bytes, draws) => {
    const start = draws.below(bytes.length)
    return spliced(bytes, start, Math.min(bytes.length, start + 1 + draws.below(16)), new Uint8Array(0))
  },
  (bytes, draws) => bytes.subarray(0, draws.below(bytes.length + 1)),
  (bytes, draws) => {
    const at = draws.below(bytes.length + 1)
    return spliced(bytes, at, at, draws.bytes(1 + draws.below(8)))
  },
  (bytes, draws) => {
    const start = draws.below(bytes.length)
    const part = bytes.slice(start, start + 1 + draws.below(64))
    const at = draws.below(bytes.length + 1)
    return spliced(bytes, at, at, part)
  },
  (bytes, draws, other) =>
    spliced(bytes, draws.below(bytes.length + 1), bytes.length, other.subarray(draws.below(other.length + 1)))
]

/** Up to eight changes one after the other, cut to `maxBytes`; `other` is what parts are taken from. */
export const mutate = (input: Uint8Array, other: Uint8Array, draws: Draws, maxBytes: number): Uint8Array => {
  let bytes: Uint8Array = input.slice()
  for (let left = 1 + draws.below(8); left > 0; left--) {
    bytes = bytes.length === 0 ? draws.bytes(1 + draws.below(8)) : draws.pick(changes)(bytes, draws, other)
  }
  return bytes.slice(0, maxBytes)
}
