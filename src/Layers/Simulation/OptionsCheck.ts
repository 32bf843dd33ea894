/** Options that no simulation can have: refused before it begins, rather than taken for something else. */
import * as Duration from "effect/Duration"
import type { NetworkConditions } from "../../Transport/MemoryNetwork.ts"

/**
 * Throws a `RangeError` that says what to write, where a chance is none or a latency is negative or endless.
 *
 * @category running
 * @since 0.1.0
 */
export const check = (options: NetworkConditions): void => {
  for (const name of ["lossChance", "refuseChance", "stallChance"] as const) {
    const chance = options[name] ?? 0
    if (!(chance >= 0 && chance <= 1)) throw new RangeError(`${name} is ${chance}: write a chance from 0 to 1`)
  }
  if (options.latency === undefined || typeof options.latency === "function") return
  const millis = Duration.fromInput(options.latency).pipe((found) =>
    found._tag === "Some" ? Duration.toMillis(found.value) : Number.NaN
  )
  if (!(millis >= 0 && millis < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`latency is ${String(options.latency)}: write a time such as "50 millis", or a Latency`)
  }
}
