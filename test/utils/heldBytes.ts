/** What a process keeps in memory. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Bytes in use once all else was collected. */
export const heldBytes = (): number => {
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

/** A short text that was cut out of one of a megabyte and more, as programs do that read those. */
export const cutText = (index: number): string => `${index} `.repeat(2 ** 19).slice(0, 40)
