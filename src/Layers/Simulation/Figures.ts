/** The numbers that simulations give, and how people read them. */

/**
 * Median, 99th percentile and maximum.
 *
 * @category models
 * @since 0.1.0
 */
export interface Spread {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/**
 * Median, 99th percentile and maximum of numbers in any order; zeros for none.
 *
 * @category math
 * @since 0.1.0
 */
export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = Float64Array.from(values).sort()
  const at = (fraction: number) => rounded(quantile(sorted, fraction))
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/**
 * The number below which a fraction of those that are sorted lies, by the nearest rank; zero for none.
 *
 * @category math
 * @since 0.1.0
 */
export const quantile = (sorted: ArrayLike<number>, fraction: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0

/**
 * A number to three decimals.
 *
 * @category math
 * @since 0.1.0
 */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000

/**
 * A fraction as a percentage that is never rounded up: what is not whole never reads "100 %".
 *
 * @category encoding
 * @since 0.1.0
 */
export const percent = (fraction: number): string => `${Math.floor(fraction * 10_000 + 1e-6) / 100} %`
