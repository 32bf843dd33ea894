/**
 * WebAssembly by hand: instructions as lists of bytes, which put together read as formulas. As little of it as the
 * digests need. The numbers are those of the specification (WebAssembly Core, 5.4 Instructions, 5.5 Modules).
 */

/** Instructions, of which an expression leaves one value. */
export type Code = number | ReadonlyArray<Code>

/** A local variable of a function, by its number; parameters come first. */
export type Local = number

/** A function for JavaScript, of `i32`s, which returns nothing or one. */
export interface Definition {
  readonly name: string
  readonly parameters: number
  readonly returns: boolean
  /** The locals behind the parameters: so many `i32`s, then so many `i64`s. */
  readonly locals: { readonly i32: number; readonly i64: number }
  readonly body: Code
}

/** The instructions of one kind of integer, without sign; all wrap around. */
export interface Integer {
  readonly bits: 32 | 64
  readonly constant: (value: number | bigint) => Code
  readonly sum: (...terms: ReadonlyArray<Code>) => Code
  readonly subtract: (from: Code, amount: Code) => Code
  readonly multiply: (a: Code, b: Code) => Code
  readonly divide: (dividend: Code, divisor: Code) => Code
  readonly and: (a: Code, b: Code) => Code
  readonly or: (a: Code, b: Code) => Code
  readonly xor: (...terms: ReadonlyArray<Code>) => Code
  readonly shiftLeft: (value: Code, bits: number) => Code
  readonly shiftRight: (value: Code, bits: number) => Code
  readonly rotateRight: (value: Code, bits: number) => Code
  /** What lies `offset` bytes behind an address, its lowest byte first. */
  readonly load: (address: Code, offset: number) => Code
  readonly store: (address: Code, offset: number, value: Code) => Code
}

const integer = (
  bits: 32 | 64,
  opcodes: { readonly constant: number; readonly add: number; readonly load: number; readonly store: number }
): Integer => {
  const alignment = bits === 32 ? 2 : 3
  // The instructions of arithmetic lie in the same order behind `add` for both kinds.
  const binary = (number: number) => (a: Code, b: Code): Code => [a, b, opcodes.add + number]
  const chain = (number: number) => (...terms: ReadonlyArray<Code>): Code => terms.reduce(binary(number))
  const constant = (value: number | bigint): Code => [opcodes.constant, signed(BigInt.asIntN(bits, BigInt(value)))]
  const shift = (number: number) => (value: Code, by: number): Code => binary(number)(value, constant(by))
  return {
    bits,
    constant,
    sum: chain(0),
    subtract: binary(1),
    multiply: binary(2),
    divide: binary(4),
    and: binary(7),
    or: binary(8),
    xor: chain(9),
    shiftLeft: shift(10),
    shiftRight: shift(12),
    rotateRight: shift(14),
    load: (address, offset) => [address, opcodes.load, alignment, unsigned(offset)],
    store: (address, offset, value) => [address, value, opcodes.store, alignment, unsigned(offset)]
  }
}

export const i32 = /* @__PURE__ */ integer(32, { constant: 0x41, add: 0x6a, load: 0x28, store: 0x36 })
export const i64 = /* @__PURE__ */ integer(64, { constant: 0x42, add: 0x7c, load: 0x29, store: 0x37 })

export const get = (local: Local): Code => [0x20, unsigned(local)]
export const set = (local: Local, value: Code): Code => [value, 0x21, unsigned(local)]
/** The low half of an `i64`. */
export const low = (value: Code): Code => [value, 0xa7]
/** An `i32` as an `i64`. */
export const widen = (value: Code): Code => [value, 0xad]
export const load8 = (address: Code, offset: number): Code => [address, 0x2d, 0, unsigned(offset)]
export const store8 = (address: Code, value: Code): Code => [address, value, 0x3a, 0, 0]
export const load16 = (address: Code, offset: number): Code => [address, 0x2f, 1, unsigned(offset)]
export const store16 = (address: Code, offset: number, value: Code): Code => [address, value, 0x3b, 1, unsigned(offset)]
/** Of `i32`s. */
export const isEqual = (a: Code, b: Code): Code => [a, b, 0x46]
export const isBelow = (a: Code, b: Code): Code => [a, b, 0x49]
/** Fills so many bytes from an address on with 0. */
export const clear = (address: Code, length: Code): Code => [address, i32.constant(0), length, 0xfc, 11, 0]
/** Runs `body`, and as long as `condition` holds after it, `between` and `body` again. */
export const repeat = (body: Code, condition: Code, between: Code = []): Code => [
  [0x03, 0x40, body],
  [condition, 0x04, 0x40, between, 0x0c, 1, 0x0b],
  0x0b
]
/** Calls a function of the module by its number. */
export const call = (index: number, ...values: ReadonlyArray<Code>): Code => [values, 0x10, unsigned(index)]

const [i32Type, i64Type, functionType] = [0x7f, 0x7e, 0x60] as const
const [exportsFunction, exportsMemory] = [0, 2] as const
/** The magic number, and the version. */
const preamble = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/**
 * The bytes of a module with functions in this order, and one memory of so many pages of 64 KiB that it exports as
 * `memory`.
 */
export const module = (pages: number, functions: ReadonlyArray<Definition>): Uint8Array<ArrayBuffer> => {
  const types = functions.map(({ parameters, returns }) => [
    functionType,
    list(Array.from({ length: parameters }, () => i32Type)),
    list(returns ? [i32Type] : [])
  ])
  const names = functions.map((of, index) => [name(of.name), exportsFunction, unsigned(index)])
  const bodies = functions.map(({ body, locals }) => {
    const kinds = list([[unsigned(locals.i32), i32Type], [unsigned(locals.i64), i64Type]])
    return sized([kinds, body, 0x0b])
  })
  return Uint8Array.from([
    ...preamble,
    ...section(1, list(types)),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(5, list([[1, unsigned(pages), unsigned(pages)]])),
    ...section(7, list([[name("memory"), exportsMemory, 0], ...names])),
    ...section(10, list(bodies))
  ])
}

const flat = (code: Code): ReadonlyArray<number> => {
  const parts: ReadonlyArray<unknown> = [code]
  return parts.flat(Number.POSITIVE_INFINITY) as Array<number>
}

const sized = (code: Code): ReadonlyArray<number> => {
  const bytes = flat(code)
  return [...flat(unsigned(bytes.length)), ...bytes]
}

const section = (id: number, code: Code): ReadonlyArray<number> => [id, ...sized(code)]

const list = (items: ReadonlyArray<Code>): Code => [unsigned(items.length), items]

const name = (text: string): Code => list(Array.from(text, (character) => character.charCodeAt(0)))

/** Numbers are written in LEB128, seven bits a byte. */
const unsigned = (value: number): Code => value < 0x80 ? value : [(value & 0x7f) | 0x80, unsigned(value >>> 7)]

const signed = (value: bigint): Code => {
  const bits = Number(value & 0x7fn)
  const rest = value >> 7n
  const isLast = rest === (bits < 0x40 ? 0n : -1n)
  return isLast ? bits : [bits | 0x80, signed(rest)]
}
