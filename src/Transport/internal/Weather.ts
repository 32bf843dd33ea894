/** What the network in memory does to all its connections: may change at any time. */
import * as Duration from "effect/Duration"
import * as Latency from "../Latency.ts"

/**
 * The conditions under which the network carries bytes. All can change while it runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface NetworkConditions {
  /** The time from a send to its arrival, and of each way of a dial. Default zero. */
  readonly latency?: Duration.Input | Latency.Latency | undefined
  /**
   * How fast each direction of a connection takes bytes, in bytes a second, more than 0: a send
   * leaves when those before it have left, and arrives its latency after its last byte. The window
   * then makes writers wait. Default `Infinity`: at once.
   */
  readonly bandwidth?: number | ((from: string, to: string) => number) | undefined
  /**
   * The chance, 0 to 1, that a send breaks its connection: the sender's end at once, the other end
   * behind a first part of the bytes, of any length short of all. So frames are cut in their
   * middle, and streams lose nothing in theirs. Default 0.
   */
  readonly lossChance?: number | undefined
  /** The chance, 0 to 1, that a dial is refused though somebody listens. Default 0. */
  readonly refuseChance?: number | undefined
  /** The chance, 0 to 1, that a send arrives `stallMillis` later, and all behind it not before. Default 0. */
  readonly stallChance?: number | undefined
  /** How much later a send arrives that stalls, in milliseconds. Default 1000. */
  readonly stallMillis?: number | undefined
}

/** The conditions of now. */
export class Weather {
  latency: Latency.Latency = Latency.fixed(0)
  /** Undefined when all leaves at once. */
  bandwidth: ((from: string, to: string) => number) | undefined
  lossChance = 0
  refuseChance = 0
  stallChance = 0
  stallMillis = 1000
  readonly #onImpossible: (error: unknown) => void

  /**
   * `onImpossible` hears of what a function gives that no network can have, and of what it throws; either is thrown as well,
   * in whichever node it meets.
   */
  constructor(conditions: NetworkConditions, onImpossible: (error: unknown) => void = () => {}) {
    this.#onImpossible = onImpossible
    this.set(conditions)
  }

  /** Changes those that are given. Throws a `RangeError` that says what to write for what no network can have. */
  set(conditions: NetworkConditions): void {
    check(conditions)
    const { bandwidth, latency, lossChance, refuseChance, stallChance, stallMillis } = conditions
    if (typeof latency === "function") this.latency = this.#checkedLatency(latency)
    else if (latency !== undefined) this.latency = Latency.fixed(latency)
    if (typeof bandwidth === "number") {
      this.bandwidth = bandwidth === Number.POSITIVE_INFINITY ? undefined : () => bandwidth
    } else if (bandwidth !== undefined) this.bandwidth = this.#checkedBandwidth(bandwidth)
    this.lossChance = lossChance ?? this.lossChance
    this.refuseChance = refuseChance ?? this.refuseChance
    this.stallChance = stallChance ?? this.stallChance
    this.stallMillis = stallMillis ?? this.stallMillis
  }

  /** What is no number would stop the clock: a table of regions in which two are missing, most often. */
  #checkedLatency(latency: Latency.Latency): Latency.Latency {
    return this.#checked("latency", latency, (millis) => millis >= 0 || millis < 0, "milliseconds")
  }

  /** The same: what is sent would never have left. */
  #checkedBandwidth(bandwidth: (from: string, to: string) => number): (from: string, to: string) => number {
    return this.#checked("bandwidth", bandwidth, (bytes) => bytes > 0, "bytes a second, more than 0")
  }

  #checked(what: string, give: Latency.Latency, isPossible: (value: number) => boolean, wanted: string) {
    return (from: string, to: string, chance = 0): number => {
      let value: number
      try {
        value = give(from, to, chance)
      } catch (error) {
        return this.#refuse(error)
      }
      if (isPossible(value)) return value
      return this.#refuse(new RangeError(`the ${what} from ${from} to ${to} is ${value}: give ${wanted}`))
    }
  }

  #refuse(error: unknown): never {
    this.#onImpossible(error)
    throw error
  }
}

/** Refused, rather than taken for something else: a network that carries nothing, or everything before it was sent. */
const check = (conditions: NetworkConditions): void => {
  for (const name of ["lossChance", "refuseChance", "stallChance"] as const) {
    const chance = conditions[name] ?? 0
    if (!(chance >= 0 && chance <= 1)) throw new RangeError(`${name} is ${chance}: write a chance from 0 to 1`)
  }
  const { bandwidth, latency = 0, stallMillis = 0 } = conditions
  if (typeof latency !== "function" && !isTime(millisOf(latency))) {
    throw new RangeError(`latency is ${String(latency)}: write a time such as "50 millis", or a Latency`)
  }
  if (!isTime(stallMillis)) throw new RangeError(`stallMillis is ${stallMillis}: write milliseconds, 0 or more`)
  if (typeof bandwidth === "number" && !(bandwidth > 0)) {
    throw new RangeError(`bandwidth is ${bandwidth}: write bytes a second, more than 0`)
  }
}

/** In milliseconds; NaN for what is no time. */
export const millisOf = (duration: Duration.Input): number => {
  const found = Duration.fromInput(duration)
  return found._tag === "Some" ? Duration.toMillis(found.value) : Number.NaN
}

const isTime = (millis: number): boolean => millis >= 0 && millis < Number.POSITIVE_INFINITY

/** The conditions as text, for a trace; a function is only named. */
export const describe = (conditions: NetworkConditions): string => {
  const { bandwidth, latency, lossChance, refuseChance, stallChance, stallMillis } = conditions
  const latencyText = latency === undefined || typeof latency === "function" ? latency : Duration.toMillis(latency)
  return Object.entries({ latency: latencyText, bandwidth, lossChance, refuseChance, stallChance, stallMillis })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "function" ? "function" : value}`)
    .join(" ")
}
