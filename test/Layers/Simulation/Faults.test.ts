import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Context, Effect, Exit, Layer, Schedule, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryMesh from "../../../src/Layers/MemoryMesh.ts"
import { describe as describeSchedule, type Fault, FaultSchedule } from "../../../src/Layers/Simulation/Fault.ts"
import * as Faults from "../../../src/Layers/Simulation/Faults.ts"
import * as Simulation from "../../../src/Layers/Simulation/Simulation.ts"
import { Deadlock } from "../../../src/Layers/Simulation/VirtualClock.ts"
import { Mesh } from "../../../src/Mesh/Mesh.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"
import { Transport } from "../../../src/Transport/Transport.ts"
import { collect } from "../../utils/MeshNetwork.ts"

const value = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)

const startMesh = (simulation: Simulation.Simulation, host: string, bootstrap: ReadonlyArray<string> = []) =>
  Effect.map(simulation.start(host, MemoryMesh.layerTransport({ host, bootstrap })), Context.get(Mesh))

/** A service that counts its seconds. */
class Ticker extends Context.Service<Ticker, { readonly ticks: () => number; readonly now: Effect.Effect<number> }>()(
  "test/Ticker"
) {
  static readonly layer: Layer.Layer<Ticker, never, Transport> = Layer.effect(
    this,
    Effect.gen(function*() {
      yield* Transport
      const clock = yield* Clock.Clock
      let ticks = 0
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sync(() => ticks++), Effect.sleep("1 second"))))
      return { ticks: () => ticks, now: clock.currentTimeMillis }
    })
  )
}

