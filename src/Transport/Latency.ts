/**
 * How long bytes take between hosts of a network in memory, as distributions. Each draws from the
 * chance it is given, so a network with the same seed has the same delays in each run.
 */
import * as Duration from "effect/Duration"

/**
 * How long bytes take from one host to another, in milliseconds. `chance` is 0 (inclusive) to 1
 * (exclusive), drawn anew for each send, the same in each run with the same seed.
 *
 * @category models
 * @since 0.1.0
 */
export type Latency = (from: string, to: string, chance: number) => number

/**
 * The same time always.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fixed = (duration: Duration.Input): Latency => {
  const millis = Duration.toMillis(duration)
  return () => millis
}

/**
 * Any time from `min` to `max`, all equally likely.
 *
 * @category constructors
 * @since 0.1.0
 */
export const uniform = (min: Duration.Input, max: Duration.Input): Latency => {
  const minMillis = Duration.toMillis(min)
  const spanMillis = Duration.toMillis(max) - minMillis
  return (_from, _to, chance) => minMillis + spanMillis * chance
}

/**
 * Mostly short times with a long tail: one in a hundred takes 4.6 times the mean, none more than 23 times.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exponential = (mean: Duration.Input): Latency => {
  const meanMillis = Duration.toMillis(mean)
  return (_from, _to, chance) => -meanMillis * Math.log1p(-chance)
}

/**
 * Times around a mean, with a standard deviation; never below zero. Tukey's lambda distribution in
 * place of the normal one: within 0.02 deviations of it up to two deviations from the mean, and
 * never more than 5.1 of them away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const normal = (mean: Duration.Input, deviation: Duration.Input): Latency => {
  const meanMillis = Duration.toMillis(mean)
  const scaleMillis = Duration.toMillis(deviation) / 0.1975
  return (_from, _to, chance) =>
    Math.max(0, meanMillis + scaleMillis * (chance ** tukeyLambda - (1 - chance) ** tukeyLambda))
}

/** With this exponent the distribution is closest to the normal one. */
const tukeyLambda = 0.1349

/**
 * Where hosts are, and how far regions are from each other.
 *
 * @category options
 * @since 0.1.0
 */
export interface RegionsOptions {
  /** The region of a host. */
  readonly of: (host: string) => string
  /** The shortest time from a region to another or within one, in milliseconds. */
  readonly millis: (from: string, to: string) => number
  /** The fraction of the shortest time that a send takes longer at most; all up to it are equally likely. Default 0.1. */
  readonly jitter?: number | undefined
}

/**
 * Times by where the two hosts are: data centers, continents, a backbone and its edges.
 *
 * @category constructors
 * @since 0.1.0
 */
export const regions = (options: RegionsOptions): Latency => {
  const jitter = options.jitter ?? 0.1
  return (from, to, chance) => options.millis(options.of(from), options.of(to)) * (1 + jitter * chance)
}
