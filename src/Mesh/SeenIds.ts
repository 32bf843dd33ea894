/**
 * The ids of broadcasts that went through this node, so that none is handled or relayed twice
 * (`docs/protocol.md`, "Broadcasts"). Bounded in time, to the second, and in number.
 *
 * An id is known by its first 24 bytes on the wire, 140 bits of a digest at least, which nobody can make
 * twice. They lie in arrays of numbers, in the order in which they came, with a hash table of their places: no text, no object and
 * no entry of a map for each message.
 *
 * Every id is kept for the same time, a second more than the relay window and the allowed skew together: a
 * message stamped as far in the future as is allowed stays within the window that long. So the order of
 * insertion is the order of expiry, and nothing has to be searched.
 */
import { knownIdBytes, type KnownIds } from "../Protocol/Message.ts"

const wordsEach = knownIdBytes / 4
/** Words of a place in the table. */
const placeWords = 2
const minCapacity = 16
const empty = 0

/**
 * Remembers ids for a number of seconds.
 *
 * @category models
 * @since 0.1.0
 */
export class SeenIds implements KnownIds {
  readonly #lifetimeSeconds: number
  readonly #maxCount: number
  /** What mixes ids into places of the table: unknown to others, or they could make ids that all fall together. */
  readonly #factors: readonly [number, number]
  /** A ring of ids from `#oldest` on; its capacity is a power of two. */
  #words = new Uint32Array(0)
  #lastSeconds = new Float64Array(0)
  #oldest = 0
  #count = 0
  /**
   * Twice as many places, of two words each: `empty`, or a position in the ring and one, and the mixed id, so that the
   * ring is looked at for the right id alone. Collisions lie behind each other.
   */
  #table = new Uint32Array(0)
  #shift = 0
  #sweptSecond = Number.NEGATIVE_INFINITY

  /** `secret`: two random numbers. */
  constructor(lifetimeSeconds: number, maxCount: number, secret: readonly [number, number]) {
    this.#lifetimeSeconds = lifetimeSeconds
    this.#maxCount = maxCount
    this.#factors = [secret[0] | 1, secret[1] | 1]
  }

  /** How many ids are remembered. */
  get count(): number {
    return this.#count
  }

  /** Whether the id is known whose first 24 bytes are those from `start` on. */
  has(bytes: Uint8Array, start: number): boolean {
    return this.#count > 0 && this.#isKnown(bytes, start)
  }

  /**
   * Notes an id of 24 bytes or more from now on; `false` when it is known already. At `maxCount` the id noted
   * longest ago is forgotten first.
   */
  add(id: Uint8Array, nowSecond: number): boolean {
    if (nowSecond !== this.#sweptSecond) this.#sweep(nowSecond)
    // Most of what a simulation starts is idle: nothing is taken before the first id.
    if (this.#table.length === 0) this.#resize(minCapacity)
    if (this.#isKnown(id, 0)) return false
    if (this.#count >= this.#maxCount) this.#forgetOldest()
    else if (this.#count === this.#lastSeconds.length) this.#resize(this.#count * 2)
    const position = (this.#oldest + this.#count) & (this.#lastSeconds.length - 1)
    for (let i = 0; i < wordsEach; i++) this.#words[position * wordsEach + i] = wordAt(id, i * 4)
    this.#lastSeconds[position] = nowSecond + this.#lifetimeSeconds
    this.#count++
    this.#enter(position)
    return true
  }

  #isKnown(bytes: Uint8Array, start: number): boolean {
    const words = this.#words
    const table = this.#table
    const mask = table.length - 1
    const first = wordAt(bytes, start)
    const second = wordAt(bytes, start + 4)
    const mixed = this.#mix(first, second)
    let place = this.#placeOf(mixed)
    for (let found = table[place]!; found !== empty; found = table[place]!) {
      const at = (found - 1) * wordsEach
      if (
        table[place + 1] === mixed &&
        words[at] === first && words[at + 1] === second && words[at + 2] === wordAt(bytes, start + 8) &&
        words[at + 3] === wordAt(bytes, start + 12) && words[at + 4] === wordAt(bytes, start + 16) &&
        words[at + 5] === wordAt(bytes, start + 20)
      ) return true
      place = (place + placeWords) & mask
    }
    return false
  }

  #mix(first: number, second: number): number {
    return (Math.imul(first, this.#factors[0]) + Math.imul(second, this.#factors[1])) >>> 0
  }

  /** Where it begins to be looked for. */
  #placeOf(mixed: number): number {
    return (mixed >>> this.#shift) * placeWords
  }

  /** Has the table lead to an id of the ring. */
  #enter(position: number): void {
    const table = this.#table
    const mask = table.length - 1
    const mixed = this.#mix(this.#words[position * wordsEach]!, this.#words[position * wordsEach + 1]!)
    let place = this.#placeOf(mixed)
    while (table[place] !== empty) place = (place + placeWords) & mask
    table[place] = position + 1
    table[place + 1] = mixed
  }

  #sweep(nowSecond: number): void {
    this.#sweptSecond = nowSecond
    while (this.#count > 0 && this.#lastSeconds[this.#oldest]! < nowSecond) this.#forgetOldest()
    // After a flood: what it took is given back.
    let capacity = this.#lastSeconds.length
    while (capacity > minCapacity && this.#count * 8 <= capacity) capacity /= 2
    if (capacity < this.#lastSeconds.length) this.#resize(capacity)
  }

  #forgetOldest(): void {
    const table = this.#table
    const mask = table.length - 1
    const at = this.#oldest * wordsEach
    let hole = this.#placeOf(this.#mix(this.#words[at]!, this.#words[at + 1]!))
    while (table[hole] !== this.#oldest + 1) hole = (hole + placeWords) & mask
    // Those behind it move up, unless they are where they began to be looked for, or behind that.
    for (let place = (hole + placeWords) & mask; table[place] !== empty; place = (place + placeWords) & mask) {
      const start = this.#placeOf(table[place + 1]!)
      if (((place - start) & mask) < ((place - hole) & mask)) continue
      table[hole] = table[place]!
      table[hole + 1] = table[place + 1]!
      hole = place
    }
    table[hole] = empty
    this.#oldest = (this.#oldest + 1) & (this.#lastSeconds.length - 1)
    this.#count--
  }

  #resize(capacity: number): void {
    this.#words = unwound(new Uint32Array(capacity * wordsEach), this.#words, this.#oldest * wordsEach)
    this.#lastSeconds = unwound(new Float64Array(capacity), this.#lastSeconds, this.#oldest)
    this.#table = new Uint32Array(capacity * 2 * placeWords)
    this.#shift = Math.clz32(capacity * 2 - 1)
    this.#oldest = 0
    for (let position = 0; position < this.#count; position++) this.#enter(position)
  }
}

/** What a ring holds from `start` on, in order, as far as there is room for it. */
const unwound = <A extends Uint32Array | Float64Array>(out: A, ring: A, start: number): A => {
  const first = ring.subarray(start, start + Math.min(out.length, ring.length - start))
  out.set(first)
  out.set(ring.subarray(0, Math.min(out.length - first.length, start)), first.length)
  return out
}

const wordAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0