describe("a simulated node", () => {
  it("stands still while it is paused, and then goes on", () => {
    const counts = value(Simulation.run({ seed: "pause" }, (simulation) =>
      Effect.gen(function*() {
        const ticker = Context.get(yield* simulation.start("a", Ticker.layer), Ticker)
        const counts: Array<number> = []
        yield* Effect.sleep("2500 millis")
        counts.push(ticker.ticks())
        yield* simulation.pause("a")
        yield* Effect.sleep("10 seconds")
        counts.push(ticker.ticks())
        yield* simulation.resume("a")
        yield* Effect.sleep("2500 millis")
        counts.push(ticker.ticks())
        return counts
      })))

    // The third tick was due during the pause and comes at its end, two more follow.
    assert.deepStrictEqual(counts, [3, 3, 6])
  })

  it("gets what was said to it while it was paused when it goes on", () => {
    const texts = value(Simulation.run({ seed: "pause", latency: "20 millis" }, (simulation) =>
      Effect.gen(function*() {
        const a = yield* startMesh(simulation, "a")
        const b = yield* startMesh(simulation, "b", ["a:4444"])
        const received = yield* collect(b.messages, yield* Effect.scope)
        yield* Effect.sleep("5 seconds")
        yield* simulation.pause("b")
        yield* a.broadcast("wake up")
        yield* Effect.sleep("10 seconds")
        const during = received.length
        yield* simulation.resume("b")
        yield* Effect.sleep("1 second")
        return [during, ...received.map((message) => message.text)]
      })))

    assert.deepStrictEqual(texts, [0, "wake up"])
  })

  it("has a time of day of its own, and keeps it when it is started again", () => {
    const times = value(
      Simulation.run({ seed: "skew", startMillis: 1_000_000 }, (simulation) =>
        Effect.gen(function*() {
          yield* simulation.skew("a", "5 seconds")
          const first = Context.get(yield* simulation.start("a", Ticker.layer), Ticker)
          const b = Context.get(yield* simulation.start("b", Ticker.layer), Ticker)
          const times = [yield* first.now, yield* b.now]
          yield* simulation.crash("a")
          const again = Context.get(yield* simulation.start("a", Ticker.layer), Ticker)
          yield* Effect.sleep("1 second")
          times.push(yield* again.now)
          yield* simulation.skew("a", 0)
          times.push(yield* again.now)
          return times
        }))
    )

    assert.deepStrictEqual(times, [1_005_000, 1_000_000, 1_006_000, 1_001_000])
  })

  it("redials though its time of day jumped back by an hour", () => {
    const linked = value(Simulation.run({ seed: "jump", startMillis: 1e12 }, (simulation) =>
      Effect.gen(function*() {
        yield* startMesh(simulation, "a")
        const b = yield* startMesh(simulation, "b", ["a:4444"])
        yield* Effect.sleep("5 seconds")
        yield* simulation.skew("b", "-1 hour")
        yield* simulation.crash("a")
        yield* Effect.sleep("5 seconds")
        const without = (yield* b.peers).length
        yield* simulation.restart("a")
        yield* Effect.sleep("1 minute")
        return [without, (yield* b.peers).length]
      })))

    assert.deepStrictEqual(linked, [0, 1])
  })

  it("starts again from its own Layer", () => {
    const [before, after, unknown] = value(Simulation.run({ seed: "restart" }, (simulation) =>
      Effect.gen(function*() {
        const ids: Array<string> = []
        const remember = Layer.effectDiscard(Effect.map(Mesh, (mesh) => ids.push(mesh.id)))
        yield* simulation.start("a", Layer.provide(remember, MemoryMesh.layerTransport({ host: "a" })))
        yield* simulation.restart("a")
        const unknown = yield* Effect.flip(simulation.restart("b"))
        return [...ids, unknown._tag]
      })))

    assert.isString(after)
    assert.notStrictEqual(before, after)
    assert.strictEqual(unknown, "NodeNameError")
  })

  it("tells its finalizers whether it crashed or was stopped", () => {
    const ends: Array<string> = []
    const end = (
      simulation: Simulation.Simulation,
      name: string,
      by: (name: string) => Effect.Effect<unknown, unknown>
    ) =>
      Effect.andThen(
        simulation.start(
          name,
          Layer.effectDiscard(Effect.andThen(
            Transport,
            Effect.addFinalizer((exit) => Effect.sync(() => ends.push(`${name} ${Exit.isSuccess(exit)}`)))
          ))
        ),
        by(name)
      )
    value(Simulation.run({ seed: "ends" }, (simulation) =>
      Effect.gen(function*() {
        yield* end(simulation, "stopped", simulation.stop)
        yield* end(simulation, "crashed", simulation.crash)
        yield* end(simulation, "cut off", (name) => simulation.crash(name, { silently: true }))
        yield* end(simulation, "left", () => Effect.void)
      })))

    assert.deepStrictEqual(ends, ["stopped true", "crashed false", "cut off false", "left false"])
  })

  it("says why it did not start again", () => {
    let isBroken = false
    const layer = Layer.effectDiscard(Effect.suspend(() => isBroken ? Effect.fail(new Error("disk full")) : Transport))
    const error = value(Simulation.run({ seed: "broken" }, (simulation) =>
      Effect.gen(function*() {
        yield* simulation.start("a", layer)
        isBroken = true
        return yield* Effect.flip(simulation.restart("a"))
      })))

    assert.include(error.message, `the node "a" did not start again: Error: disk full`)
  })
})

