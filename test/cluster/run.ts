/**
 * Chord on real processes, killed by -9: `npm run test:cluster [-- --nodes 48]`.
 *
 * Each row does on loopback what chord.md's row of that name asks for, prints what it measured beside
 * its target, and the exit status is 1 when one does not hold.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { flags, positive } from "../../bench/flags.ts"
import { ClusterNode } from "./ClusterNode.ts"

const options = flags({ nodes: { type: "string", default: "48" } })
const nodeCount = positive("nodes", options.nodes)

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const seconds = (since: number) => (performance.now() - since) / 1000
const quick = ["--stabilize", "1s"]

let failureCount = 0

const report = (row: string, what: string, measured: string, target: string, holds: boolean): void => {
  if (!holds) failureCount++
  console.log(`${holds ? "holds " : "FAILS "} ${row.padEnd(4)} ${what.padEnd(48)} ${measured.padEnd(28)} ${target}`)
}

/** Nodes that join through one of the first ones, eight at a time. */
const startNodes = async (count: number, entries: ReadonlyArray<ClusterNode>): Promise<Array<ClusterNode>> => {
  const nodes: Array<ClusterNode> = [...entries]
  const isFirst = nodes.length === 0
  if (isFirst) nodes.push(await ClusterNode.start(quick))
  const wanted = entries.length + count
  while (nodes.length < wanted) {
    const join = nodes.slice(0, 3).flatMap((node) => ["--join", node.address])
    const some = Math.min(8, wanted - nodes.length)
    nodes.push(...await Promise.all(Array.from({ length: some }, () => ClusterNode.start([...quick, ...join]))))
  }
  return nodes.slice(entries.length)
}

interface Neighbors {
  readonly position: string
  readonly predecessor: { readonly position: string } | null
  readonly successors: ReadonlyArray<{ readonly position: string }>
}

const isNeighbors = (value: unknown): value is Neighbors =>
  typeof value === "object" && value !== null && "position" in value && "successors" in value

/** Seconds until every node names the right predecessor and the right first successor. */
const untilRight = async (nodes: ReadonlyArray<ClusterNode>, maxSeconds: number): Promise<number | undefined> => {
  const started = performance.now()
  while (seconds(started) < maxSeconds) {
    const rings = await Promise.all(nodes.map((node) => node.ring()))
    const members = rings.flatMap((told) => Array.isArray(told["members"]) ? told["members"].filter(isNeighbors) : [])
    const order = members.map((member) => member.position.padStart(40, "0")).sort()
    const isRight = members.length === nodes.length && members.every((member) => {
      const index = order.indexOf(member.position.padStart(40, "0"))
      const before = order.at(index - 1)
      const after = order[(index + 1) % order.length]
      return member.predecessor?.position.padStart(40, "0") === before &&
        member.successors[0]?.position.padStart(40, "0") === after
    })
    if (isRight) return seconds(started)
    await sleep(200)
  }
  return undefined
}

const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)
const alive = (nodes: ReadonlyArray<ClusterNode>) => nodes.filter((node) => node.isAlive)
const any = <A>(items: ReadonlyArray<A>, index: number): A => items[(index * 7919) % items.length]!

/** Does something for each item, at as many nodes at once as there are, one thing at a node at a time. */
const spread = async <A>(
  items: ReadonlyArray<A>,
  nodes: ReadonlyArray<ClusterNode>,
  work: (item: A, node: ClusterNode) => Promise<void>
): Promise<void> => {
  const queue = [...items]
  const some = nodes.slice(0, 8)
  await Promise.all(some.map(async (node) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item, node)
  }))
}

const percentile = (values: ReadonlyArray<number>, fraction: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(fraction * values.length))] ?? 0

const countLost = async (nodes: ReadonlyArray<ClusterNode>): Promise<number> => {
  let lost = 0
  await spread(keys, nodes, async (key, node) => {
    if (await node.get(key) !== `value of ${key}`) lost++
  })
  return lost
}

const setAll = (nodes: ReadonlyArray<ClusterNode>): Promise<void> =>
  spread(keys, nodes, async (key, node) => {
    if (!await node.set(key, `value of ${key}`)) throw new Error(`${key} was not set`)
  })

/** The 99th percentile of the milliseconds that something takes, one after the other. */
const latency = async (work: (key: string) => Promise<unknown>): Promise<number> => {
  const millis: Array<number> = []
  for (const key of keys) {
    const started = performance.now()
    await work(key)
    millis.push(performance.now() - started)
  }
  return percentile(millis, 0.99)
}

/** For fingers to be found, and records to be where they belong. */
const settleMillis = 30_000

