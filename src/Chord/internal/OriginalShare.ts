/**
 * What original nodes stored with this node: values under a hash table and a whole digest, because the
 * protocol sends no key with them (`docs/protocol.md`, "The dictionary"). Beside the records of the dictionary and
 * apart from them: such a value has no version, and only the time at which one of ours took it.
 *
 * Kept in memory only, for originals keep theirs nowhere else either. When it is full the value goes
 * that was stored or asked for longest ago: a `store` is not answered, so none could be refused.
 */
import { digestBytes, type HashAlgorithm } from "../../Protocol/Hashing.ts"
import { tables } from "../KeyPlacement.ts"
import { OriginalKeys } from "./OriginalKeys.ts"

/** Where an original node places a value. */
export interface OriginalPlace {
  readonly table: HashAlgorithm
  /** The whole digest of a key, not reduced to the ring. */
  readonly digest: bigint
  /** The same on the ring. */
  readonly position: bigint
}

/** A value, and when one of ours took it, in milliseconds since 1970. */
export interface OriginalValue {
  readonly value: Uint8Array
  readonly atMillis: number
}

/** What of a `KeyPlacement` says where digests lie. */
export interface RingShape {
  readonly bits: number
  readonly shifts: ReadonlyArray<number>
}

/** The place of a digest; undefined for another table, or a number larger than its digests. */
export const placeOf = ({ bits, shifts }: RingShape, name: string, digest: bigint): OriginalPlace | undefined => {
  const index = tables.findIndex((table) => table === name)
  const table = tables[index]
  if (table === undefined || digest >> BigInt(8 * digestBytes[table]) !== 0n) return undefined
  return { table, digest, position: BigInt.asUintN(bits, digest << BigInt(shifts[index]!)) }
}

/** The same by the number that originals say, which has the zero bits behind the digest. */
export const placeOfNumber = (shape: RingShape, name: string, number: bigint): OriginalPlace | undefined => {
  const shift = BigInt(shape.shifts[tables.findIndex((table) => table === name)] ?? 0)
  return (number >> shift) << shift === number ? placeOf(shape, name, number >> shift) : undefined
}

/** A place as a text, the same for the same place only. */
export const nameOf = ({ digest, table }: OriginalPlace): string => `${table} ${digest.toString(36)}`

/** The bound of a share. */
export interface OriginalLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** What a value takes beside its own bytes, about. */
const overheadBytes = 256

export class OriginalShare {
  /** The keys of the dictionary's records, as originals name them. */
  readonly keys = new OriginalKeys()
  readonly #limits: OriginalLimits
  /** The one that goes first comes first. */
  readonly #values = new Map<string, OriginalValue>()
  #bytes = 0

  constructor(limits: OriginalLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#values.size
  }

  /** What is held, in bytes: 256 for each value and the value itself. */
  get bytes(): number {
    return this.#bytes
  }

  get(place: OriginalPlace): OriginalValue | undefined {
    const name = nameOf(place)
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    this.#values.delete(name)
    this.#values.set(name, value)
    return value
  }

  /** Takes a value, unless a later one is there; the bytes are kept as they are, not copied. */
  put(place: OriginalPlace, taken: OriginalValue): void {
    const name = nameOf(place)
    const held = this.#values.get(name)
    if (held !== undefined && held.atMillis > taken.atMillis) return
    this.#remove(name)
    this.#values.set(name, taken)
    this.#bytes += sizeOf(taken)
    const { maxBytes, maxRecords } = this.#limits
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= maxRecords && this.#bytes <= maxBytes) return
      this.#remove(oldest)
    }
  }

  #remove(name: string): void {
    const held = this.#values.get(name)
    if (held === undefined) return
    this.#values.delete(name)
    this.#bytes -= sizeOf(held)
  }
}

const sizeOf = ({ value }: OriginalValue): number => overheadBytes + value.length
