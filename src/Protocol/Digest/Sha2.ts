/**
 * SHA-224, SHA-256, SHA-384 and SHA-512 (FIPS 180-4) in WebAssembly: two functions, on words of 32 and of 64 bits, with
 * two beginnings each. The letters are those of the standard.
 */
import * as Assembly from "./Assembly.ts"
import { type Code, get, i32, i64, type Integer, type Local, set } from "./Assembly.ts"

/** One of the two functions. */
export interface Family {
  readonly word: Integer
  readonly blockBytes: number
  /** The bits of the sums over `a` and `e`, and of those that make the further words of a block. */
  readonly bits: { readonly a: Bits; readonly e: Bits; readonly near: Bits; readonly far: Bits }
  readonly roundCount: number
}

/** Three rotations to the right; for the words of a block the last one is a shift. */
type Bits = readonly [number, number, number]

/** Where the memory of a module has what. */
export const places = {
  constants: 0,
  /** States to begin with, of 64 bytes each. */
  initial: 640,
  state: 768,
  /** The state with the highest byte of each word first. */
  digest: 832,
  input: 8192
} as const

/** The number of `absorb` among the functions. */
const absorbIndex = 0

/** The functions of a module for one of the two; `initial`, `constants` and `input` are for JavaScript to fill. */
export const functions = (family: Family): ReadonlyArray<Assembly.Definition> => [
  absorb(family),
  start(family),
  finish(family)
]

/** `start(initial)`: begins with the state that lies there. */
const start = ({ word }: Family): Assembly.Definition => ({
  name: "start",
  parameters: 1,
  returns: false,
  locals: { i32: 0, i64: 0 },
  body: eight((index) => word.store(state, index * bytesOf(word), word.load(get(0), index * bytesOf(word))))
})

/** `absorb(address, end)`: takes the blocks that lie there into the state. */
const absorb = ({ bits, blockBytes, roundCount, word }: Family): Assembly.Definition => {
  const wordBytes = bytesOf(word)
  const [address, end, round] = [0, 1, 2]
  const block = Array.from({ length: 16 }, (_, index): Local => 3 + index)
  const variables = eight((index): Local => 19 + index)
  const sum = 27

  const rotated = (value: Local, [first, second, third]: Bits): ReadonlyArray<Code> => [
    word.rotateRight(get(value), first),
    word.rotateRight(get(value), second),
    word.rotateRight(get(value), third)
  ]
  const shifted = (value: Local, [first, second, third]: Bits): ReadonlyArray<Code> => [
    word.rotateRight(get(value), first),
    word.rotateRight(get(value), second),
    word.shiftRight(get(value), third)
  ]
  const rounds = block.map((input, index) => {
    // Instead of moving the variables on in each round, their names move.
    const [a, b, c, d, e, f, g, h] = eight((name) => variables[(name + 16 - index) % 8]!)
    const choice = word.xor(get(g), word.and(get(e), word.xor(get(f), get(g))))
    const majority = word.or(word.and(get(a), get(b)), word.and(get(c), word.or(get(a), get(b))))
    const constant = word.load(get(round), index * wordBytes)
    return [
      set(sum, word.sum(get(h), word.xor(...rotated(e, bits.e)), choice, constant, get(input))),
      set(d, word.sum(get(d), get(sum))),
      set(h, word.sum(get(sum), word.xor(...rotated(a, bits.a)), majority))
    ]
  })
  const nextWords = block.map((input, index) => {
    const ahead = (by: number): Local => block[(index + by) % 16]!
    const near = word.xor(...shifted(ahead(1), bits.near))
    const far = word.xor(...shifted(ahead(14), bits.far))
    return set(input, word.sum(get(input), near, get(ahead(9)), far))
  })
  const roundsEnd = i32.constant(places.constants + roundCount * wordBytes)
  return {
    name: "absorb",
    parameters: 2,
    returns: false,
    locals: word.bits === 64 ? { i32: 1, i64: 25 } : { i32: 26, i64: 0 },
    body: Assembly.repeat(
      [
        block.map((input, index) => [
          set(input, word.load(get(address), index * wordBytes)),
          reverse(word, input)
        ]),
        eight((index) => set(variables[index]!, word.load(state, index * wordBytes))),
        set(round, i32.constant(places.constants)),
        Assembly.repeat(
          [rounds, set(round, i32.sum(get(round), i32.constant(block.length * wordBytes)))],
          Assembly.isBelow(get(round), roundsEnd),
          nextWords
        ),
        eight((index) => {
          const before = word.load(state, index * wordBytes)
          return word.store(state, index * wordBytes, word.sum(before, get(variables[index]!)))
        }),
        set(address, i32.sum(get(address), i32.constant(blockBytes)))
      ],
      Assembly.isBelow(get(address), get(end))
    )
  }
}

