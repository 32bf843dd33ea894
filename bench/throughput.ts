/** Messages a second through whole nodes on loopback TCP, against raw `node:net` programs in the same places. */
import { Network, type Topology } from "./network.ts"
import { type System, type Variant, variants } from "./node.ts"
import type { Row } from "./report.ts"

/** A case sends `rounds` times for `millis` each, after one time that does not count. */
export interface ThroughputOptions {
  readonly rounds: number
  readonly millis: number
  /** Measures the cases whose name (`"one to four, 1 KiB"`) contains this. */
  readonly only: string
  /** Where the processes leave their CPU profiles, if anywhere. */
  readonly profileDirectory: string | undefined
}

const topologies: ReadonlyArray<Topology> = ["one to one", "one to four", "line of five"]
const sizes = [{ label: "64 B", bytes: 64 }, { label: "1 KiB", bytes: 1024 }, { label: "64 KiB", bytes: 65_536 }]

/** Measures all cases. Throws when a message was lost. */
export const measureThroughput = async (options: ThroughputOptions): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const topology of topologies) {
    const wanted = sizes.filter(({ label }) => `${topology}, ${label}`.includes(options.only))
    if (wanted.length === 0) continue
    const networks: Array<{ system: System; network: Network }> = []
    try {
      for (const system of ["raw", "mesh"] as const) {
        networks.push({ system, network: await Network.start(topology, system, options.profileDirectory) })
      }
      for (const { bytes, label } of wanted) {
        rows.push(...toRows(`${topology}, ${label}`, bytes, await measureSize(networks, bytes, options)))
      }
    } finally {
      await Promise.all(networks.map(({ network }) => network.stop()))
    }
  }
  return rows
}

type Rates = ReadonlyMap<Variant, ReadonlyArray<number>>

/** All variants of both systems in turns. */
const measureSize = async (
  networks: ReadonlyArray<{ readonly system: System; readonly network: Network }>,
  bytes: number,
  { millis, rounds }: ThroughputOptions
): Promise<Rates> => {
  const rates = new Map<Variant, Array<number>>()
  for (let round = -1; round < rounds; round++) {
    for (const { network, system } of networks) {
      for (const variant of variants[system].filter((name) => isMeasured(name, bytes))) {
        const rate = await network.measure(variant, bytes, millis)
        if (round >= 0) rates.set(variant, [...rates.get(variant) ?? [], rate])
      }
    }
  }
  return rates
}

/** Bodies under `compressFromBytes` (1024) are never compressed: there the variants are the same. */
const isMeasured = (variant: Variant, bytes: number): boolean => variant !== "uncompressed" || bytes >= 1024

const toRows = (name: string, bytes: number, rates: Rates): ReadonlyArray<Row> =>
  variants.mesh.filter((variant) => rates.has(variant)).flatMap((variant) =>
    variants.raw.map((yardstick): Row => ({
      group: "throughput",
      name: bytes < 1024 ? name : `${name}, compression ${variant === "default" ? "on" : "off"}`,
      yardstick,
      unit: "messages",
      ours: rates.get(variant)!,
      theirs: rates.get(yardstick)!
    }))
  )
