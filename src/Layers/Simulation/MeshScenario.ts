/**
 * A mesh under load, measured: nodes join one another, broadcast, some of them crash at once, the
 * others heal and go on. What `p2p simulate mesh` runs; the figures are those of the papers on
 * flooding and gossip (copies, hops, latency, delivery among connected survivors).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Mesh } from "../../Mesh/Mesh.ts"
import type { ListenError } from "../../Transport/Transport.ts"
import * as MemoryMesh from "../MemoryMesh.ts"
import type { NodeNameError, Simulation } from "./Simulation.ts"
import * as Simulations from "./Simulation.ts"

/**
 * The scenario.
 *
 * @category options
 * @since 0.1.0
 */
export interface MeshScenario {
  readonly nodes: number
  readonly seed: string
  /** Virtual seconds over which the broadcasts are spread. */
  readonly durationSeconds: number
  /** Broadcasts of 64 bytes, by nodes drawn by chance. */
  readonly broadcasts: number
  /** The fraction of the nodes, 0 to 1, that crash at once when half of the time is over. */
  readonly failFraction: number
  /** The chance, 0 to 1, that a send breaks its connection. */
  readonly lossChance: number
  /** The mean time from one node to another, in milliseconds; each send takes half to one and a half of it. */
  readonly latencyMillis: number
  /** Called now and then with the fraction of virtual time that is over. */
  readonly onProgress?: ((fraction: number) => void) | undefined
}

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
 * What came of a scenario.
 *
 * @category models
 * @since 0.1.0
 */
export interface MeshFigures {
  readonly nodes: number
  readonly seed: string
  readonly virtualSeconds: number
  /** The fingerprint of the trace: the same for the same scenario, in every process. */
  readonly hash: string
  readonly broadcasts: number
  /** Of all deliveries to nodes that were connected to the author and lived on, the fraction that came. */
  readonly deliveredFraction: number
  /** Broadcasts that a user got twice. */
  readonly doubled: number
  /** Copies of a broadcast that arrived at a node, for each that was delivered. */
  readonly copiesPerDelivery: number
  readonly latencyMillis: Spread
  readonly hops: Spread
  readonly messagesPerNodeSecond: number
  readonly bytesPerNodeSecond: number
  /** From the crash until every survivor had as many outbound links as before; null when nobody crashed, or it did not come. */
  readonly healMillis: number | null
}

/** Seconds before the first broadcast, for the nodes to find each other, and after the last. */
const settleSeconds = 10
/** Seconds in which the nodes start, one after the other. */
const startSeconds = 10

interface SimulatedNode {
  readonly name: string
  readonly mesh: Mesh["Service"]
  isAlive: boolean
}

interface Sent {
  readonly atMillis: number
  /** Nodes connected to the author when it was sent. */
  readonly expected: ReadonlySet<SimulatedNode>
  /** How many links it took to each node that has it. */
  readonly hops: Map<string, number>
  readonly delivered: Map<SimulatedNode, { readonly latencyMillis: number; count: number }>
}

/**
 * Runs a scenario to its end; synchronous. Fails when a node cannot be started.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (scenario: MeshScenario): Exit.Exit<MeshFigures, ListenError | NodeNameError> => {
  const { latencyMillis, lossChance, seed } = scenario
  const latency = (_from: string, _to: string, chance: number) => latencyMillis * (0.5 + chance)
  const totalMillis = 1000 * (startSeconds + 2 * settleSeconds + scenario.durationSeconds)
  return Simulations.run({ seed, latency, lossChance, maxTraceEvents: 0 }, (simulation, clock) => {
    clock.onStep = (now) => scenario.onProgress?.(Math.min(1, now / totalMillis))
    return play(scenario, simulation)
  })
}

const play = Effect.fnUntraced(function*(scenario: MeshScenario, simulation: Simulation) {
  const sent = new Map<string, Sent>()
  const nodes: Array<SimulatedNode> = []
  for (let index = 0; index < scenario.nodes; index++) {
    nodes.push(yield* startNode(simulation, nodes, index, sent))
    yield* Effect.sleep(1000 * startSeconds / scenario.nodes)
  }
  yield* Effect.sleep(1000 * settleSeconds)

  let healMillis: number | null = null
  const crashAt = scenario.failFraction > 0 ? scenario.broadcasts >> 1 : -1
  for (let number = 0; number < scenario.broadcasts; number++) {
    if (number === crashAt) {
      const outbound = yield* crashSome(scenario, simulation, nodes)
      yield* Effect.forkScoped(Effect.map(heal(outbound), (millis) => void (healMillis = millis)))
    }
    yield* broadcast(nodes, number, sent)
    yield* Effect.sleep(1000 * scenario.durationSeconds / scenario.broadcasts)
  }
  yield* Effect.sleep(1000 * settleSeconds)
  return yield* figures(scenario, simulation, nodes, sent, healMillis)
})

const startNode = Effect.fnUntraced(function*(
  simulation: Simulation,
  nodes: ReadonlyArray<SimulatedNode>,
  index: number,
  sent: ReadonlyMap<string, Sent>
): Effect.fn.Return<SimulatedNode, ListenError | NodeNameError, Scope.Scope> {
  const name = `${index}`
  const entry = nodes.length === 0 ? undefined : nodes[yield* Random.nextIntBetween(0, nodes.length - 1)]
  const layer = MemoryMesh.layerTransport({
    host: name,
    bootstrap: entry === undefined ? [] : [entry.mesh.address]
  })
  const mesh = Context.get(yield* simulation.start(name, layer), Mesh)
  const node: SimulatedNode = { name, mesh, isAlive: true }
  yield* mesh.messages.pipe(
    Stream.runForEach((message) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => deliver(sent.get(message.id), node, message.from, clock.currentTimeMillisUnsafe()))
      )
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return node
})

const deliver = (message: Sent | undefined, node: SimulatedNode, from: string, now: number): void => {
  if (message === undefined) return
  const known = message.delivered.get(node)
  if (known !== undefined) {
    known.count++
    return
  }
  message.hops.set(node.mesh.id, (message.hops.get(from) ?? 0) + 1)
  message.delivered.set(node, { latencyMillis: now - message.atMillis, count: 1 })
}

const broadcast = Effect.fnUntraced(function*(
  nodes: ReadonlyArray<SimulatedNode>,
  number: number,
  sent: Map<string, Sent>
) {
  const alive = nodes.filter((node) => node.isAlive)
  const author = alive[yield* Random.nextIntBetween(0, alive.length - 1)]!
  const expected = yield* connectedTo(author, alive)
  const atMillis = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  const id = yield* Effect.orDie(author.mesh.broadcast(`broadcast ${number}`.padEnd(64, ".")))
  sent.set(id, { atMillis, expected, hops: new Map([[author.mesh.id, 0]]), delivered: new Map() })
})

/** The nodes that any path of links leads to. */
const connectedTo = Effect.fnUntraced(function*(author: SimulatedNode, alive: ReadonlyArray<SimulatedNode>) {
  const byId = new Map(alive.map((node) => [node.mesh.id, node]))
  const found = new Set([author])
  for (const node of found) {
    for (const peer of yield* node.mesh.peers) {
      const next = byId.get(peer.id)
      if (next !== undefined) found.add(next)
    }
  }
  found.delete(author)
  return found
})

