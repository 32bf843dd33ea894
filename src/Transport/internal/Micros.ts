/**
 * Times to the microsecond. Sleeps are rounded to the nanosecond and timers are not, so the same
 * moment may differ by a little between a run with timers and one without.
 */

/**
 * The nearest whole microsecond, in milliseconds. Where it rounds up lies between two nanoseconds:
 * times that are whole nanoseconds, as those of all sleeps are, never sit on the edge.
 */
export const toMicros = (millis: number): number => Math.floor(millis * 1000 + 0.4995) / 1000
