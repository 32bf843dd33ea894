/** What the systems under test have in common, so that the same topologies are built of all of them. */
import type { Payloads, Tally } from "./payload.ts"

/** A node in a worker process. It passes on what it gets: a mesh to all its peers, the raw one to those that it dialed. */
export interface BenchNode {
  /** Where it listens, `host:port`. */
  readonly address: string
  readonly connect: (address: string) => Promise<void>
  /** Resolves when it has so many links. */
  readonly linked: (count: number) => Promise<void>
  /**
   * Sends payloads of this length for so many milliseconds, as fast as the others take them; gives their number.
   * `atOnce`: how many are handed over at once, where that can be.
   */
  readonly publish: (payloads: Payloads, bytes: number, millis: number, atOnce: number) => Promise<number>
  /** Sends payloads with the time in them, so many a second, for so many milliseconds; gives their number. */
  readonly pace: (payloads: Payloads, bytes: number, millis: number, rate: number) => Promise<number>
  readonly stop: () => Promise<void>
}

/** Starts a node that counts into `tally` what it receives; `onRemark` is told what a healthy run does not have. */
export type StartNode = (
  variant: Variant,
  tally: Tally,
  onRemark: (remark: string) => void
) => Promise<BenchNode>

/** The systems, and for each the variants that run side by side in each process. */
export const variants = {
  mesh: ["default", "uncompressed"],
  "mesh with a topic": ["topic"],
  "raw JSON": ["raw JSON + hash"],
  raw: ["raw", "raw + hash", "raw + codec"],
  "mesh over TLS": ["TLS"],
  "raw over TLS": ["raw TLS", "raw TLS + hash"],
  "mesh of ten": ["ten"],
  "raw flood": ["raw flood", "raw flood + hash"],
  "signed mesh": ["signed"],
  gossipsub: ["gossipsub"],
  "signed gossipsub": ["signed gossipsub"]
} as const

export type System = keyof typeof variants
export type Variant = typeof variants[System][number]

/** Calls `send` so many times a second, for so many milliseconds; gives how often that was. */
export const paced = async (millis: number, rate: number, send: () => Promise<void> | void): Promise<number> => {
  const begun = performance.now()
  let count = 0
  while (true) {
    const passed = performance.now() - begun
    if (passed >= millis) return count
    for (; count < passed * rate / 1000; count++) await send()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
