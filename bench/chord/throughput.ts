/**
 * Sets and gets a second, from one of eight processes with a node each, on loopback; against as many messages of
 * the same size between as many processes, by `roundTrips.ts`, bare and as the codec makes and checks them. What an
 * operation costs is counted in the same run.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Row } from "../report.ts"
import type { Answer, Counts, Operation, Question, Taken, Wire } from "./member.ts"
import type { Cost } from "./roundTrips.ts"

export interface ChordOptions {
  /** Each kind of operation runs so often, for `millis` each, after one time that does not count. */
  readonly rounds: number
  readonly millis: number
  /** Where the processes leave their CPU profiles, if anywhere. */
  readonly profileDirectory: string | undefined
}

const memberCount = 8

const yardsticks = { bare: "as many bare round trips", codec: "as many of the protocol's messages" } as const
const wires: ReadonlyArray<Wire> = ["bare", "codec"]

/** By then all must know all others: rounds of ten seconds, as by default. */
const maxJoinMillis = 180_000

/** A process with a member of the ring. */
class Remote {
  readonly #child: ChildProcess

  constructor(profileFile: string | undefined) {
    const file = fileURLToPath(new URL("member.ts", import.meta.url))
    this.#child = fork(file, profileFile === undefined ? [] : [profileFile])
  }

  /** One question at a time. */
  async ask<A>(question: Question): Promise<A> {
    const ended = new AbortController()
    const { signal } = ended
    this.#child.send(question)
    const exit = once(this.#child, "exit", { signal }).then(([code]) => ({ failure: `it ended with ${code}` }))
    // Whichever comes second.
    exit.catch(() => undefined)
    const message = once(this.#child, "message", { signal })
    message.catch(() => undefined)
    const answer: Answer = await Promise.race([exit, message.then(([value]) => value as Answer)])
    ended.abort()
    if ("failure" in answer) throw new Error(`a member of the ring, asked to ${question.type}: ${answer.failure}`)
    return answer.value as A
  }

  kill(): void {
    this.#child.kill("SIGKILL")
  }
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** One ring, in which everyone knows all others. */
const startRing = async (members: ReadonlyArray<Remote>): Promise<void> => {
  const ports: Array<Readonly<Record<Wire, number>>> = []
  const bootstrap: Array<string> = []
  for (const member of members) {
    const started = await member.ask<{ address: string; ports: Readonly<Record<Wire, number>> }>({
      type: "start",
      bootstrap: bootstrap.slice(0, 1)
    })
    bootstrap.push(started.address)
    ports.push(started.ports)
  }
  for (const wire of wires) {
    await Promise.all(members.map((member, index) => {
      const others = ports.filter((_, other) => other !== index)
      return member.ask({ type: "connect", wire, ports: others.map((port) => port[wire]) })
    }))
  }
  for (const begun = performance.now();; await sleep(500)) {
    const known = await Promise.all(members.map((member) => member.ask<number>({ type: "known" })))
    if (known.every((count) => count === memberCount - 1)) return
    if (performance.now() - begun > maxJoinMillis) throw new Error(`no ring came of it: successors ${known.join(", ")}`)
  }
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

/** What the operations cost that `use` makes. */
const costOf = async (
  members: ReadonlyArray<Remote>,
  operationCount: (taken: Taken) => number,
  use: () => Promise<Taken>
): Promise<Cost> => {
  const counts = () => Promise.all(members.map((member) => member.ask<Counts>({ type: "counts" })))
  const before = await counts()
  const operations = operationCount(await use())
  // What is not waited for, like the last copies of a set, comes a little later.
  await sleep(500)
  const after = await counts()
  const change = (of: (counts: Counts) => number) => after.map((count, index) => of(count) - of(before[index]!))
  const [direct = 0, ...others] = change(({ calls }) => calls)
  return {
    direct: direct / operations,
    onward: sum(others) / direct,
    bytes: Math.round(sum(change(({ bytes }) => bytes)) / sum(change(({ messages }) => messages)))
  }
}

const quantile = (values: ReadonlyArray<number>, fraction: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * fraction)]!

interface Rounds {
  readonly ours: Array<Taken>
  readonly bare: Array<Taken>
  readonly codec: Array<Taken>
}

/** What one operation stands for, which differs from run to run. */
const describe = (operation: Operation, cost: Cost, hops: number): string =>
  `a ${operation} costs ${(cost.direct * (1 + cost.onward)).toFixed(1)} round trips of ${cost.bytes} B; ` +
  `a lookup asks ${hops.toFixed(2)} nodes on its way`

const toRows = (operation: Operation, rounds: Rounds): ReadonlyArray<Row> => {
  const row = (group: Row["group"], wire: Wire, name: string, unit: string, of: (taken: Taken) => number): Row => ({
    group,
    name,
    yardstick: yardsticks[wire],
    unit,
    ours: rounds.ours.map(of),
    theirs: rounds[wire].map(of)
  })
  const where = `${operation}, ring of eight, 32 in flight`
  return [
    ...wires.map((wire) => row("chord", wire, where, "operations", (taken) => taken.perSecond)),
    row("latency", "bare", `p50 in ms, ${where}`, "milliseconds", ({ millis }) => quantile(millis, 0.5)),
    row("latency", "bare", `p99 in ms, ${where}`, "milliseconds", ({ millis }) => quantile(millis, 0.99))
  ]
}

/** Gets and sets of keys with values of 64 characters. Throws when one fails. */
export const measureChord = async (
  { millis, profileDirectory, rounds }: ChordOptions
): Promise<ReadonlyArray<Row>> => {
  const members = Array.from(
    { length: memberCount },
    (_, index) =>
      new Remote(profileDirectory === undefined ? undefined : join(profileDirectory, `chord ${index}.cpuprofile`))
  )
  const endAll = (): void => members.forEach((member) => member.kill())
  process.on("exit", endAll)
  try {
    await startRing(members)
    const driver = members[0]!
    await driver.ask({ type: "fill" })
    const hops = await driver.ask<number>({ type: "hops" })
    const rows: Array<Row> = []
    for (const operation of ["get", "set"] as const) {
      const operate = () => driver.ask<Taken>({ type: "operate", operation, millis })
      const cost = await costOf(members, (taken) => taken.millis.length, operate)
      const found: Rounds = { ours: [], bare: [], codec: [] }
      for (let round = -1; round < rounds; round++) {
        const bare = await driver.ask<Taken>({ type: "roundTrips", wire: "bare", cost, millis })
        const codec = await driver.ask<Taken>({ type: "roundTrips", wire: "codec", cost, millis })
        const ours = await operate()
        if (round < 0) continue
        found.bare.push(bare)
        found.codec.push(codec)
        found.ours.push(ours)
      }
      console.log(describe(operation, cost, hops))
      rows.push(...toRows(operation, found))
    }
    await Promise.all(members.map((member) => member.ask({ type: "stop" })))
    return rows
  } finally {
    endAll()
    process.off("exit", endAll)
  }
}