const outboundCount = (node: SimulatedNode): Effect.Effect<number> =>
  Effect.map(node.mesh.peers, (peers) => peers.filter((peer) => peer.direction === "outbound").length)

/** Crashes nodes drawn by chance; gives how many outbound links each survivor had. */
const crashSome = Effect.fnUntraced(function*(
  scenario: MeshScenario,
  simulation: Simulation,
  nodes: ReadonlyArray<SimulatedNode>
) {
  const outbound = new Map<SimulatedNode, number>()
  for (const node of nodes) outbound.set(node, yield* outboundCount(node))
  const doomed = (yield* Random.shuffle(nodes)).slice(0, Math.floor(scenario.nodes * scenario.failFraction))
  for (const node of doomed) {
    node.isAlive = false
    outbound.delete(node)
    yield* Effect.orDie(simulation.crash(node.name))
  }
  return outbound
})

/** How long it takes until each survivor has its outbound links again, to 50 ms. */
const heal = Effect.fnUntraced(function*(outbound: ReadonlyMap<SimulatedNode, number>) {
  for (let millis = 0;; millis += 50) {
    let isHealed = true
    for (const [node, count] of outbound) isHealed = isHealed && (yield* outboundCount(node)) >= count
    if (isHealed) return millis
    yield* Effect.sleep(50)
  }
})

const figures = Effect.fnUntraced(function*(
  scenario: MeshScenario,
  simulation: Simulation,
  nodes: ReadonlyArray<SimulatedNode>,
  sent: ReadonlyMap<string, Sent>,
  healMillis: number | null
) {
  let expected = 0
  let came = 0
  let doubled = 0
  const latencies: Array<number> = []
  const hops: Array<number> = []
  for (const message of sent.values()) {
    for (const node of message.expected) {
      if (!node.isAlive) continue
      expected++
      if (message.delivered.has(node)) came++
    }
    for (const [node, { count, latencyMillis }] of message.delivered) {
      doubled += count - 1
      latencies.push(latencyMillis)
      hops.push(message.hops.get(node.mesh.id) ?? 0)
    }
  }
  let copies = 0
  let deliveries = 0
  for (const node of nodes.filter((node) => node.isAlive)) {
    const stats = yield* node.mesh.stats
    copies += stats.delivered + stats.duplicates
    deliveries += stats.delivered
  }
  const virtualSeconds = (yield* Effect.clockWith((clock) => clock.currentTimeMillis)) / 1000
  const { hash, sendCount, sentBytes } = simulation.trace
  const result: MeshFigures = {
    nodes: scenario.nodes,
    seed: scenario.seed,
    virtualSeconds: rounded(virtualSeconds),
    hash,
    broadcasts: sent.size,
    deliveredFraction: expected === 0 ? 1 : came / expected,
    doubled,
    copiesPerDelivery: rounded(copies / Math.max(1, deliveries)),
    latencyMillis: spreadOf(latencies),
    hops: spreadOf(hops),
    messagesPerNodeSecond: rounded(sendCount / scenario.nodes / virtualSeconds),
    bytesPerNodeSecond: rounded(sentBytes / scenario.nodes / virtualSeconds),
    healMillis
  }
  return result
})

/** Three decimals. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000

const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = Float64Array.from(values).sort()
  const at = (fraction: number) =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}
