import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Layer, Option, Random, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ChildProcess from "node:child_process"
import { Chord } from "../../../src/Chord/Chord.ts"
import * as MemoryChord from "../../../src/Layers/MemoryChord.ts"
import * as MemoryMesh from "../../../src/Layers/MemoryMesh.ts"
import * as MemorySync from "../../../src/Layers/MemorySync.ts"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"
import { Deadlock, VirtualClock } from "../../../src/Layers/Simulation/VirtualClock.ts"
import { Mesh } from "../../../src/Mesh/Mesh.ts"
import * as Topic from "../../../src/Mesh/Topic.ts"
import { Sync } from "../../../src/Sync/Sync.ts"
import * as SyncKey from "../../../src/Sync/SyncKey.ts"
import { Transport } from "../../../src/Transport/Transport.ts"
import { collect } from "../../utils/MeshNetwork.ts"
import { storm } from "./Storm.ts"

const spread = { latency: (_from: string, _to: string, chance: number) => 5 + 40 * chance }

const value = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)

describe("a simulation", () => {
  it("gives the same trace for the same seed, and another for another", () => {
    const [first, again, other] = ["a", "a", "b"].map((seed) => value(storm(seed, 15)))

    assert.deepStrictEqual(first, again)
    assert.notStrictEqual(first!.hash, other!.hash)
    assert.isAbove(first!.events, 1000)
  })

  it("gives the same trace in another process, with other work on its event loop", () => {
    const script = `
      import { storm } from "./test/Layers/Simulation/Storm.ts"
      setInterval(() => crypto.getRandomValues(new Uint8Array(1000)), 1).unref()
      await new Promise((resolve) => setTimeout(resolve, 20))
      console.log(JSON.stringify(storm("a", 15).value))`
    const output = ChildProcess.execFileSync(process.execPath, ["--input-type=module-typescript", "-e", script], {
      cwd: new URL("../../..", import.meta.url),
      encoding: "utf8"
    })

    assert.deepStrictEqual(JSON.parse(output), value(storm("a", 15)))
  })

  it.effect("gives the same trace under TestClock and under its own clock", () =>
    Effect.gen(function*() {
      const options = { seed: "both", ...spread }
      const script = (simulation: Simulation.Simulation) =>
        Effect.gen(function*() {
          const meshes: Array<Mesh["Service"]> = []
          for (let index = 0; index < 8; index++) {
            const host = `node ${index}`
            const context = yield* simulation.start(host, MemoryMesh.layerTransport({ host }))
            meshes.push(Context.get(context, Mesh))
            if (index > 0) yield* Effect.forkScoped(Effect.ignore(meshes[index]!.connect(meshes[index >> 1]!.address)))
            yield* Effect.sleep("333 millis")
          }
          yield* meshes[0]!.broadcast("hello")
          yield* Effect.sleep("2 seconds")
          yield* simulation.crash("node 3")
          yield* Effect.sleep("20 seconds")
          return simulation.trace.hash
        })

      const fiber = yield* Effect.forkChild(Effect.flatMap(Simulation.make(options), script), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(yield* Fiber.join(fiber), value(Simulation.run(options, script)))
    }).pipe(Random.withSeed("both")))

  it("keeps nodes apart in a partition, and lets them find each other again", () => {
    const { after, apart } = value(
      Simulation.run({ seed: "parted", ...spread }, (simulation) =>
        Effect.gen(function*() {
          const options = { pingInterval: "2 seconds", pingTimeout: "2 seconds", reconnectMax: "5 seconds" } as const
          const start = (host: string, bootstrap: ReadonlyArray<Mesh["Service"]>) =>
            Effect.map(
              simulation.start(
                host,
                MemoryMesh.layerTransport({ ...options, host, bootstrap: bootstrap.map((mesh) => mesh.address) })
              ),
              Context.get(Mesh)
            )
          const a = yield* start("a", [])
          const b = yield* start("b", [a])
          const received = yield* collect(b.messages, yield* Effect.scope)
          yield* Effect.sleep("1 second")

          yield* simulation.network.partition([["a"], ["b"]])
          yield* Effect.sleep("10 seconds")
          const apart = [yield* a.peers, yield* b.peers]
          yield* a.broadcast("nobody hears")
          yield* simulation.network.heal
          yield* Effect.sleep("20 seconds")
          yield* a.broadcast("together again")
          yield* Effect.sleep("1 second")
          return { apart, after: received.map((message) => message.text) }
        }))
    )

    assert.deepStrictEqual(apart, [[], []])
    assert.deepStrictEqual(after, ["together again"])
  })

  it("delays what is sent over a one-way cut until it is mended, while the way back is open", () => {
    const [during, after, back] = value(Simulation.run({ seed: "cut" }, (simulation) =>
      Effect.gen(function*() {
        const start = (host: string) =>
          Effect.map(simulation.start(host, MemoryMesh.layerTransport({ host })), Context.get(Mesh))
        const [a, b] = [yield* start("a"), yield* start("b")]
        const scope = yield* Effect.scope
        const [atA, atB] = [yield* collect(a.messages, scope), yield* collect(b.messages, scope)]
        yield* a.connect(b.address)
        yield* Effect.sleep("1 second")

        yield* simulation.network.cut("a", "b")
        yield* a.broadcast("there")
        yield* b.broadcast("back")
        yield* Effect.sleep("1 second")
        const during = atB.length
        yield* simulation.network.mend("a", "b")
        yield* Effect.sleep("1 second")
        return [during, atB.length, atA.length]
      })))

    assert.deepStrictEqual([during, after, back], [0, 1, 1])
  })

  it("starts a crashed node again as another, under its old name", () => {
    const names = value(Simulation.run({ seed: "again" }, (simulation) =>
      Effect.gen(function*() {
        const layer = MemoryMesh.layerTransport({ host: "a" })
        const first = Context.get(yield* simulation.start("a", layer), Mesh)
        const twice = yield* Effect.flip(simulation.start("a", layer))
        yield* simulation.crash("a")
        const gone = yield* Effect.flip(simulation.stop("a"))
        const second = Context.get(yield* simulation.start("a", layer), Mesh)
        assert.notStrictEqual(first.id, second.id)
        assert.deepStrictEqual(yield* simulation.running, ["a"])
        return [twice._tag, gone._tag]
      })))

    assert.deepStrictEqual(names, ["NodeNameError", "NodeNameError"])
  })

  it("says by its errors which kind they are, and of which node", () => {
    const said = value(Simulation.run({ seed: "said" }, (simulation) =>
      Effect.gen(function*() {
        let starts = 0
        const layer = Layer.effectDiscard(Effect.suspend(() => ++starts > 1 ? Effect.fail("no") : Effect.void))
        yield* simulation.start("a", layer)
        const twice = yield* Effect.flip(simulation.start("a", layer))
        const again = yield* Effect.flip(simulation.restart("a"))
        return [twice, again].map(String)
      })))

    assert.deepStrictEqual(said, [
      "NodeNameError: a node named \"a\" runs already",
      "NodeStartError: the node \"a\" did not start again: no"
    ])
  })
})

it("ends at once the streams of whoever comes when its node has stopped", () => {
  const Temperature = Topic.make("temperature", Schema.Finite)
  const Theme = SyncKey.make("theme", Schema.String)
  const drained = (streams: ReadonlyArray<Stream.Stream<unknown>>) =>
    Effect.forEach(streams, (stream) => Effect.timeoutOption(Stream.runDrain(stream), "1 minute"))

  const ended = value(Simulation.run({ seed: "late" }, (simulation) =>
    Effect.gen(function*() {
      const node = yield* simulation.start("a", MemorySync.layerTransport({ host: "a" }))
      const member = yield* simulation.start("b", MemoryChord.layerTransport({ host: "b" }))
      const [mesh, sync, chord] = [Context.get(node, Mesh), Context.get(node, Sync), Context.get(member, Chord)]
      yield* simulation.stop("a")
      yield* simulation.crash("b")
      return yield* drained([
        mesh.events,
        mesh.changes,
        mesh.messages,
        mesh.subscribe(Temperature),
        sync.updates,
        sync.watch(Theme),
        chord.events
      ])
    })))

  assert.deepStrictEqual(ended, ended.map(() => Option.some(undefined)))
})

describe("options of a simulation", () => {
  it.each(
    [
      [{ lossChance: 1.5 }, "lossChance is 1.5: write a chance from 0 to 1"],
      [{ stallChance: -0.1 }, "stallChance is -0.1: write a chance from 0 to 1"],
      [{ refuseChance: Number.NaN }, "refuseChance is NaN: write a chance from 0 to 1"],
      [{ latency: "-5 millis" }, "latency is -5 millis: write a time such as \"50 millis\", or a Latency"],
      [{ latency: Infinity }, "latency is Infinity: write a time"],
      [{ stallMillis: -1 }, "stallMillis is -1: write milliseconds, 0 or more"],
      [{ bandwidth: 0 }, "bandwidth is 0: write bytes a second, more than 0"],
      [{ windowBytes: 0 }, "windowBytes is 0: write a number more than 0"],
      [{ maxTraceEvents: -1 }, "maxTraceEvents is -1: write a number, 0 or more"],
      [{ startMillis: Number.NaN }, "startMillis is NaN: write milliseconds"],
      [{ startMillis: 1e300 }, "startMillis is 1e+300: write milliseconds that a Date can have"],
      [{ maxTurns: Number.NaN }, "maxTurns is NaN: write a number more than 0"],
      [{ maxDuration: Number.NaN }, "maxDuration is NaN: write a time such as \"1 day\", or Infinity"]
    ] as const
  )("that none can have are refused: %j", (options, says) => {
    const exit = Simulation.run({ seed: "1", ...options }, () => Effect.void)

    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), `RangeError: ${says}`)
  })

  const lost = (): never => {
    throw new RangeError("no such region")
  }

  it.each<[Omit<Simulation.SimulationOptions, "seed">, string]>(
    [
      [{ latency: () => Number.NaN }, "the latency from b to a is NaN: give milliseconds"],
      [{ bandwidth: () => 0 }, "the bandwidth from b to a is 0: give bytes a second, more than 0"],
      [{ latency: lost }, "no such region"],
      [{ bandwidth: lost }, "no such region"],
      [{ onEvent: ({ kind }) => kind === "send" && lost() }, "no such region"]
    ]
  )(
    "that are functions end the run with what they give that none can have, or throw, whoever met it (%#)",
    (conditions, says) => {
      const exit = Simulation.run(
        { seed: "1", maxDuration: "1 hour", ...conditions },
        (simulation) =>
          Effect.gen(function*() {
            yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a" }))
            yield* simulation.start("b", MemoryMesh.layerTransport({ host: "b", bootstrap: ["a:4444"] }))
            return yield* Effect.never
          })
      )

      assert.include(String(exit), `RangeError: ${says}`)
    }
  )

  it.each<[string, (simulation: Simulation.Simulation) => Effect.Effect<void, never, Scope.Scope>]>([
    ["lossChance is 2: write a chance from 0 to 1", ({ network }) => network.setConditions({ lossChance: 2 })],
    ["skew is Infinity: write a time such as \"20 seconds\"", ({ skew }) => skew("a", Infinity)],
    ["every is 0: write a time above zero", ({ always }) => always("holds", Effect.undefined, { every: 0 })]
  ])("are refused in the middle of a run as well: %s", (says, body) => {
    assert.include(String(Simulation.run({ seed: "1" }, body)), `RangeError: ${says}`)
  })
})