/** Growth from one node, all at once; then puts, gets and hops. */
const grow = async (): Promise<Array<ClusterNode>> => {
  const nodes = await startNodes(nodeCount, [])
  const right = await untilRight(nodes, 120)
  report(
    "M9",
    `${nodeCount} processes started at once: right after`,
    `${right?.toFixed(1)} s`,
    "<= 32 s",
    (right ?? 99) <= 32
  )

  // Once to warm up: each process compiles its own code. Then the new ring comes to rest.
  await setAll(nodes)
  await countLost(nodes)
  await sleep(settleMillis)
  const [client] = nodes
  const set = await latency((key) => client!.set(key, `value of ${key}`))
  const get = await latency((key) => client!.get(key))
  report("M17", "set on loopback, p99", `${set.toFixed(0)} ms`, "<= 100 ms", set <= 100)
  report("M17", "get on loopback, p99", `${get.toFixed(0)} ms`, "<= 50 ms", get <= 50)

  const hops: Array<number> = []
  await spread(keys, nodes, async (key, node) => {
    const found = await node.lookup(key)
    hops.push(found?.hops ?? Number.POSITIVE_INFINITY)
  })
  const mean = hops.reduce((sum, one) => sum + one, 0) / hops.length
  const bound = 0.5 * Math.log2(nodeCount) + 0.1
  report("M3", "hops to the owner, mean", mean.toFixed(2), `<= ${bound.toFixed(2)}`, mean <= bound)
  return nodes
}

/** Half of the nodes are killed at once. */
const killHalf = async (nodes: ReadonlyArray<ClusterNode>): Promise<ReadonlyArray<ClusterNode>> => {
  for (const [index, node] of nodes.entries()) if (index % 2 === 1) node.kill()
  const left = alive(nodes)
  const rightness = untilRight(left, 60)
  let failed = 0
  await spread(keys, left, async (key, node) => {
    if (await node.lookup(key) === undefined) failed++
  })
  report("M4", "lookups right after half was killed, failed", `${failed} of ${keys.length}`, "0", failed === 0)
  const right = await rightness
  report(
    "M5",
    "neighbors right again after",
    `${right?.toFixed(1)} s`,
    "2 rounds and the timeouts: <= 8 s",
    (right ?? 99) <= 8
  )
  const lost = await countLost(left)
  report("M11", "keys lost after half was killed", `${lost} of ${keys.length}`, "0", lost === 0)
  return left
}

/** One is killed and one started, again and again, while others look up. */
const churn = async (nodes: ReadonlyArray<ClusterNode>): Promise<ReadonlyArray<ClusterNode>> => {
  let members = [...nodes]
  const looker = { isOver: false }
  let lookups = 0
  let failed = 0
  const looking = (async () => {
    for (let index = 0; !looker.isOver; index++) {
      const node = any(alive(members), index)
      const found = await node.lookup(`sought-${index}`)
      if (!node.isAlive) continue
      lookups++
      if (found === undefined && await node.lookup(`sought-${index}`) === undefined) failed++
    }
  })()
  for (let round = 0; round < 20; round++) {
    any(alive(members), round * 3 + 1).kill()
    members = alive(members)
    members.push(...await startNodes(1, members))
    await sleep(2000)
  }
  looker.isOver = true
  await looking
  report("M6", "kill and spawn each 2 s: lookups failed twice", `${failed} of ${lookups}`, "0", failed === 0)
  return members
}

/** Waves: two are killed and two started, each ten seconds. */
const waves = async (nodes: ReadonlyArray<ClusterNode>): Promise<void> => {
  let members = [...nodes]
  for (let wave = 0; wave < 8; wave++) {
    for (const index of [wave, wave + 5]) any(alive(members), index).kill()
    members = alive(members)
    members.push(...await startNodes(2, members))
    await sleep(10_000)
  }
  const lost = await countLost(members)
  report("M12", "8 waves of 2 killed and 2 started: keys lost", `${lost} of ${keys.length}`, "0", lost === 0)
  for (const node of members) node.kill()
}

/** A node on disk is killed while it writes; what it acknowledged is there again. */
const restart = async (): Promise<void> => {
  const folder = mkdtempSync(path.join(tmpdir(), "cluster-"))
  try {
    let lost = 0
    const acknowledged = new Map<string, string>()
    // What was being written when the node was killed may be there, or not.
    let attempted = ""
    for (let round = 0; round < 5; round++) {
      const node = await ClusterNode.start([...quick, "--data", path.join(folder, "share")])
      for (const [key, value] of acknowledged) {
        const found = await node.get(key)
        if (found !== value && found !== attempted) lost++
      }
      const killed = sleep(300 + 100 * round).then(() => node.kill())
      for (let index = 0; node.isAlive; index++) {
        const value = `${round} ${index}`
        attempted = value
        if (await node.set(`key-${index % 50}`, value)) acknowledged.set(`key-${index % 50}`, value)
      }
      await killed
    }
    report(
      "M20",
      "acknowledged values lost by kill -9 in mid-write",
      `${lost} of ${acknowledged.size} in 5 rounds`,
      "0",
      lost === 0
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const started = performance.now()
await restart()
const grown = await grow()
const half = await killHalf(grown)
const churned = await churn(half)
await waves(churned)
console.log(
  `${seconds(started).toFixed(0)} s, ${failureCount === 0 ? "all rows hold" : `${failureCount} rows do not hold`}`
)
process.exit(failureCount === 0 ? 0 : 1)