/**
 * `finish(length, total)`: takes in the last `length` bytes of `total`, which lie at `input`, and writes the digest.
 * It writes behind them as well, up to a block.
 */
const finish = ({ blockBytes, word }: Family): Assembly.Definition => {
  const wordBytes = bytesOf(word)
  const [length, total, end, scratch32, scratch64] = [0, 1, 2, 3, 4]
  const scratch = word.bits === 64 ? scratch64 : scratch32
  const input = i32.constant(places.input)
  // Behind the bytes are a bit, zeros, and the number of bits in two words, to the end of a block.
  const room = i32.constant(2 * wordBytes + blockBytes)
  const padded = i32.and(i32.sum(get(length), room), i32.constant(-blockBytes))
  return {
    name: "finish",
    parameters: 2,
    returns: false,
    locals: { i32: 2, i64: 1 },
    body: [
      set(end, i32.sum(input, padded)),
      set(length, i32.sum(input, get(length))),
      Assembly.clear(get(length), i32.subtract(get(end), get(length))),
      Assembly.store8(get(length), i32.constant(0x80)),
      set(scratch64, i64.shiftLeft(Assembly.widen(get(total)), 3)),
      reverse(i64, scratch64),
      i64.store(i32.subtract(get(end), i32.constant(8)), 0, get(scratch64)),
      Assembly.call(absorbIndex, input, get(end)),
      eight((index) => [
        set(scratch, word.load(state, index * wordBytes)),
        reverse(word, scratch),
        word.store(i32.constant(places.digest), index * wordBytes, get(scratch))
      ])
    ]
  }
}

const bytesOf = (word: Integer): number => word.bits / 8

const state = /* @__PURE__ */ i32.constant(places.state)

/** What a state has eight of. */
const eight = <A>(make: (index: number) => A): readonly [A, A, A, A, A, A, A, A] => [
  make(0),
  make(1),
  make(2),
  make(3),
  make(4),
  make(5),
  make(6),
  make(7)
]

/** Turns the bytes of a word around. */
const reverse = (word: Integer, local: Local): Code => {
  /** Swaps neighbors of so many bits each; `lower` are the bits of the lower ones. */
  const swap = (bits: number, lower: bigint): Code => {
    const mask = word.constant(lower)
    const down = word.and(word.shiftRight(get(local), bits), mask)
    return set(local, word.or(down, word.shiftLeft(word.and(get(local), mask), bits)))
  }
  const turn = set(local, word.rotateRight(get(local), word.bits / 2))
  return word.bits === 32
    ? [swap(8, 0x00ff00ffn), turn]
    : [swap(8, 0x00ff00ff00ff00ffn), swap(16, 0x0000ffff0000ffffn), turn]
}

const primes = (count: number): ReadonlyArray<bigint> => {
  const found: Array<bigint> = []
  for (let candidate = 2n; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate)
  }
  return found
}

/** The first 64 bits behind the point of a root of a small number. */
const rootBits = (number: bigint, degree: 2n | 3n): bigint => {
  const radicand = number << (64n * degree)
  // Newton's method from above, which stops at the root rounded down.
  let root = BigInt(Math.ceil(Number(number) ** (1 / Number(degree)) * 2 ** 32) + 1) << 32n
  for (;;) {
    const next = ((degree - 1n) * root + radicand / root ** (degree - 1n)) / degree
    if (next >= root) return BigInt.asUintN(64, root)
    root = next
  }
}

export const sha512Family: Family = {
  word: i64,
  blockBytes: 128,
  roundCount: 80,
  bits: { a: [28, 34, 39], e: [14, 18, 41], near: [1, 8, 7], far: [19, 61, 6] }
}

export const sha256Family: Family = {
  word: i32,
  blockBytes: 64,
  roundCount: 64,
  bits: { a: [2, 13, 22], e: [6, 11, 25], near: [7, 18, 3], far: [17, 19, 10] }
}

/** The constants of the rounds. Of words of 32 bits, they are the upper halves. */
export const constants = ({ roundCount, word }: Family): ReadonlyArray<bigint> =>
  primes(roundCount).map((prime) => rootBits(prime, 3n) >> BigInt(64 - word.bits))

/** The state that each begins with. */
export const initialStates = {
  sha512: (): ReadonlyArray<bigint> => primes(8).map((prime) => rootBits(prime, 2n)),
  sha384: (): ReadonlyArray<bigint> => primes(16).slice(8).map((prime) => rootBits(prime, 2n)),
  sha256: (): ReadonlyArray<bigint> => initialStates.sha512().map((word) => word >> 32n),
  sha224: (): ReadonlyArray<bigint> => initialStates.sha384().map((word) => BigInt.asUintN(32, word))
}
