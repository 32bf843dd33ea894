/**
 * Base 58 as the wire protocol uses it (`docs/protocol.md`, "A frame"): the text of a number. Bytes are
 * read as one big-endian number, 0 is `"1"`, leading zero bytes leave no trace and leading `"1"`s
 * change nothing. This is not Bitcoin's form, which keeps count of leading zeros.
 *
 * Ids are digests in this form and every message carries one, so the way from digest to text works
 * on limbs of four digits and plain numbers.
 */
/**
 * The 58 digits, from 0 to 57.
 *
 * @category models
 * @since 0.1.0
 */
export const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

/** A limb holds four digits: 58^4 is below 2^23.5, and a sum of limbs times pieces of 24 bits an exact number. */
const limbDigits = 4
const limbBase = 58 ** limbDigits
/** The longest digest; longer bytes go through bigint. */
const maxFastBytes = 64
const pieceBytes = 3
const maxPieces = 22
const maxLimbs = 22
const maxDigits = maxLimbs * limbDigits
/** Texts of up to nine digits are exact as numbers: 58^9 is below 2^53. */
const maxNumberDigits = 9

const zeroDigit = 0x31
const digitCodes = /* @__PURE__ */ Uint8Array.from(alphabet, (digit) => digit.charCodeAt(0))
/** The value of each character code below 128, or 255. */
const digitValues = /* @__PURE__ */ makeDigitValues()
/** The character codes of two digits, the first one above. */
const pairBase = 58 ** 2
const pairCodes = /* @__PURE__ */ makePairCodes()
/** A column for each limb: what it holds of 2^(24 i), for each piece `i` of 24 bits, lowest first. */
const powers = /* @__PURE__ */ makePowers()
/** The first piece in each column that is not 0. */
const firstPieces = /* @__PURE__ */ makeFirstPieces()

const pieces = new Float64Array(maxPieces)
const limbs = new Float64Array(maxLimbs)
const scratch = new Uint8Array(maxDigits)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * The text of bytes read as a big-endian number.
 *
 * @category encoding
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): string => {
  if (bytes.length > maxFastBytes) return fromInteger(toBigInt(bytes))
  return decoder.decode(scratch.subarray(0, writeBytes(bytes, scratch, 0)))
}

/**
 * Writes the text of bytes (at most 64) as ASCII into `out` from `offset` on, and returns how many
 * digits it took: 88 at most.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeBytes = (bytes: Uint8Array, out: Uint8Array, offset: number): number => {
  const limbCount = toLimbs(bytes)
  let limb = limbCount - 1
  const length = writeInteger(limbs[limb]!, out, offset)
  // Below the highest, every limb is four digits: two pairs from the table.
  for (let position = offset + length; --limb >= 0; position += limbDigits) {
    const value = limbs[limb]! | 0
    const quotient = (value / pairBase) | 0
    const high = pairCodes[quotient]!
    const low = pairCodes[value - quotient * pairBase]!
    out[position] = high >>> 8
    out[position + 1] = high
    out[position + 2] = low >>> 8
    out[position + 3] = low
  }
  return length + (limbCount - 1) * limbDigits
}

/**
 * The text of an integer from 0 on; throws a `RangeError` for anything else.
 *
 * @category encoding
 * @since 0.1.0
 */
export const fromInteger = (integer: number | bigint): string => {
  if (integer < 0 || (typeof integer === "number" && !Number.isInteger(integer))) {
    throw new RangeError(`base 58 needs an integer from 0 on, not ${integer}`)
  }
  if (integer <= Number.MAX_SAFE_INTEGER) return fromSmall(Number(integer))
  let text = ""
  let rest = BigInt(integer)
  for (; rest > Number.MAX_SAFE_INTEGER; rest /= BigInt(limbBase)) {
    text = fromSmall(Number(rest % BigInt(limbBase))).padStart(limbDigits, "1") + text
  }
  return fromSmall(Number(rest)) + text
}

