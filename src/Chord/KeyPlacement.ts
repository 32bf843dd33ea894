/**
 * Where keys lie on a ring: each has five positions, by five digests, so that five nodes in different
 * parts of the ring answer for it (`docs/protocol.md`, "The dictionary").
 */
import { type HashAlgorithm, hashAlgorithms, type Hashing } from "../Protocol/Hashing.ts"
import * as Ring from "./Ring.ts"

/**
 * The five hash tables, in the order in which positions are given.
 *
 * @category models
 * @since 0.1.0
 */
export const tables = hashAlgorithms

/**
 * Where a key lies.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyPlace {
  /** Its position in each table, in the order of `tables`. */
  readonly positions: ReadonlyArray<bigint>
  /**
   * 128 bits of its SHA-256 that name the key in exchanges between nodes. The low bits, because they
   * are spread evenly also over the keys of one arc.
   */
  readonly hash: bigint
}

/**
 * Computes places on a ring of 2^`bits` positions with the digests of `hashing`. Make one and keep
 * it: what caches places tells rings apart by this object. Throws a `RangeError` when the width is
 * not from 1 to 512.
 *
 * @category models
 * @since 0.1.0
 */
export class KeyPlacement {
  readonly hashing: Hashing["Service"]
  readonly bits: number
  /** How many zero bits each table's digests have behind them, in the order of `tables`. */
  readonly shifts: ReadonlyArray<number>

  /** `shiftOf`: the wire version's (`ChordManners.keyShift`). Default: none, as in version 0.4. */
  constructor(hashing: Hashing["Service"], bits: number, shiftOf: (table: HashAlgorithm) => number = () => 0) {
    Ring.size(bits)
    this.hashing = hashing
    this.bits = bits
    this.shifts = tables.map(shiftOf)
  }

  /** The place of a key: five digests, of which the low bits count. */
  of(key: string): KeyPlace {
    const bytes = encoder.encode(key)
    let hash = 0n
    const positions = tables.map((table, index) => {
      const digest = this.hashing.digest(table, bytes)
      if (table === hashTable) hash = lowBits(hashBits, digest)
      const shift = this.shifts[index]!
      return shift === 0 ? lowBits(this.bits, digest) : lowBits(this.bits - shift, digest) << BigInt(shift)
    })
    return { positions, hash }
  }
}

const encoder = new TextEncoder()
const hashBits = 128
const hashTable = "sha256"

/**
 * The lowest bits of a digest, read as a big-endian number of 4 bytes or a multiple of that. Many
 * times faster than reading all of it. @internal
 */
export const lowBits = (bits: number, digest: Uint8Array): bigint => {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.length)
  let number = 0n
  for (let offset = Math.max(0, digest.length - 8 * Math.ceil(bits / 64)); offset < digest.length;) {
    if ((digest.length - offset) % 8 === 0) {
      number = (number << 64n) | view.getBigUint64(offset)
      offset += 8
    } else {
      number = BigInt(view.getUint32(offset))
      offset += 4
    }
  }
  return BigInt.asUintN(bits, number)
}
