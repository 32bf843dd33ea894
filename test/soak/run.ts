/**
 * Real nodes on loopback under everything at once, for as long as asked: `npm run soak -- --minutes N`
 * (default 2). Rounds of connects and closes, floods, peers that read nothing, noise, and nodes that are
 * ended; in each round an honest pair of nodes still hears each other. At the end heap, descriptors and
 * fibers are back within a tenth of what they were after the first rounds. Prints the figures of each
 * round; the exit status is 1 when they are not, or when something escaped.
 */
import { Effect, Exit, Metric, Scope } from "effect"
import { readdirSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { flags, positive } from "../../bench/flags.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { type SocketNode, start } from "../compliance/mesh.ts"
import * as Attacker from "../hostile/Attacker.ts"
import { Guard } from "../hostile/Guard.ts"
import { until } from "../utils/eventually.ts"

const options = flags({ minutes: { type: "string", default: "2" } })
const millis = positive("minutes", options.minutes) * 60_000
/** Rounds in which code is compiled and caches fill: the base is what is held after them. */
const warmUpCount = 3

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

let fiberCount = 0
const counted: Metric.FiberRuntimeMetricsService = {
  recordFiberStart: () => void fiberCount++,
  recordFiberEnd: () => void fiberCount--
}

interface Figures {
  readonly heapMegabytes: number
  readonly descriptors: number
  readonly fibers: number
}

const settled = Effect.gen(function*() {
  for (let turn = 0; turn < 5; turn++) {
    yield* Effect.sleep("100 millis")
    collect()
  }
  const figures: Figures = {
    heapMegabytes: process.memoryUsage().heapUsed / 1e6,
    descriptors: readdirSync("/proc/self/fd").length,
    fibers: fiberCount
  }
  return figures
})

interface Field {
  readonly node: SocketNode
  readonly honest: SocketNode
}

const churn = ({ node }: Field) =>
  Effect.forEach(Array.from({ length: 300 }, (_, i) => i), (i) =>
    Effect.scoped(Effect.gen(function*() {
      const peer = yield* Attacker.connect(node.mesh.address.port, "127.0.0.66")
      if (i % 3 > 0) yield* peer.write(Attacker.handshake(`churn ${i}`, node.mesh.networkId))
      if (i % 3 === 2) yield* until("answered", Effect.sync(() => peer.received() > 0 || peer.socket.closed))
      if (i % 7 === 0) yield* peer.reset
    })), { concurrency: 16, discard: true })

let number = 0
const flood = ({ node }: Field) =>
  Effect.scoped(Effect.gen(function*() {
    const peer = yield* Attacker.connect(node.mesh.address.port, "127.0.0.67")
    yield* peer.write(Attacker.handshake("flood", node.mesh.networkId))
    for (let i = 0; i < 50; i++) {
      const part = Array.from({ length: 100 }, () => Attacker.broadcast("flood", `flood ${number++}`))
      yield* peer.write(new Uint8Array(Buffer.concat(part)))
      yield* Effect.sleep(1)
    }
    yield* until("read", Effect.sync(() => peer.socket.writableLength === 0))
  }))

const noise = ({ node }: Field) =>
  Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) =>
    Effect.scoped(Effect.gen(function*() {
      const peer = yield* Attacker.connect(node.mesh.address.port, "127.0.0.68")
      if (i % 2 === 0) yield* peer.write(Attacker.handshake(`noise ${i}`, node.mesh.networkId))
      yield* peer.write(Uint8Array.from({ length: 500 }, (_, at) => at < 2 ? 0 : (at * i * 31) & 255))
      yield* Effect.sleep(5)
    })), { concurrency: 8, discard: true })

const stuck = ({ node }: Field) =>
  Effect.scoped(Effect.gen(function*() {
    const peer = yield* Attacker.connect(node.mesh.address.port, "127.0.0.69")
    yield* peer.write(Attacker.handshake("stuck", node.mesh.networkId))
    yield* until("linked", Effect.map(node.mesh.peers, (peers) => peers.some(({ id }) => id === "stuck")))
    peer.socket.pause()
    const large = new Uint8Array(200_000)
    for (let i = 0; i < 60; i++) {
      large[0] = number++ & 255
      large[1] = (number >> 8) & 255
      yield* node.mesh.broadcast(large.slice())
    }
    yield* until("cut", Effect.map(node.mesh.peers, (peers) => !peers.some(({ id }) => id === "stuck")))
  }))

const kills = ({ node }: Field) =>
  Effect.gen(function*() {
    for (let i = 0; i < 5; i++) {
      const scope = yield* Scope.make()
      const other = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 })).pipe(Scope.provide(scope))
      yield* other.mesh.connect(node.mesh.address)
      yield* other.mesh.broadcast(`killed soon ${number++}`)
      yield* Scope.close(scope, Exit.void)
    }
  })

const serves = ({ honest, node }: Field) =>
  Effect.gen(function*() {
    const mark = yield* node.mesh.broadcast(`round ${number++}`)
    yield* until("heard", Effect.sync(() => honest.received.some(({ id }) => id === mark)))
    const back = yield* honest.mesh.broadcast(`round ${number++}`)
    yield* until("heard back", Effect.sync(() => node.received.some(({ id }) => id === back)))
    for (const { events, received } of [node, honest]) {
      events.length = 0
      received.length = 0
    }
  })

const show = (round: string, { descriptors, fibers, heapMegabytes }: Figures) =>
  console.log(`${round.padEnd(10)} heap ${heapMegabytes.toFixed(1)} MB   descriptors ${descriptors}   fibers ${fibers}`)

const guard = new Guard()
guard.start()

const soak = Effect.gen(function*() {
  // What is remembered by design is small here: it would fill for two minutes otherwise.
  const settings = { maxSeenIds: 2000, maxOutboxBytes: 1_000_000, slowTimeout: "500 millis" } as const
  const node = yield* start(NodeMesh.layer({ ...settings, maxOutboundLinks: 0, slowPatience: "100 millis" }))
  const honest = yield* start(NodeMesh.layer({ ...settings, maxOutboundLinks: 0 }))
  yield* honest.mesh.connect(node.mesh.address)
  const field = { node, honest }
  const end = performance.now() + millis
  let base: Figures | undefined
  let last: Figures | undefined
  for (let round = 1; round <= warmUpCount + 1 || performance.now() < end; round++) {
    for (const part of [churn, flood, noise, stuck, kills, serves]) yield* part(field)
    yield* until("only the honest peer is left", Effect.map(node.mesh.peers, (peers) => peers.length === 1))
    last = yield* settled
    show(`round ${round}`, last)
    if (round === warmUpCount) base = last
  }
  return [base, last] as const
})

const [base, last] = await Effect.runPromise(
  Effect.scoped(soak).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, counted))
)
const grown = (Object.keys(base ?? {}) as ReadonlyArray<keyof Figures>).filter((name) =>
  last![name] > base![name] * 1.1
)
for (const name of grown) console.log(`FAILS  ${name} grew from ${base![name]} to ${last![name]}`)
for (const escaped of guard.escaped) console.log(`FAILS  escaped: ${escaped}`)
const isFine = grown.length === 0 && guard.escaped.length === 0
console.log(isFine ? "holds: all is back within a tenth of the base" : "does not hold")
process.exit(isFine ? 0 : 1)
