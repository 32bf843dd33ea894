/**
 * SHA-2 for what is short: a call of Node's own takes longer than to hash a block in WebAssembly, and a browser has none
 * that is synchronous. What lies in the memory is of the call that runs; nothing else runs meanwhile.
 */
import { digestBytes } from "../Hashing.ts"
import { copy } from "../internal/Bytes.ts"
import * as Assembly from "./Assembly.ts"
import * as DigestText from "./DigestText.ts"
import * as Sha2 from "./Sha2.ts"

/** The digest of `first` followed by `second`, the caller's own. Together they are shorter than 2^31 bytes. */
export type Digest = (first: Uint8Array, second?: Uint8Array) => Uint8Array

/** The digests of words of 64 bits, and what ids of messages are. */
export interface LargeDigester {
  readonly sha384: Digest
  readonly sha512: Digest
  /** The SHA-384 in base 58, as ASCII: a view that the next call overwrites. */
  readonly idText: Digest
  /** The same of a SHA-384 that is known, a character for each byte. */
  readonly idTextOf: (digest: string) => Uint8Array
}

/** The digests of words of 32 bits. */
export interface SmallDigester {
  readonly sha224: Digest
  readonly sha256: Digest
}

/** As much of the global as is used here, which is in the types of browsers alone. */
declare const WebAssembly: undefined | {
  readonly Module: new(bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new(module: object) => { readonly exports: unknown }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly start: (initial: number) => void
  readonly absorb: (address: number, end: number) => void
  readonly finish: (length: number, total: number) => void
  /** For words of 64 bits. */
  readonly text: () => number
}

/** Of 64 KiB: room for an input and a block behind it. */
const pages = 1
/** Whole blocks; what is longer comes in several. */
const maxInputBytes = 32_768
const stateBytes = 64

/**
 * One for the whole process; `undefined` where there is no WebAssembly: under `node --jitless`, and in a page whose
 * policy forbids it.
 */
export const large = (): LargeDigester | undefined => (madeLarge ??= { digester: makeLarge() }).digester

/** One for the whole process, as `large`. */
export const small = (): SmallDigester | undefined => (madeSmall ??= { digester: makeSmall() }).digester

let madeLarge: { readonly digester: LargeDigester | undefined } | undefined
let madeSmall: { readonly digester: SmallDigester | undefined } | undefined

const makeLarge = (): LargeDigester | undefined => {
  const { sha384, sha512 } = Sha2.initialStates
  const exports = instantiate(Sha2.sha512Family, [sha384(), sha512()], [DigestText.definition()])
  if (exports === undefined) return undefined
  const memory = new Uint8Array(exports.memory.buffer)
  memory.set(DigestText.pairs(), DigestText.places.pairs)
  const { text } = DigestText.places
  const texts = Array.from(
    { length: DigestText.textBytes },
    (_, zeros) => memory.subarray(text + zeros, text + DigestText.textBytes)
  )
  return {
    sha384: digestOf(exports, 0, digestBytes.sha384),
    sha512: digestOf(exports, 1, digestBytes.sha512),
    idText: (first, second) => {
      run(exports, memory, 0, first, second)
      return texts[exports.text()]!
    },
    idTextOf: (digest) => {
      for (let i = 0; i < digest.length; i++) memory[Sha2.places.digest + i] = digest.charCodeAt(i)
      return texts[exports.text()]!
    }
  }
}

const makeSmall = (): SmallDigester | undefined => {
  const { sha224, sha256 } = Sha2.initialStates
  const exports = instantiate(Sha2.sha256Family, [sha224(), sha256()], [])
  return exports && {
    sha224: digestOf(exports, 0, digestBytes.sha224),
    sha256: digestOf(exports, 1, digestBytes.sha256)
  }
}

const digestOf = (exports: Exports, initial: number, bytes: number): Digest => {
  const memory = new Uint8Array(exports.memory.buffer)
  return (first, second) => {
    run(exports, memory, initial, first, second)
    const out = new Uint8Array(bytes)
    for (let i = 0; i < bytes; i++) out[i] = memory[Sha2.places.digest + i]!
    return out
  }
}

/** Leaves the digest in the memory. */
const run = (
  exports: Exports,
  memory: Uint8Array,
  initial: number,
  first: Uint8Array,
  second: Uint8Array | undefined
): void => {
  exports.start(Sha2.places.initial + initial * stateBytes)
  let used = put(exports, memory, 0, first)
  if (second !== undefined) used = put(exports, memory, used, second)
  exports.finish(used, first.length + (second === undefined ? 0 : second.length))
}

/** Puts bytes behind the `used` ones that wait in the memory, and returns how many wait then. */
const put = ({ absorb }: Exports, memory: Uint8Array, used: number, bytes: Uint8Array): number => {
  const { input } = Sha2.places
  let waiting = used
  for (let from = 0; from < bytes.length;) {
    if (waiting === maxInputBytes) {
      absorb(input, input + waiting)
      waiting = 0
    }
    const count = Math.min(bytes.length - from, maxInputBytes - waiting)
    copy(count === bytes.length ? bytes : bytes.subarray(from, from + count), memory, input + waiting)
    from += count
    waiting += count
  }
  return waiting
}

const instantiate = (
  family: Sha2.Family,
  initialStates: ReadonlyArray<ReadonlyArray<bigint>>,
  further: ReadonlyArray<Assembly.Definition>
): Exports | undefined => {
  if (typeof WebAssembly === "undefined") return undefined
  try {
    const module = new WebAssembly.Module(Assembly.module(pages, [...Sha2.functions(family), ...further]))
    const exports = new WebAssembly.Instance(module).exports as Exports
    const { constants, initial } = Sha2.places
    writeWords(exports.memory.buffer, constants, family, Sha2.constants(family))
    initialStates.forEach((state, index) =>
      writeWords(exports.memory.buffer, initial + index * stateBytes, family, state)
    )
    return exports
  } catch {
    return undefined
  }
}

const writeWords = (memory: ArrayBuffer, place: number, { word }: Sha2.Family, words: ReadonlyArray<bigint>): void => {
  const view = new DataView(memory, place)
  words.forEach((value, index) => {
    if (word.bits === 64) view.setBigUint64(8 * index, value, true)
    else view.setUint32(4 * index, Number(value), true)
  })
}