describe("an invariant", () => {
  const tick = (simulation: Simulation.Simulation, options?: { readonly every: "1 second" }) =>
    Effect.gen(function*() {
      let count = 0
      yield* simulation.always("stays small", Effect.sync(() => count > 2 ? `it is ${count}` : undefined), options)
      while (true) {
        yield* Effect.sleep("300 millis")
        count++
      }
    })

  it("is looked at each step in time, and ends the run as soon as it does not hold", () => {
    const exit = Simulation.run({ seed: "seven" }, (simulation) => tick(simulation))

    assert.include(
      String(Exit.isFailure(exit) ? exit.cause : ""),
      "stays small: it is 3 (at 0.9 s, seed \"seven\")"
    )
  })

  const breaking = (then: Effect.Effect<void>) =>
    Simulation.run({ seed: "last" }, (simulation) =>
      Effect.gen(function*() {
        let isBroken = false
        yield* simulation.always("stays whole", Effect.sync(() => isBroken ? "it is broken" : undefined))
        yield* Effect.sleep("1 second")
        isBroken = true
        yield* then
      }))

  it.for(
    [
      ["in which the run ends", Effect.void],
      ["after which nothing is left to run", Effect.never],
      ["after which a fiber waits for nobody", Effect.andThen(Effect.sleep("0 millis"), Effect.never)]
    ] as const
  )("is looked at in the last step, %s", ([, then]) => {
    const exit = breaking(then)

    assert.include(
      String(Exit.isFailure(exit) ? exit.cause : ""),
      "stays whole: it is broken (at 1 s, seed \"last\")"
    )
  })

  it("is not looked at before all of the last step has run", () => {
    const exit = Simulation.run({ seed: "last" }, (simulation) =>
      Effect.gen(function*() {
        let [one, other] = [0, 0]
        yield* simulation.always("are equal", Effect.sync(() => one === other ? undefined : `${one}, ${other}`))
        yield* Effect.forkChild(Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => one++)))
        const later = yield* Effect.forkScoped(
          Effect.andThen(Effect.sleep("1 second"), Effect.andThen(Effect.yieldNow, Effect.sync(() => other++)))
        )
        yield* Effect.sleep("1 second")
        return later
      }))

    assert.isTrue(Exit.isSuccess(exit))
  })

  it.each(
    [
      [Effect.as(Effect.sleep("1 second"), undefined), "it waits; make it synchronous, or say `every`"],
      [Effect.die(new Error("no such list")), "Error: no such list"]
    ] as const
  )("is named when its check cannot be done at once (%#)", (check, why) => {
    const watched = (simulation: Simulation.Simulation) =>
      Effect.andThen(simulation.always("stays small", check), Effect.sleep("1 second"))

    assert.throws(
      () => Simulation.run({ seed: "1" }, watched),
      `the invariant "stays small" could not be checked: ${why}`
    )
  })

  it.effect("is named when its check breaks at an interval, which would hold for ever else", () =>
    Effect.gen(function*() {
      const watch = (simulation: Simulation.Simulation) =>
        simulation.always("stays small", Effect.die(new Error("no such list")), { every: "1 second" })
      const says = "the invariant \"stays small\" could not be checked: Error: no such list (at 1 s, seed \"1\")"

      const exit = Simulation.run(
        { seed: "1" },
        (simulation) => Effect.andThen(watch(simulation), Effect.sleep("1 minute"))
      )
      assert.include(String(exit), says)

      const simulation = yield* Simulation.make({ seed: "1" })
      yield* watch(simulation)
      yield* TestClock.adjust("2 seconds")
      assert.include(String(yield* Effect.exit(simulation.violated)), says)
    }))

  it("is looked at each interval where one is given", () => {
    const exit = Simulation.run({ seed: "seven" }, (simulation) => tick(simulation, { every: "1 second" }))

    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "stays small: it is 3 (at 1 s, seed \"seven\")")
  })

  it.effect("is looked at under TestClock", () =>
    Effect.gen(function*() {
      const simulation = yield* Simulation.make({ seed: "seven" })
      yield* Effect.forkScoped(tick(simulation, { every: "1 second" }))
      yield* TestClock.adjust("2 seconds")

      const error = yield* Effect.flip(simulation.violated)

      assert.deepInclude(error, { invariant: "stays small", detail: "it is 3", atMillis: 1000 })
    }))

  it("is told, and so is a failure, though a node then waits in vain in its finalizers", () => {
    const stuck = Layer.effectDiscard(Effect.andThen(Transport, Effect.addFinalizer(() => Effect.never)))
    const after = <A, E>(then: (simulation: Simulation.Simulation) => Effect.Effect<A, E, Scope.Scope>) => () =>
      Simulation.run(
        { seed: "stuck" },
        (simulation) =>
          Effect.andThen(simulation.start("a", stuck), Effect.andThen(Effect.sleep("1 second"), then(simulation)))
      )
    const broken = (simulation: Simulation.Simulation) =>
      Effect.andThen(simulation.always("stays whole", Effect.succeed("it is broken")), Effect.never)

    assert.match(String(after(broken)()), /stays whole: it is broken .*; waited for: finalizers of the last nodes/)
    assert.match(String(after(() => Effect.fail("no luck"))()), /no luck.*; waited for: finalizers of the last nodes/)
    assert.throws(after(() => Effect.void), Deadlock, "; waited for: finalizers of the last nodes")
    assert.throws(after(({ stop }) => stop("a")), Deadlock, "; waited for: finalizers of node \"a\"")
  })

  it("holds no more for a node that leaves something behind", () => {
    const leaky = Layer.effectDiscard(Effect.andThen(Transport, Effect.forkDetach(Effect.sleep("1 hour"))))
    const exit = Simulation.run(
      { seed: "leak" },
      (simulation) => Effect.andThen(simulation.start("a", leaky), Effect.sleep("1 second"))
    )

    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "0 connections, 1 sleeping fibers")
  })
})