describe("a node that ends while it starts", () => {
  const slow = Layer.provideMerge(
    Layer.effectDiscard(Effect.sleep("10 seconds")),
    MemoryMesh.layerTransport({ host: "a" })
  )

  it("has not started", () => {
    const [tag, running] = value(Simulation.run({ seed: "crash" }, (simulation) =>
      Effect.gen(function*() {
        yield* Effect.forkScoped(Effect.delay(simulation.crash("a"), "1 second"))
        const error = yield* Effect.flip(simulation.start("a", slow))
        return [error._tag, yield* simulation.running] as const
      })))

    assert.strictEqual(tag, "NodeNameError")
    assert.deepStrictEqual(running, [])
  })

  it("leaves its host to the next one", () => {
    const restarted = value(Simulation.run({ seed: "again" }, (simulation) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.timeoutOption(simulation.start("a", slow), "1 second"))._tag, "None")
        yield* simulation.restart("a")
        return yield* simulation.running
      })))

    assert.deepStrictEqual(restarted, ["a"])
  })

  it("leaves a host that runs, though it was paused", () => {
    const peers = value(Simulation.run({ seed: "pause" }, (simulation) =>
      Effect.gen(function*() {
        yield* Effect.forkScoped(Effect.delay(simulation.pause("a"), "1 second"))
        yield* Effect.timeoutOption(simulation.start("a", slow), "2 seconds")
        yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a" }))
        const b = yield* simulation.start("b", MemoryMesh.layerTransport({ host: "b", bootstrap: ["a:4444"] }))
        yield* Effect.sleep("5 seconds")
        return (yield* Context.get(b, Mesh).peers).length
      })))

    assert.strictEqual(peers, 1)
  })
})

