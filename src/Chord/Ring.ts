/**
 * Arithmetic on the ring of 2^bits positions that a chord places its nodes and keys on. Positions
 * are bigints from 0 to 2^bits - 1; clockwise is the direction of growing positions.
 *
 * Pure functions, each with the width as its first argument: 1 to 512 bits, the widest digest.
 * (Stoica et al., "Chord", SIGCOMM 2001, section IV.)
 */

/**
 * How many positions a ring has: 2^bits.
 *
 * @category math
 * @since 0.1.0
 */
export const size = (bits: number): bigint => sizes[bits] ?? makeSize(bits)

/** A shift of a bigint allocates, and every distance needs the size. */
const sizes: Array<bigint | undefined> = []

const makeSize = (bits: number): bigint => {
  if (!Number.isInteger(bits) || bits < 1 || bits > 512) {
    throw new RangeError(`a ring has 1 to 512 bits, not ${bits}`)
  }
  return sizes[bits] = 1n << BigInt(bits)
}

/**
 * The position of a number that may be larger than the ring, such as a digest: the number modulo
 * the size. Never negative.
 *
 * @category math
 * @since 0.1.0
 */
export const position = (bits: number, number: bigint): bigint => {
  const modulus = size(bits)
  if (number >= 0n && number < modulus) return number
  const rest = number % modulus
  return rest < 0n ? rest + modulus : rest
}

/**
 * How far `to` lies clockwise from `from`: 0 when they are the same, otherwise up to 2^bits - 1.
 *
 * @category math
 * @since 0.1.0
 */
export const distance = (bits: number, from: bigint, to: bigint): bigint => position(bits, to - from)

/**
 * Whether `candidate` lies strictly between `from` and `to`, going clockwise. With `from` equal to
 * `to` that is the whole ring but this one position.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isBetween = (bits: number, from: bigint, candidate: bigint, to: bigint): boolean => {
  const toCandidate = distance(bits, from, candidate)
  if (toCandidate === 0n) return false
  const toEnd = distance(bits, from, to)
  return toEnd === 0n || toCandidate < toEnd
}

/**
 * The same question as `isBetween` asks, for positions that are known to be on one ring (0 to
 * 2^bits - 1): it compares and does no arithmetic, so it needs no width. With `from` equal to `to`
 * that is every position but this one.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isClockwise = (from: bigint, candidate: bigint, to: bigint): boolean =>
  from < to ? from < candidate && candidate < to : candidate > from || candidate < to

/**
 * The position after this one, round the end of the ring.
 *
 * @category math
 * @since 0.1.0
 */
export const next = (bits: number, own: bigint): bigint => position(bits, own + 1n)

/**
 * Where finger `index` of a node points: `own + 2^index`, `index` from 0 to bits - 1.
 *
 * @category math
 * @since 0.1.0
 */
export const fingerStart = (bits: number, own: bigint, index: number): bigint =>
  position(bits, own + (1n << BigInt(index)))

/**
 * A position as a text of as many hexadecimal digits as the widest one has, so that texts sort as positions do.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toHex = (bits: number, position: bigint): string =>
  position.toString(16).padStart(Math.ceil(bits / 4), "0")