describe("a schedule of faults", () => {
  const options = { nodes: ["a", "b", "c", "d"], count: 40, fromMillis: 1000, toMillis: 60_000 }

  it("depends on its seed alone, and lies within its time", () => {
    const schedule = Faults.random({ ...options, seed: "x" })

    assert.deepStrictEqual(schedule, Faults.random({ ...options, seed: "x" }))
    assert.notDeepEqual(schedule, Faults.random({ ...options, seed: "y" }))
    assert.lengthOf(schedule, 40)
    for (const { atMillis, forMillis } of schedule) {
      assert.isTrue(atMillis >= 1000 && forMillis >= 0 && atMillis + forMillis <= 60_000)
    }
  })

  it.each([[], ["a"]])("is for two nodes or more, not for %j", (...nodes) => {
    assert.throws(() => Faults.random({ ...options, nodes, seed: "x" }), RangeError, `nodes has ${nodes.length} names`)
  })

  it.each(
    [
      [{ count: Number.NaN }, "count is NaN"],
      [{ count: Infinity }, "count is Infinity"],
      [{ fromMillis: 10_000, toMillis: 5000 }, "faults from 10000 to 5000 ms"],
      [{ toMillis: Infinity }, "to Infinity ms"],
      [{ maxForMillis: -1 }, "maxForMillis is -1"]
    ] as const
  )("is not drawn from what is no time or number: %j", (wrong, says) => {
    assert.throws(() => Faults.random({ ...options, ...wrong, seed: "x" }), RangeError, says)
  })

  it("parts nodes from others, be there but two", () => {
    const schedule = Faults.random({ ...options, nodes: ["a", "b"], count: 1000, seed: "two" })
    const groups = schedule.flatMap(({ fault }) => fault._tag === "Partition" ? [fault.groups] : [])

    assert.isAbove(groups.length, 20)
    for (const [group] of groups) assert.lengthOf(group!, 1)
  })

  it("has every kind of fault in it sooner or later, and reads well", () => {
    const schedule = Faults.random({ ...options, count: 500, seed: "all" })

    assert.lengthOf([...new Set(schedule.map(({ fault }) => fault._tag))], 10)
    assert.notInclude(describeSchedule(schedule), "undefined")
    assert.lengthOf(describeSchedule(schedule).split("\n"), 500)
  })

  it("survives being written as JSON and read again", () => {
    const schedule = Faults.random({ ...options, seed: "json" })
    const json = Schema.fromJsonString(FaultSchedule)

    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(schedule)), schedule)
  })

  const crash = { _tag: "Crash", node: "a" } as const
  const cut = { _tag: "PowerCut", node: "a" } as const
  const pause = { _tag: "Pause", node: "a" } as const

  it.for<readonly [string, FaultSchedule, ReadonlyArray<string>]>([
    ["a crash of a node that is down", [
      { atMillis: 10_000, forMillis: 60_000, fault: crash },
      { atMillis: 20_000, forMillis: 5000, fault: crash },
      { atMillis: 30_000, forMillis: 90_000, fault: cut }
    ], ["crash 10", "restart 70"]],
    ["a pause of a node that is down", [
      { atMillis: 10_000, forMillis: 20_000, fault: cut },
      { atMillis: 20_000, forMillis: 30_000, fault: pause },
      { atMillis: 40_000, forMillis: 20_000, fault: pause }
    ], ["restart 30", "pause 40", "resume 60"]],
    ["a pause of a node that stands still", [
      { atMillis: 10_000, forMillis: 60_000, fault: pause },
      { atMillis: 20_000, forMillis: 5000, fault: pause }
    ], ["pause 10", "resume 70"]],
    ["the end of a pause after a crash", [
      { atMillis: 10_000, forMillis: 60_000, fault: pause },
      { atMillis: 20_000, forMillis: 10_000, fault: crash },
      { atMillis: 40_000, forMillis: 60_000, fault: pause }
    ], ["pause 10", "crash 20", "restart 30", "pause 40", "resume 100"]]
  ])("neither begins nor ends anything by %s", ([, schedule, expected]) => {
    const seen: Array<string> = []
    const options: Simulation.SimulationOptions = {
      seed: "twice",
      onEvent: ({ atMillis, kind }) => {
        if (/crash|restart|pause|resume/.test(kind)) seen.push(`${kind} ${atMillis / 1000}`)
      }
    }

    const exit = Simulation.run(options, (simulation) =>
      Effect.gen(function*() {
        yield* simulation.start("a", Ticker.layer)
        yield* Faults.play(simulation, schedule)
        return yield* simulation.stop("a")
      }))

    assert.deepStrictEqual(exit, Exit.void)
    assert.deepStrictEqual(seen, expected)
  })

  const weather = { _tag: "Weather", lossChance: 0.5, refuseChance: 0, stallChance: 0 } as const

  it.for<readonly [string, readonly [Fault, Fault], ReadonlyArray<string>]>([
    ["cuts", [{ _tag: "Cut", from: "a", to: "b" }, { _tag: "Cut", from: "a", to: "b" }], [
      "cut 10",
      "cut 20",
      "mend 70"
    ]],
    ["a cut each way", [{ _tag: "Cut", from: "a", to: "b" }, { _tag: "Cut", from: "b", to: "a" }], [
      "cut 10",
      "cut 20",
      "mend 30",
      "mend 70"
    ]],
    ["stalls", [{ _tag: "Stall", one: "a", other: "b" }, { _tag: "Stall", one: "b", other: "a" }], [
      "stall 10",
      "unstall 70"
    ]],
    ["refusals", [{ _tag: "Refuse", node: "a" }, { _tag: "Refuse", node: "a" }], ["shut 10", "open 70"]],
    ["wrong clocks", [{ _tag: "Skew", node: "a", millis: 5 }, { _tag: "Skew", node: "a", millis: -7 }], [
      "skew 10 a 5",
      "skew 20 a -7",
      "skew 30 a 5",
      "skew 70 a 0"
    ]],
    ["partitions", [{ _tag: "Partition", groups: [["a"]] }, { _tag: "Partition", groups: [["b"]] }], [
      "partition 10 a",
      "partition 20 b",
      "partition 30 a",
      "heal 70"
    ]],
    ["kinds of weather", [weather, { ...weather, lossChance: 1 }], [
      "conditions 10 lossChance=0.5",
      "conditions 20 lossChance=1",
      "conditions 30 lossChance=0.5",
      "conditions 70 lossChance=0"
    ]]
  ])("that meet, two %s, end each in its own time", ([, [long, short], expected]) => {
    const seen: Array<string> = []
    const onEvent: Simulation.SimulationOptions["onEvent"] = ({ atMillis, host, kind }) => {
      const what = /skew|partition|conditions/.test(kind) ? ` ${host.replace(" refuseChance=0 stallChance=0", "")}` : ""
      seen.push(`${kind} ${atMillis / 1000}${what}`)
    }

    const exit = Simulation.run({ seed: "two", onEvent }, (simulation) =>
      Faults.play(simulation, [
        { atMillis: 10_000, forMillis: 60_000, fault: long },
        { atMillis: 20_000, forMillis: 10_000, fault: short }
      ]))

    assert.deepStrictEqual(exit, Exit.void)
    assert.deepStrictEqual(seen, expected)
  })

  it("is not held up by a node that waits for others when it starts", () => {
    const link = Effect.flatMap(Mesh, (mesh) => Effect.retry(mesh.connect("b:4444"), Schedule.spaced("1 second")))
    const waiting = Layer.provideMerge(Layer.effectDiscard(link), MemoryMesh.layerTransport({ host: "a" }))
    const running = value(
      Simulation.run({ seed: "wait", maxDuration: "1 hour" }, (simulation) =>
        Effect.gen(function*() {
          yield* startMesh(simulation, "b")
          yield* simulation.start("a", waiting)
          yield* Faults.play(simulation, [
            { atMillis: 0, forMillis: 60_000, fault: { _tag: "Partition", groups: [["a"]] } },
            { atMillis: 10_000, forMillis: 5000, fault: { _tag: "Crash", node: "a" } },
            { atMillis: 20_000, forMillis: 5000, fault: { _tag: "PowerCut", node: "a" } }
          ])
          return yield* simulation.running
        }))
    )

    assert.sameMembers([...running], ["a", "b"])
  })

  it("is not held up by a node that takes its time in its finalizers, nor is that one's next life", () => {
    const seen: Array<string> = []
    const slow = Layer.effectDiscard(Effect.gen(function*() {
      yield* (yield* Transport).listen(new PeerAddress({ host: "a", port: 1 }))
      yield* Effect.addFinalizer(() => Effect.sleep("30 seconds"))
    }))
    const onEvent: Simulation.SimulationOptions["onEvent"] = ({ atMillis, kind }) => {
      if (/cut|mend|restart/.test(kind)) seen.push(`${kind} ${atMillis / 1000}`)
    }

    value(Simulation.run({ seed: "slow", onEvent }, (simulation) =>
      Effect.gen(function*() {
        yield* simulation.start("a", slow)
        yield* Faults.play(simulation, [
          { atMillis: 0, forMillis: 10_000, fault: crash },
          { atMillis: 5000, forMillis: 10_000, fault: { _tag: "Cut", from: "a", to: "b" } }
        ])
      })))

    assert.deepStrictEqual(seen, ["cut 5", "restart 10", "mend 15"])
  })

  it("is played to its end, and then fails, when a node does not start again", () => {
    let starts = 0
    const once = Layer.effectDiscard(Effect.suspend(() => starts++ === 0 ? Effect.void : Effect.fail("no disk")))
    const seen: Array<string> = []
    const exit = Simulation.run(
      { seed: "once", onEvent: ({ kind }) => seen.push(kind) },
      (simulation) =>
        Effect.gen(function*() {
          yield* simulation.start("a", once)
          yield* Faults.play(simulation, [
            { atMillis: 0, forMillis: 60_000, fault: { _tag: "Partition", groups: [["a"]] } },
            { atMillis: 10_000, forMillis: 5000, fault: crash }
          ])
        })
    )

    assert.include(String(exit), "the node \"a\" did not start again: no disk")
    assert.strictEqual(seen.at(-1), "heal")
  })

  it("makes everything good at its end: all nodes run, and reach one another", () => {
    for (const seed of ["a", "b", "c", "d", "e"]) {
      const names = ["a", "b", "c", "d"]
      const counts = value(Simulation.run({ seed, latency: "30 millis" }, (simulation) =>
        Effect.gen(function*() {
          const meshes = new Map<string, Mesh["Service"]>()
          for (const host of names) {
            const keep = Layer.effectDiscard(Effect.map(Mesh, (mesh) => meshes.set(host, mesh)))
            const bootstrap = names.filter((name) => name !== host).map((name) => `${name}:4444`)
            yield* simulation.start(host, Layer.provide(keep, MemoryMesh.layerTransport({ host, bootstrap })))
          }
          yield* Faults.play(simulation, Faults.random({ ...options, seed }))
          yield* Effect.sleep("2 minutes")
          return yield* Effect.forEach(meshes.values(), (mesh) => Effect.map(mesh.peers, (peers) => peers.length))
        })))

      assert.deepStrictEqual(counts, [3, 3, 3, 3], `seed ${seed}`)
    }
  })

  it.prop("is shortened to the faults that are needed", [
    Arbitrary.schema(Schema.Array(Schema.Int).check(Schema.isMaxLength(30), Schema.isUnique())),
    Arbitrary.schema(Schema.Int)
  ], ([numbers, salt]) => {
    const schedule: FaultSchedule = numbers.map((number) => ({
      atMillis: 0,
      forMillis: 0,
      fault: { _tag: "Pause", node: String(number) }
    }))
    const needed = numbers.filter((number) => (number ^ salt) % 5 === 0).map(String)
    const has = (faults: FaultSchedule) => {
      const found = new Set(faults.map(({ fault }) => fault._tag === "Pause" ? fault.node : ""))
      return needed.every((node) => found.has(node))
    }

    const shortest = Faults.shrink(schedule, has, 10_000)

    assert.deepStrictEqual(shortest.map(({ fault }) => fault._tag === "Pause" ? fault.node : ""), needed)
  })
})
