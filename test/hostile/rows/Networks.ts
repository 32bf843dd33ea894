/** Rows of groups that mean harm, and of networks that fail: whole networks in simulation. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, type Scope } from "effect"
import * as HostileMesh from "../../../src/Layers/Simulation/Attack/HostileMesh.ts"
import * as MeshAttack from "../../../src/Layers/Simulation/Attack/MeshAttack.ts"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"
import { plain, reasons, type Row } from "../Row.ts"
import { startMesh } from "../Simulated.ts"

const value = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)

const attack = (options: Pick<MeshAttack.MeshAttack, "attack"> & Partial<MeshAttack.MeshAttack>) =>
  value(
    MeshAttack.run({ honest: 12, sybilRatio: 4, seed: "row", phaseSeconds: 10, broadcastsPerPhase: 10, ...options })
  )

const simulate = <A, E>(body: (simulation: Simulation.Simulation) => Effect.Effect<A, E, Scope.Scope>) =>
  value(Simulation.run({ seed: "row", latency: "20 millis", startMillis: 1e12, maxTraceEvents: 0 }, body))

type Started = Effect.Success<ReturnType<typeof startMesh>>

const linked = (nodes: ReadonlyArray<Started>, count: number) =>
  Effect.map(Effect.forEach(nodes, ({ mesh }) => mesh.peers), (all) => all.every((peers) => peers.length >= count))

/** Seconds until it holds, a minute at most. */
const secondsUntil = Effect.fnUntraced(function*(condition: Effect.Effect<boolean, unknown>) {
  for (let second = 0; second <= 60; second++) {
    if (yield* condition) return second
    yield* Effect.sleep("1 second")
  }
  return assert.fail("it did not hold within a minute")
})

export const networks: ReadonlyArray<Row> = [
  plain(29, "eclipse: all slots of a node from one group", (isHeavy) => {
    const result = attack({ attack: "eclipse", ...(isHeavy ? { honest: 30, sybilRatio: 10 } : {}) })
    const running = result.phases.find(({ name }) => name === "attack")
    assert.deepStrictEqual([running?.target?.got.deliveredFraction, running?.target?.sent.deliveredFraction], [1, 1])
    assert.isAtLeast(Math.max(...result.targetLinks.map(({ honest }) => honest)), 4)
    return { limit: "maxOutboundLinks: inbound cannot take them", millis: 0, note: `${result.sybils} sybils` }
  }),
  plain(32, "black hole: peers that relay nothing", () => {
    const lost = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes: Array<Started> = []
        for (let i = 0; i < 8; i++) {
          nodes.push(yield* startMesh(simulation, `${i}`, { bootstrap: i === 0 ? [] : ["0:4444"] }))
          yield* Effect.sleep("500 millis")
        }
        for (let i = 0; i < 4; i++) {
          const layer = HostileMesh.layerTransport({ host: `hole ${i}`, behavior: { swallowChance: 1 } })
          const context = yield* Effect.orDie(simulation.start(`hole ${i}`, layer))
          const hole = Context.get(context, HostileMesh.HostileMesh)
          for (const { mesh } of nodes) yield* hole.connect(mesh.address)
        }
        yield* Effect.sleep("20 seconds")
        for (const [i, { mesh }] of nodes.entries()) yield* mesh.broadcast(`from ${i}`)
        yield* Effect.sleep("2 seconds")
        return nodes.reduce((sum, { received }) => sum + nodes.length - 1 - received.length, 0)
      })
    )
    assert.strictEqual(lost, 0)
    return { limit: "every link carries every broadcast", millis: 0 }
  }),
  plain(44, "network partition, and heal", () => {
    const healed = simulate((simulation) =>
      Effect.gen(function*() {
        const names = Array.from({ length: 10 }, (_, i) => `${i}`)
        const nodes: Array<Started> = []
        for (const name of names) nodes.push(yield* startMesh(simulation, name, { bootstrap: ["0:4444", "9:4444"] }))
        yield* Effect.sleep("20 seconds")
        yield* simulation.network.partition([names.slice(0, 5), names.slice(5)])
        yield* Effect.sleep("2 minutes")
        yield* nodes[1]!.mesh.broadcast("lost to the others")
        yield* Effect.sleep("5 seconds")
        yield* simulation.network.heal
        const begun = yield* secondsUntil(Effect.gen(function*() {
          yield* nodes[0]!.mesh.broadcast("whole again?")
          yield* Effect.sleep("1 second")
          return nodes.slice(1).every(({ received }) => received.some(({ text }) => text === "whole again?"))
        }))
        // What was broadcast during the partition stays lost on the other side: documented.
        assert.isFalse(nodes[9]!.received.some(({ text }) => text === "lost to the others"))
        return begun
      })
    )
    return { limit: "reconnectMax", millis: healed * 1000 }
  }),
  plain(45, "the event loop stands still", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        // Its own patience with silent peers is 6 seconds; it stands still for 20, they wait for 45.
        const options = { pingInterval: "2 seconds", pingTimeout: "4 seconds", maxOutboundLinks: 0 } as const
        const node = yield* startMesh(simulation, "node", options)
        const peers: Array<Started> = []
        for (let i = 0; i < 6; i++) peers.push(yield* startMesh(simulation, `${i}`, { bootstrap: ["node:4444"] }))
        yield* Effect.sleep("10 seconds")
        for (const seconds of ["5 seconds", "20 seconds"] as const) {
          yield* Effect.orDie(simulation.pause("node"))
          yield* Effect.sleep(seconds)
          yield* Effect.orDie(simulation.resume("node"))
          yield* Effect.sleep("10 seconds")
        }
        assert.deepStrictEqual(reasons(node), [])
        yield* peers[0]!.mesh.broadcast("still here")
        yield* Effect.sleep("1 second")
        assert.strictEqual(node.received.at(-1)?.text, "still here")
      })
    )
    return { limit: "its own delay is not held against peers", millis: 0 }
  }),
  plain(46, "all peers restart at once", () => {
    const { most, seconds } = simulate((simulation) =>
      Effect.gen(function*() {
        const hub = yield* startMesh(simulation, "hub")
        const names = Array.from({ length: 60 }, (_, i) => `${i}`)
        let nodes: ReadonlyArray<Started> = yield* Effect.forEach(names, (name) =>
          startMesh(simulation, name, { bootstrap: ["hub:4444"] }))
        yield* Effect.sleep("30 seconds")
        for (const name of names) {
          yield* Effect.orDie(simulation.crash(name))
        }
        nodes = yield* Effect.forEach(names, (name) =>
          startMesh(simulation, name, { bootstrap: ["hub:4444"] }))
        let most = 0
        const seconds = yield* secondsUntil(Effect.gen(function*() {
          most = Math.max(most, (yield* hub.mesh.stats).pendingHandshakes)
          return yield* linked(nodes, 4)
        }))
        return { most, seconds }
      })
    )
    assert.isAtMost(most, 64)
    return { limit: "jitter, maxConcurrentDials", millis: seconds * 1000 }
  }),
  plain(47, "covert flash: a fifth are sybils that fall silent at once", (isHeavy) => {
    const result = attack({ attack: "covert-flash", honest: isHeavy ? 40 : 16, sybilRatio: 0.25 })
    assert.isAtLeast(result.attacked.deliveredFraction, 0.99)
    assert.isAtMost(result.attacked.latencyMillis.max ?? 0, 10_000)
    return { limit: "every link carries every broadcast", millis: 0, note: `${result.sybils} sybils` }
  })
]