/**
 * Writes the text of an integer from 0 to 2^53 - 1 as ASCII into `out` from `offset` on, and
 * returns how many digits it took, at most ten.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeInteger = (integer: number, out: Uint8Array, offset: number): number => {
  let length = 1
  for (let rest = integer; rest >= 58; rest = Math.floor(rest / 58)) length++
  let rest = integer
  for (let i = offset + length - 1; i >= offset; i--) {
    const quotient = Math.floor(rest / 58)
    out[i] = digitCodes[rest - quotient * 58]!
    rest = quotient
  }
  return length
}

/**
 * The integer that a text stands for (`""` is 0); `undefined` when a character is foreign. Takes
 * time quadratic in the length: bound it first where a peer chose it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const toInteger = (text: string): bigint | undefined => {
  const integer = readInteger(encoder.encode(text))
  return integer === undefined ? undefined : BigInt(integer)
}

/**
 * The integer that ASCII bytes stand for: a number where nine digits hold it, else a bigint;
 * `undefined` when a byte is foreign.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readInteger = (text: Uint8Array): number | bigint | undefined => {
  let large = 0n
  for (let start = 0;; start += maxNumberDigits) {
    const end = Math.min(start + maxNumberDigits, text.length)
    let part = 0
    for (let i = start; i < end; i++) {
      const digit = digitValues[text[i]!] ?? 255
      if (digit === 255) return undefined
      part = part * 58 + digit
    }
    if (start === 0 && end === text.length) return part
    large = large * 58n ** BigInt(end - start) + BigInt(part)
    if (end === text.length) return large
  }
}

/**
 * The same text without its leading `"1"`s: the shortest form of the number (a view, of one digit
 * for 0 where there is one).
 *
 * @category math
 * @since 0.1.0
 */
export const shortest = (text: Uint8Array): Uint8Array => {
  if (text.length === 0) return zeroText
  let start = 0
  while (start < text.length - 1 && text[start] === zeroDigit) start++
  return start === 0 ? text : text.subarray(start)
}

const zeroText = /* @__PURE__ */ Uint8Array.of(zeroDigit)

/** Fills `limbs` with the number in `bytes` and returns how many of them it takes, at least one. */
const toLimbs = (bytes: Uint8Array): number => {
  if (bytes.length > maxFastBytes) throw new RangeError(`at most ${maxFastBytes} bytes, not ${bytes.length}`)
  const pieceCount = Math.ceil(bytes.length / pieceBytes)
  for (let i = 0, low = bytes.length - 1; i < pieceCount; i++, low -= pieceBytes) {
    pieces[i] = bytes[low]! | (low > 0 ? bytes[low - 1]! << 8 : 0) | (low > 1 ? bytes[low - 2]! << 16 : 0)
  }
  // 23.43 bits to a limb, rounded down: the count may be one too many, never one too few.
  const limbCount = Math.max(1, Math.ceil(bytes.length * 8 / 23.43))
  let carry = 0
  for (let limb = 0; limb < limbCount; limb++) {
    // At most 22 products below 2^24 * 2^23.5: the sum stays below 2^52, exact. In two sums, and the carry last, so
    // that no addition waits for the one before it.
    let sum = 0
    let other = 0
    const column = limb * maxPieces
    let i = firstPieces[limb]!
    for (; i + 1 < pieceCount; i += 2) {
      sum += pieces[i]! * powers[column + i]!
      other += pieces[i + 1]! * powers[column + i + 1]!
    }
    if (i < pieceCount) sum += pieces[i]! * powers[column + i]!
    sum += other + carry
    carry = Math.floor(sum / limbBase)
    limbs[limb] = sum - carry * limbBase
  }
  let top = limbCount
  while (top > 1 && limbs[top - 1] === 0) top--
  return top
}

/**
 * Bytes as a big-endian number.
 *
 * @category math
 * @since 0.1.0
 */
export const toBigInt = (bytes: Uint8Array): bigint => {
  let hex = "0x0"
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0")
  return BigInt(hex)
}

const fromSmall = (integer: number): string => {
  let text = ""
  let rest = integer
  do {
    const quotient = Math.floor(rest / 58)
    text = alphabet[rest - quotient * 58]! + text
    rest = quotient
  } while (rest > 0)
  return text
}

function makeDigitValues(): Uint8Array {
  const values = new Uint8Array(128).fill(255)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

function makePairCodes(): Uint16Array {
  const codes = new Uint16Array(pairBase)
  for (let i = 0; i < pairBase; i++) codes[i] = (digitCodes[(i / 58) | 0]! << 8) | digitCodes[i % 58]!
  return codes
}

function makePowers(): Float64Array {
  const table = new Float64Array(maxLimbs * maxPieces)
  table[0] = 1
  for (let piece = 1; piece < maxPieces; piece++) {
    let carry = 0
    for (let limb = 0; limb < maxLimbs; limb++) {
      const product = table[limb * maxPieces + piece - 1]! * 0x1000000 + carry
      carry = Math.floor(product / limbBase)
      table[limb * maxPieces + piece] = product - carry * limbBase
    }
  }
  return table
}

function makeFirstPieces(): Uint8Array {
  return Uint8Array.from({ length: maxLimbs }, (_, limb) => {
    let piece = 0
    while (piece < maxPieces && powers[limb * maxPieces + piece] === 0) piece++
    return piece
  })
}