describe("VirtualClock", () => {
  it("ends a run that waits for nobody, and says what for", () => {
    const clock = new VirtualClock()
    const never = Latch.makeUnsafe(false).await
    const wait = Effect.gen(function*() {
      yield* clock.waitFor("a second", Effect.sleep("1 second"))
      yield* Effect.forkChild(clock.waitFor("an answer for a", never))
      yield* Effect.sleep("2 seconds")
      yield* clock.waitFor("a message for b", never)
    })

    assert.throws(() => clock.run(wait), Deadlock, "deadlock at 3000 ms")
    assert.throws(() => clock.run(wait), "waited for: an answer for a, a message for b")
    assert.throws(
      () => clock.run(Effect.promise(() => Promise.resolve())),
      "wait for a Promise, a real timer or a socket"
    )
  })

  it("names the seed of a simulation that waits for nobody", () => {
    const wait = Effect.andThen(Effect.sleep("1 second"), Effect.never)

    assert.throws(() => Simulation.run({ seed: "stuck" }, () => wait), Deadlock, "at 1000 ms (seed \"stuck\")")
  })

  it("ends a run that waits for nobody while nodes go on", () => {
    const forPromise = (simulation: Simulation.Simulation) =>
      Effect.gen(function*() {
        yield* simulation.start("a", MemoryMesh.layerTransport({ host: "a", bootstrap: ["b:4444"] }))
        return yield* Effect.promise(() => Promise.resolve())
      })

    assert.throws(
      () => Simulation.run({ seed: "stuck", maxDuration: "1 hour" }, forPromise),
      Deadlock,
      /^deadlock at 3[0-9.]+ ms \(seed "stuck"\): not over after the longest time a run may take \(maxDuration\)/
    )
  })

  it.each([
    ["yields", Effect.yieldNow],
    ["sleeps for no time", Effect.sleep(0)],
    ["does nothing", Effect.void]
  ])("ends a run that %s for ever", (_what, turn) => {
    const endless = Effect.andThen(Effect.sleep("1 second"), Effect.forever(turn))

    assert.throws(
      () => Simulation.run({ seed: "busy", maxTurns: 10_000 }, () => endless),
      Deadlock,
      "deadlock at 1000 ms (seed \"busy\"): something runs on and on and no time passes (maxTurns)"
    )
  })

  it("bears as many turns at each instant as there may be", () => {
    const busy = Effect.forEach(
      Array.from({ length: 10 }),
      () => Effect.andThen(Effect.replicateEffect(Effect.yieldNow, 800, { discard: true }), Effect.sleep(1))
    )

    assert.isTrue(Exit.isSuccess(Simulation.run({ seed: "busy", maxTurns: 1000 }, () => busy)))
  })

  it.each<[string, Effect.Effect<void>, string]>([
    ["waits for nobody", Effect.never, "nothing can run"],
    ["is not over in time", Effect.forever(Effect.sleep("1 second")), "maxDuration"],
    ["stands still", Effect.forever(Effect.yieldNow), "maxTurns"]
  ])("frees what nodes hold before it tells of a run that %s", (_, body, says) => {
    const held = new Set<string>()
    const holding = Layer.effectDiscard(Effect.andThen(
      Transport,
      Effect.acquireRelease(
        Effect.sync(() => held.add("a")),
        () => Effect.delay(Effect.sync(() => held.delete("a")), "1 second")
      )
    ))

    assert.throws(
      () =>
        Simulation.run(
          { seed: "1", maxDuration: "1 minute", maxTurns: 10_000 },
          (simulation) =>
            Effect.andThen(simulation.start("a", holding), () => {
              assert.strictEqual(held.size, 1)
              return body
            })
        ),
      Deadlock,
      says
    )
    assert.strictEqual(held.size, 0)
  })

  it("tells of each step once, and of the last one before it ends", () => {
    const tell = (clock: VirtualClock, effect: Effect.Effect<void>) => {
      const steps: Array<number> = []
      clock.onStep((now) => steps.push(now))
      const last = Effect.andThen(Effect.sleep("2 seconds"), effect)
      const ended = Effect.runSyncExit(Effect.sync(() => clock.run(Effect.andThen(Effect.sleep("1 second"), last))))
      return [...steps, Exit.isSuccess(ended)]
    }

    assert.deepStrictEqual(tell(new VirtualClock(), Effect.void), [0, 1000, 3000, true])
    assert.deepStrictEqual(tell(new VirtualClock(), Effect.never), [0, 1000, 3000, false])
  })

  it("wakes sleepers in the order of their times, and of their sleeps at the same time", () => {
    const clock = new VirtualClock(1000)
    const woken: Array<string> = []

    const exit = clock.run(Effect.gen(function*() {
      for (const [name, millis] of [["c", 30], ["a", 10], ["b", 20], ["a2", 10]] as const) {
        yield* Effect.forkChild(
          Effect.andThen(
            Effect.sleep(millis),
            Effect.sync(() => woken.push(`${name} ${clock.currentTimeMillisUnsafe()}`))
          )
        )
      }
      yield* Effect.timeoutOption(Effect.never, "1 hour")
      return clock.currentTimeMillisUnsafe()
    }))

    assert.deepStrictEqual(woken, ["a 1010", "a2 1010", "b 1020", "c 1030"])
    assert.strictEqual(value(exit), 3_601_000)
  })

  it("gives the failure and the defect of what it runs", () => {
    assert.deepStrictEqual(new VirtualClock().run(Effect.fail("no")), Exit.fail("no"))
    assert.isTrue(Exit.hasDies(new VirtualClock().run(Effect.die("bug"))))
  })
})
