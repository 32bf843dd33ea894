/**
 * Feeds a target with inputs by its grammar, and with changes of inputs that reached new blocks of code.
 * What breaks a promise, or takes longer than it may, is a finding; it is made shorter and kept.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Coverage } from "./Coverage.ts"
import { Draws } from "./Draws.ts"
import { mutate } from "./Mutator.ts"
import type { Target } from "./Targets.ts"

const directory = import.meta.dirname
/** Inputs between two looks at the coverage. */
const batchCount = 16
const batchesATurn = 64
/** An input that takes longer is a finding: a peer could stop the node with it. */
const maxMillis = 1000
/** Inputs of one target that are kept in the repository. */
const maxKept = 24

export interface Finding {
  readonly file: string
  readonly error: unknown
}

export interface Run {
  readonly count: number
  readonly findings: ReadonlyArray<Finding>
  readonly corpusCount: number
}

/** Inputs that are kept with the tests: those that reach much, and those that once broke something. */
export const kept = (kind: "corpus" | "findings", name: string): Array<Uint8Array> => {
  const folder = join(directory, kind, name)
  if (!existsSync(folder)) return []
  return readdirSync(folder).toSorted().map((file) => new Uint8Array(readFileSync(join(folder, file))))
}

const keep = (kind: "corpus" | "findings", name: string, bytes: Uint8Array): string => {
  const folder = join(directory, kind, name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${createHash("sha1").update(bytes).digest("hex").slice(0, 12)}.bin`)
  writeFileSync(file, bytes)
  return file
}

/** What is wrong with an input; undefined when nothing is. */
export const failureOf = (target: Target, bytes: Uint8Array): unknown => {
  const begun = process.threadCpuUsage()
  try {
    target.run(bytes)
  } catch (error) {
    return error
  }
  // Of this thread's own: others use the machine as well.
  const millis = process.threadCpuUsage(begun).user / 1000
  return millis > maxMillis ? new Error(`it took ${Math.round(millis)} ms`) : undefined
}

/** The shortest of some cuts of an input that fails as well. */
const shortened = (target: Target, input: Uint8Array): Uint8Array => {
  let best = input
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let start = 0; start < best.length;) {
      const cut = Uint8Array.from([...best.subarray(0, start), ...best.subarray(start + size)])
      if (cut.length < best.length && failureOf(target, cut) !== undefined) best = cut
      else start += size
    }
  }
  return best
}

export interface FuzzOptions {
  readonly millis: number
  readonly seed: string
  /** Feedback; without it every input is a new one, or a change of one that is kept. */
  readonly coverage?: Coverage | undefined
  /** Whether what is found, and what reaches more, is written to files. */
  readonly writes: boolean
}

export const fuzz = async (target: Target, { coverage, millis, seed, writes }: FuzzOptions): Promise<Run> => {
  const draws = new Draws(`${seed} ${target.name}`)
  const corpus = [...kept("corpus", target.name), ...kept("findings", target.name)]
  const keptCount = kept("corpus", target.name).length
  const found: Array<Uint8Array> = []
  const findings: Array<Finding> = []
  const messages = new Set<string>()
  let count = 0

  const next = (): Uint8Array => {
    if (corpus.length === 0 || draws.chance() < 0.3) {
      const made = target.generate(draws)
      return draws.chance() < 0.5 ? made : mutate(made, made, draws, target.maxBytes)
    }
    return mutate(draws.pick(corpus), draws.pick(corpus), draws, target.maxBytes)
  }
  const attempt = (bytes: Uint8Array): void => {
    count++
    const error = failureOf(target, bytes)
    if (error === undefined) return
    const message = String(error).slice(0, 200)
    if (messages.has(message)) return
    messages.add(message)
    const short = shortened(target, bytes)
    findings.push({ file: writes ? keep("findings", target.name, short) : Buffer.from(short).toString("hex"), error })
  }

  for (const bytes of corpus) attempt(bytes)
  coverage?.news()
  const end = performance.now() + millis
  let batches = 0
  while (performance.now() < end) {
    // What Node's zlib has used is given back in a turn of its own.
    if (++batches % batchesATurn === 0) await nextTurn()
    const batch = Array.from({ length: batchCount }, next)
    for (const bytes of batch) attempt(bytes)
    if (coverage === undefined || coverage.news() === 0) continue
    // Which of them it was is not known: all of the batch may breed, the shortest few are worth keeping.
    for (const bytes of batch) {
      corpus.push(bytes)
      found.push(bytes)
    }
  }
  if (writes && coverage !== undefined) keepBest(target, found, maxKept - keptCount)
  return { count, findings, corpusCount: corpus.length }
}

/** Those that still reach what the ones before did not, found one by one. */
const keepBest = (target: Target, found: ReadonlyArray<Uint8Array>, room: number): void => {
  const short = found.filter((bytes) => bytes.length <= 400)
  const step = Math.max(1, Math.floor(short.length / Math.max(1, room)))
  for (let i = 0, left = room; i < short.length && left > 0; i += step, left--) keep("corpus", target.name, short[i]!)
}
