import { assert, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, type Scope, Stream } from "effect"
import * as MemoryMesh from "../../../../src/Layers/MemoryMesh.ts"
import { Breaks, leaks, lost, RelayCheck, watch } from "../../../../src/Layers/Simulation/Mesh/MeshChecks.ts"
import { MeshObserver } from "../../../../src/Layers/Simulation/Mesh/MeshObserver.ts"
import * as Simulation from "../../../../src/Layers/Simulation/Simulation.ts"
import type { TraceEvent } from "../../../../src/Layers/Simulation/Trace.ts"
import { Mesh } from "../../../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../../../src/Mesh/MeshConfig.ts"
import { PeerAddress } from "../../../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../../../src/Protocol/Protocol.ts"

it.effect.each(["frame", "frameRelay"] as const)(
  "a node that says a broadcast to a peer again, by %s, is noticed, unless it was started anew",
  (by) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const message = protocol.make("broadcast", new Uint8Array(1), [new Uint8Array(1)], 0)
      const frame = protocol[by](message)
      const relays = new RelayCheck(protocol)
      const happens = (kind: TraceEvent["kind"], bytes?: Uint8Array) =>
        relays.record({ kind, atMillis: 0, host: "1", peer: kind === "send" ? "2" : "", bytes })
      const say = () => happens("send", frame)

      for (const end of ["crash", "vanish"] as const) {
        say()
        happens(end)
        happens("revive")
      }
      say()
      assert.isUndefined(relays.wrong)
      say()
      assert.include(relays.wrong ?? "", "node 1 said broadcast")
    }).pipe(Effect.provide(MemoryMesh.layerProtocol))
)

const nodeOf = (host: string) => MemoryMesh.layerTransport({ host, bootstrap: host === "a" ? [] : ["a:4444"] })

/** Two linked nodes that are observed. */
const observed = <A, E>(
  body: (simulation: Simulation.Simulation, observer: MeshObserver) => Effect.Effect<A, E, Scope.Scope>,
  change: (node: ReturnType<typeof nodeOf>) => ReturnType<typeof nodeOf> = (node) => node
) =>
  Simulation.run({ seed: "checks", latency: "10 millis" }, (simulation, clock) =>
    Effect.gen(function*() {
      const observer = new MeshObserver(clock)
      for (const host of ["a", "b"]) yield* simulation.start(host, observer.watch(host, change(nodeOf(host))))
      yield* Effect.sleep("5 seconds")
      return yield* body(simulation, observer)
    }))

const value = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)

it("a broadcast that did not come to somebody is noticed, if it was said while nothing was wrong", () => {
  const [kept, gone, stormy, slow] = value(observed((_, observer) =>
    Effect.gen(function*() {
      const { broadcast } = yield* observer.broadcast(observer.nodes.get("a")!, "hello")
      yield* Effect.sleep("1 second")
      const kept = lost(observer, 75, () => true)
      broadcast.deliveries.clear()
      return [
        kept,
        lost(observer, 75, () => true),
        lost(observer, 75, (from, to) => from !== 5000 || to !== 6000),
        lost(observer, 3000, (from, to) => from !== 5000 || to !== 8000)
      ]
    })
  ))

  assert.isUndefined(kept)
  assert.strictEqual(gone, "broadcast 0, said by node a at 5 s, did not come to node b")
  assert.isUndefined(stormy)
  // It may be on its way for that long.
  assert.isUndefined(slow)
})

it("a connection that broke leaves no calm time about it", () => {
  const breaks = new Breaks()
  for (const [atMillis, kind] of [[1000, "loss"], [3000, "close"], [5000, "reset"]] as const) {
    breaks.record({ kind, atMillis, host: "a", peer: "b", bytes: undefined })
  }

  const times = [0, 500, 1000, 2500, 4500]
  assert.deepStrictEqual(times.map((from) => breaks.hasAny(from, from + 1000)), [true, true, true, false, true])
})

it("a connection that is nobody's link is noticed", () => {
  const found = value(observed((simulation, observer) =>
    Effect.gen(function*() {
      const before = yield* leaks(simulation, observer)
      yield* simulation.network.transport("c").dial(new PeerAddress({ host: "a", port: 4444 }))
      return [[...before], [...yield* leaks(simulation, observer)]]
    })
  ))

  assert.deepStrictEqual(found, [[], ["a and c"]])
})

const watched = (change: (node: ReturnType<typeof nodeOf>) => ReturnType<typeof nodeOf>) => {
  const exit = observed((simulation, observer) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      yield* watch(simulation, observer, new RelayCheck(protocol), MeshConfig.defaults)
      yield* Effect.sleep("5 seconds")
    }).pipe(Effect.provide(MemoryMesh.layerProtocol)), change)
  return Option.match(Exit.findErrorOption(exit), { onNone: () => "", onSome: String })
}

/** What a node tells is changed. */
const altered = (change: (mesh: Mesh["Service"]) => Partial<Mesh["Service"]>) => (node: ReturnType<typeof nodeOf>) =>
  Layer.effect(Mesh, Effect.map(Mesh, (mesh): Mesh["Service"] => ({ ...mesh, ...change(mesh) }))).pipe(
    Layer.provide(node)
  )

it("a node that ends a link by a defect is noticed", () => {
  const address = new PeerAddress({ host: "b", port: 4444 })
  const reason = { _tag: "Defect", detail: "Error: no such table" } as const
  const says = watched(altered(() => ({
    events: Stream.make({ _tag: "PeerLeft", id: "b", address, reason })
  })))

  assert.include(says, "no defect: node a ended a link by a defect: Error: no such table")
  assert.strictEqual(watched((node) => node), "")
})

it("a node that remembers more broadcasts than were said in the time that they are kept is noticed", () => {
  const says = watched(altered((mesh) => ({
    stats: Effect.map(mesh.stats, (stats) => ({ ...stats, seenIds: 1 }))
  })))

  assert.include(says, "within bounds: node a holds 1 ids of broadcasts, more than 0")
})
