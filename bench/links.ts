/** What idle links cost: memory beyond that of bare sockets, and processor time. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { LinkRequest, Role } from "./linkHolder.ts"
import type { Row } from "./report.ts"

const holder = fileURLToPath(new URL("linkHolder.ts", import.meta.url))
const linkCount = 100
const idleMillis = 5000

const launch = (role: Role): ChildProcess =>
  fork(holder, [role, String(linkCount)], { execArgv: [...process.execArgv, "--expose-gc"] })

const ask = async <A>(child: ChildProcess, request: LinkRequest): Promise<A> => {
  const answered = once(child, "message")
  child.send(request)
  return (await answered)[0] as A
}

interface Cost {
  /** Of one end of a link, in bytes. */
  readonly bytes: number
  /** Of all links for a second, in milliseconds of processor time. */
  readonly busy: number
}

const measureTcp = async (hubRole: Role, spokesRole: Role): Promise<Cost> => {
  const [hub, spokes] = [launch(hubRole), launch(spokesRole)]
  try {
    const address = await ask<string>(hub, { type: "start" })
    await ask(spokes, { type: "start" })
    const before = await ask<number>(hub, { type: "weigh" })
    await ask(spokes, { type: "dial", address, count: linkCount })
    const bytes = (await ask<number>(hub, { type: "weigh" }) - before) / linkCount
    const busy = await ask<number>(hub, { type: "idle", millis: idleMillis }) / idleMillis * 1000
    return { bytes, busy }
  } finally {
    hub.kill()
    spokes.kill()
  }
}

/** Both ends are in one process. */
const measureMemory = async (): Promise<Cost> => {
  const hub = launch("memory hub")
  try {
    const address = await ask<string>(hub, { type: "start" })
    const before = await ask<number>(hub, { type: "weigh" })
    await ask(hub, { type: "dial", address, count: linkCount })
    const bytes = (await ask<number>(hub, { type: "weigh" }) - before) / (2 * linkCount)
    const busy = await ask<number>(hub, { type: "idle", millis: idleMillis }) / idleMillis * 1000
    return { bytes, busy }
  } finally {
    hub.kill()
  }
}

/** So many rounds of each. */
export const measureLinks = async (rounds: number): Promise<ReadonlyArray<Row>> => {
  const mesh: Array<Cost> = []
  const raw: Array<Cost> = []
  const memory: Array<Cost> = []
  for (let round = 0; round < rounds; round++) {
    raw.push(await measureTcp("raw hub", "raw spokes"))
    mesh.push(await measureTcp("mesh hub", "mesh spokes"))
    memory.push(await measureMemory())
  }
  const kibibytes = ({ bytes }: Cost): number => bytes / 1024
  return [
    {
      group: "links",
      name: "KiB of an idle link over TCP",
      yardstick: "node:net",
      unit: "KiB",
      ours: mesh.map(kibibytes),
      theirs: raw.map(kibibytes)
    },
    {
      group: "links",
      name: "KiB of an idle link in memory",
      yardstick: "node:net",
      unit: "KiB",
      ours: memory.map(kibibytes),
      theirs: raw.map(kibibytes)
    },
    {
      group: "links",
      name: `ms of processor time a second of ${linkCount} idle links over TCP`,
      yardstick: "node:net",
      unit: "milliseconds",
      ours: mesh.map(({ busy }) => busy),
      theirs: raw.map(({ busy }) => busy)
    }
  ]
}
