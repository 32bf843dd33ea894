/**
 * The base 58 of a SHA-384 in WebAssembly (as `Base58.fromBytes`), which ids of messages are. The digest is read in pieces
 * of 24 bits and written in limbs of six digits. What a piece is worth in each limb is known, so that a limb is a sum of
 * at most 16 products below 2^24 * 58^6, which 64 bits hold, and of what the limb below it carries.
 */
import { alphabet } from "../Base58.ts"
import * as Assembly from "./Assembly.ts"
import { type Code, get, i32, i64, set } from "./Assembly.ts"
import { places as digestPlaces } from "./Sha2.ts"

const digestBytes = 48
const pieceBytes = 3
const pieceCount = digestBytes / pieceBytes
const limbDigits = 6
const limbCount = 12
const limbBase = 58n ** BigInt(limbDigits)
/** Digits are written two by two. */
const pairBase = 58n ** 2n

/** The longest text, and how long each is with zeros before it. */
export const textBytes = limbCount * limbDigits

/** Where the memory has what, besides the digest. */
export const places = {
  text: 896,
  /** The characters of all pairs of digits, in order, two bytes each; for JavaScript to fill. */
  pairs: 1024
} as const

/** What is to lie at `pairs`. */
export const pairs = (): ReadonlyArray<number> => {
  const digits = Array.from(alphabet, (digit) => digit.charCodeAt(0))
  return digits.flatMap((high) => digits.flatMap((low) => [high, low]))
}

/** `text()`: writes the text of the digest, and returns how many zeros lead it. */
export const definition = (): Assembly.Definition => {
  const [quotient, rest] = [0, 1]
  const pieces = Array.from({ length: pieceCount }, (_, index) => 2 + index)
  const [limb, carry] = [2 + pieceCount, 3 + pieceCount]
  const limbs = Array.from({ length: limbCount }, (_, index) => {
    const products = pieces.flatMap((piece, power) => {
      const worth = 256n ** BigInt(pieceBytes * power) / limbBase ** BigInt(index) % limbBase
      return worth === 0n ? [] : [i64.multiply(get(piece), i64.constant(worth))]
    })
    const start = textBytes - (index + 1) * limbDigits
    return [
      set(limb, i64.sum(...products, ...(index === 0 ? [] : [get(carry)]))),
      set(carry, i64.divide(get(limb), i64.constant(limbBase))),
      set(limb, i64.subtract(get(limb), i64.multiply(get(carry), i64.constant(limbBase)))),
      set(quotient, Assembly.low(i64.divide(get(limb), i64.constant(pairBase)))),
      writePair(start + 4, pairRest(Assembly.low(get(limb)), quotient)),
      set(rest, get(quotient)),
      set(quotient, i32.divide(get(rest), i32.constant(pairBase))),
      writePair(start + 2, pairRest(get(rest), quotient)),
      writePair(start, get(quotient))
    ]
  })
  return {
    name: "text",
    parameters: 0,
    returns: true,
    locals: { i32: 2, i64: pieceCount + 2 },
    body: [pieces.map((piece, index) => set(piece, readPiece(index))), limbs, countZeros(quotient)]
  }
}

/** A piece of the digest, of three bytes; the highest ones come first. */
const readPiece = (index: number): Code => {
  const start = digestBytes - (index + 1) * pieceBytes
  const byte = (offset: number): Code => Assembly.load8(i32.constant(digestPlaces.digest), start + offset)
  return Assembly.widen(i32.or(i32.or(i32.shiftLeft(byte(0), 16), i32.shiftLeft(byte(1), 8)), byte(2)))
}

const pairRest = (value: Code, quotient: Assembly.Local): Code =>
  i32.subtract(value, i32.multiply(get(quotient), i32.constant(pairBase)))

const writePair = (position: number, value: Code): Code => {
  const pair = Assembly.load16(i32.shiftLeft(value, 1), places.pairs)
  return Assembly.store16(i32.constant(places.text), position, pair)
}

/** Leaves the number of zeros before the text; the last digit is none of them. */
const countZeros = (count: Assembly.Local): Code => {
  const digit = Assembly.load8(get(count), places.text)
  const isZero = Assembly.isEqual(digit, i32.constant("1".charCodeAt(0)))
  const isBeforeLast = Assembly.isBelow(get(count), i32.constant(textBytes - 1))
  return [
    set(count, i32.constant(-1)),
    Assembly.repeat(set(count, i32.sum(get(count), i32.constant(1))), i32.and(isZero, isBeforeLast)),
    get(count)
  ]
}
