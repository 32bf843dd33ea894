/** What is sent and what is counted: payloads that no compression shrinks, each one of its kind, and a check that all came. */
import { randomBytes } from "node:crypto"

const counterBytes = 4
/** Behind the counter, in payloads that are timed. */
const timeBytes = 8
const poolBytes = 1 << 20

/** A value as applications send them. */
export interface Value {
  readonly count: number
  readonly text: string
}

/** Of a value in JSON, without its text. */
const valueBytes = 26

/**
 * Payloads of one sender: a counter, then random bytes. The counter goes on over all runs, because
 * a node stamps a payload that it sends twice within a second ahead.
 */
export class Payloads {
  readonly #pool = new Uint8Array(randomBytes(2 * poolBytes))
  readonly #text = randomBytes(poolBytes).toString("hex")
  #count = 0

  next(bytes: number): Uint8Array {
    const start = (this.#count * 61) % poolBytes
    const payload = this.#pool.slice(start, start + bytes)
    writeCounter(payload, this.#count++)
    return payload
  }

  /** A value whose JSON has about so many bytes. */
  nextValue(bytes: number): Value {
    const start = (this.#count * 61) % poolBytes
    return { count: this.#count++, text: this.#text.slice(start, start + bytes - valueBytes) }
  }
}

/** A payload that says when it was sent. */
export const stamped = (payload: Uint8Array): Uint8Array => {
  new DataView(payload.buffer, payload.byteOffset).setFloat64(counterBytes, wallMillis())
  return payload
}

const readTime = (payload: Uint8Array): number =>
  new DataView(payload.buffer, payload.byteOffset, counterBytes + timeBytes).getFloat64(counterBytes)

const writeCounter = (payload: Uint8Array, count: number): void => {
  for (let i = 0; i < counterBytes; i++) payload[i] = count >>> (8 * (counterBytes - 1 - i))
}

/** The number of a payload among those of its sender. */
export const readCounter = (payload: Uint8Array): number => {
  let count = 0
  for (let i = 0; i < counterBytes; i++) count = count * 0x100 + payload[i]!
  return count
}

/**
 * Counts what one node receives, and throws when it is not each payload once, in the order in which they were
 * sent where there is only one way for them.
 */
export class Tally {
  readonly #isOrdered: boolean
  /** Which payloads came, where they come in any order. */
  readonly #came = new Set<number>()
  /** How long timed payloads took, in milliseconds, while they are kept. */
  #delays: Array<number> | undefined
  #count = 0
  #lastMillis = 0
  #waiting: { readonly total: number; readonly done: () => void } | undefined

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered
  }

  get count(): number {
    return this.#count
  }

  /** Keeps how long payloads take from now on. */
  time(): void {
    this.#delays = []
  }

  /** What was kept, which ends that. */
  timed(): ReadonlyArray<number> {
    const delays = this.#delays ?? []
    this.#delays = undefined
    return delays
  }

  take(payload: Uint8Array | undefined): void {
    this.takeCount(payload === undefined ? -1 : readCounter(payload))
    this.#delays?.push(wallMillis() - readTime(payload!))
  }

  /** The number of a payload or value among those of its sender. */
  takeCount(found: number): void {
    if (this.#isOrdered ? found !== this.#count : this.#came.has(found)) {
      throw new Error(`payload ${found} came where ${this.#count} was due: messages were lost or came twice`)
    }
    if (!this.#isOrdered) this.#came.add(found)
    this.#count++
  }

  /** To be called behind each batch: the clock is not read for each payload. */
  endBatch(): void {
    this.#lastMillis = wallMillis()
    if (this.#waiting !== undefined && this.#count >= this.#waiting.total) this.#waiting.done()
  }

  /** When the last of `total` payloads came, waiting for it as long as `timeoutMillis`. */
  async reach(total: number, timeoutMillis: number): Promise<number> {
    if (this.#count < total) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () =>
            reject(
              new Error(`${this.#count} of ${total} payloads came within ${timeoutMillis} ms: messages were lost`)
            ),
          timeoutMillis
        )
        this.#waiting = {
          total,
          done: () => {
            clearTimeout(timer)
            resolve()
          }
        }
      })
      this.#waiting = undefined
    }
    if (this.#count > total) throw new Error(`${this.#count} payloads came where ${total} were sent`)
    return this.#lastMillis
  }
}

/** Milliseconds that the processes of one machine agree on. */
export const wallMillis = (): number => performance.timeOrigin + performance.now()
