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

/** A mesh and the programs that it is held against, in the same places. */
export interface Contest {
  readonly name: string
  readonly topology: Topology
  readonly ours: System
  readonly theirs: System
  readonly sizes: ReadonlyArray<Size>
  /** Each payload is handed over by itself. Default: as many at once as have 64 KiB, 64 at most. */
  readonly isOneByOne?: boolean
}

interface Size {
  readonly label: string
  readonly bytes: number
}

export const messageSizes: ReadonlyArray<Size> = [
  { label: "64 B", bytes: 64 },
  { label: "1 KiB", bytes: 1024 },
  { label: "64 KiB", bytes: 65_536 }
]

const contests: ReadonlyArray<Contest> = [
  { name: "one to one", topology: "one to one", ours: "mesh", theirs: "raw", sizes: messageSizes },
  {
    name: "one to one, one by one",
    topology: "one to one",
    ours: "mesh",
    theirs: "raw",
    sizes: messageSizes.slice(0, 2),
    isOneByOne: true
  },
  { name: "one to four", topology: "one to four", ours: "mesh", theirs: "raw", sizes: messageSizes },
  {
    name: "one to one over TLS",
    topology: "one to one",
    ours: "mesh over TLS",
    theirs: "raw over TLS",
    sizes: messageSizes
  },
  { name: "line of five", topology: "line of five", ours: "mesh", theirs: "raw", sizes: messageSizes },
  {
    name: "values of a topic",
    topology: "one to one",
    ours: "mesh with a topic",
    theirs: "raw JSON",
    sizes: messageSizes.slice(0, 2)
  },
  {
    name: "ten with four links each",
    topology: "ten with four links each",
    ours: "mesh of ten",
    theirs: "raw flood",
    sizes: messageSizes.slice(0, 2)
  }
]

/** Measures all cases. Throws when a message was lost. */
export const measureThroughput = (options: ThroughputOptions): Promise<ReadonlyArray<Row>> =>
  measureContests(contests, options)

/** Measures the cases of these contests. Throws when a message was lost. */
export const measureContests = async (
  contests: ReadonlyArray<Contest>,
  options: ThroughputOptions
): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const contest of contests) {
    const wanted = contest.sizes.filter(({ label }) => `${contest.name}, ${label}`.includes(options.only))
    if (wanted.length === 0) continue
    rows.push(
      ...await withNetworks(contest, options.profileDirectory, async (networks) => {
        const found: Array<Row> = []
        for (const { bytes, label } of wanted) {
          const name = `${contest.name}, ${label}`
          found.push(
            ...toRows(
              contest,
              name,
              bytes,
              await measureSize(networks, bytes, contest.isOneByOne === true ? 1 : atOnce(bytes), options)
            )
          )
        }
        return found
      })
    )
  }
  return rows
}

/** The time that messages take through ten nodes, with a thousand of them a second. */
export const measureLatency = (options: DelayOptions): Promise<ReadonlyArray<Row>> =>
  measureDelays(contests.find(({ ours }) => ours === "mesh of ten")!, 1000, options)

type DelayOptions = Omit<ThroughputOptions, "only">

/** The 99th percentile of the time that messages of 64 bytes take, with so many of them a second. */
export const measureDelays = (
  contest: Contest,
  messagesPerSecond: number,
  { millis, profileDirectory, rounds }: DelayOptions
): Promise<ReadonlyArray<Row>> =>
  withNetworks(contest, profileDirectory, async (networks) => {
    const found = new Map<Variant, Array<number>>()
    for (let round = -1; round < rounds; round++) {
      for (const { network, system } of networks) {
        for (const variant of variants[system]) {
          const delays = [...await network.delays(variant, 64, millis, messagesPerSecond)].sort((a, b) => a - b)
          const p99 = delays[Math.floor(delays.length * 0.99)]!
          if (round >= 0) found.set(variant, [...found.get(variant) ?? [], p99])
        }
      }
    }
    return variants[contest.theirs].map((yardstick): Row => ({
      group: "latency",
      name: `p99 in ms, ${messagesPerSecond.toLocaleString("en")} messages of 64 B a second through ten nodes`,
      yardstick,
      unit: "milliseconds",
      ours: found.get("ten")!,
      theirs: found.get(yardstick)!
    }))
  })

type Networks = ReadonlyArray<{ readonly system: System; readonly network: Network }>

const withNetworks = async <A>(
  { ours, theirs, topology }: Contest,
  profileDirectory: string | undefined,
  use: (networks: Networks) => Promise<A>
): Promise<A> => {
  const networks: Array<{ system: System; network: Network }> = []
  try {
    for (const system of [theirs, ours]) {
      networks.push({ system, network: await Network.start(topology, system, profileDirectory) })
    }
    return await use(networks)
  } finally {
    await Promise.all(networks.map(({ network }) => network.stop()))
  }
}

type Rates = ReadonlyMap<Variant, ReadonlyArray<number>>

/** How many payloads are handed over at once. */
const atOnce = (bytes: number): number => Math.max(1, Math.min(64, 65_536 / bytes))

/** All variants of both systems in turns. */
const measureSize = async (
  networks: Networks,
  bytes: number,
  atOnce: number,
  { millis, rounds }: ThroughputOptions
): Promise<Rates> => {
  const rates = new Map<Variant, Array<number>>()
  for (let round = -1; round < rounds; round++) {
    for (const { network, system } of networks) {
      for (const variant of variants[system].filter((name) => isMeasured(name, bytes))) {
        const rate = await network.measure(variant, bytes, millis, atOnce)
        if (round >= 0) rates.set(variant, [...rates.get(variant) ?? [], rate])
      }
    }
  }
  return rates
}

/** Bodies under `compressFromBytes` (1024) are never compressed: there the variants are the same. */
const isMeasured = (variant: Variant, bytes: number): boolean => variant !== "uncompressed" || bytes >= 1024

const toRows = ({ ours, theirs }: Contest, name: string, bytes: number, rates: Rates): ReadonlyArray<Row> =>
  variants[ours].filter((variant) => rates.has(variant)).flatMap((variant) =>
    variants[theirs].map((yardstick): Row => ({
      group: "throughput",
      name: ours !== "mesh" || bytes < 1024
        ? name
        : `${name}, compression ${variant === "default" ? "on" : "off"}`,
      yardstick,
      unit: "messages",
      ours: rates.get(variant)!,
      theirs: rates.get(yardstick)!
    }))
  )
