import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { Deadlock, VirtualClock } from "../../src/Layers/Simulation/VirtualClock.ts"
import { MemoryNetwork, type MemoryNetworkOptions } from "../../src/Transport/MemoryNetwork.ts"
import { blob, bytes, connect, dial, dialed, kinds, listen, now, record, sending, test } from "./MemoryNetworkScript.ts"

describe("latency", () => {
  test(
    "has each send arrive at its own time, be they a microsecond apart",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      const arrived = yield* record(there)
      for (let count = 0; count < 20; count++) {
        yield* here.send([bytes("a")])
        yield* Effect.sleep("1 micros")
        yield* here.send([bytes("b")])
        yield* Effect.sleep(7.3)
      }
      yield* Effect.sleep("1 second")
      return arrived
    }),
    (arrived) =>
      assert.deepStrictEqual(
        arrived,
        Array.from({ length: 20 }, (_, index) => Math.round(30_000 + 7301 * index)).flatMap((at) => [
          `a at ${at / 1000}`,
          `b at ${(at + 1) / 1000}`
        ])
      )
  )
})

describe("bandwidth", () => {
  test(
    "has sends leave one after the other, each way by itself",
    { latency: "100 millis", bandwidth: 1000 },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* here.send([bytes("a".repeat(50)), bytes("b".repeat(50))])
      yield* there.send([bytes("c".repeat(20))])
      yield* Effect.sleep("1 second")
      yield* here.send([bytes("later")])
      yield* Effect.sleep("1 second")
      return { atHere, atThere }
    }),
    ({ atHere, atThere }) => {
      assert.deepStrictEqual(atThere, [`${"a".repeat(50)} at 350`, `${"b".repeat(50)} at 400`, "later at 1305"])
      assert.deepStrictEqual(atHere, [`${"c".repeat(20)} at 320`])
    }
  )

  test(
    "has a large send arrive bit by bit, all of it when it has left",
    { latency: "100 millis", bandwidth: 10_000 },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      const arrived: Array<{ readonly bytes: number; readonly at: number }> = []
      yield* Stream.runForEach(
        there.incoming,
        (chunk) => Effect.map(now, (at) => arrived.push({ bytes: chunk.length, at }))
      ).pipe(Effect.ignore, Effect.forkScoped)
      yield* here.send([blob(50_000), blob(10_000)])
      yield* Effect.sleep("7 seconds")
      return arrived
    }),
    (arrived) => {
      const sums = arrived.map(({ at }, index) => [
        at,
        arrived.slice(0, index + 1).reduce((sum, { bytes }) => sum + bytes, 0)
      ])
      assert.deepStrictEqual(sums.slice(-2).map(([, sum]) => sum), [50_000, 60_000])
      assert.isAbove(sums.length, 3)
      // What the line has carried by then, beyond the 200 milliseconds of the dial and the 100 of the way.
      for (const [at, sum] of sums) assert.closeTo(sum!, (at! - 300) * 10, 1)
    }
  )

  test(
    "makes writers wait for the window",
    { bandwidth: 1000, windowBytes: 1000 },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      yield* record(there)
      return yield* Effect.forEach([600, 600, 600, 600], (size) => sending(here, blob(size)))
    }),
    (taken) => assert.deepStrictEqual(taken, ["taken at 0", "taken at 600", "taken at 1200", "taken at 1800"])
  )

  test(
    "may differ by the hosts, and by the direction",
    { bandwidth: (from) => from === "here" ? 100 : Number.POSITIVE_INFINITY },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* here.send([bytes("slow")])
      yield* there.send([bytes("fast")])
      yield* Effect.sleep("1 second")
      return [...atHere, ...atThere]
    }),
    (arrived) => assert.deepStrictEqual(arrived, ["fast at 0", "slow at 40"])
  )
})

describe("a loss", () => {
  test(
    "breaks the sender's end at once, and the other end behind a part of the bytes",
    { latency: "100 millis", seed: "cut" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* here.send([bytes("whole ")])
      yield* network.setConditions({ lossChance: 1 })
      const lost = yield* sending(here, bytes("a message that is cut"))
      const later = [yield* sending(here, bytes("more")), here.sendNow?.(bytes("more"))]
      yield* network.setConditions({ lossChance: 0 })
      const unaware = yield* sending(there, bytes("still here?"))
      yield* Effect.sleep("101 millis")
      return { atHere, atThere, lost, later, unaware, aware: yield* sending(there, bytes("?")) }
    }),
    ({ atHere, atThere, aware, later, lost, unaware }, events) => {
      assert.deepStrictEqual([lost, later, atHere], ["break at 200", ["break at 200", false], ["break at 200"]])
      assert.deepStrictEqual([unaware, aware], ["taken at 200", "break at 301"])
      const [arrived, end] = atThere
      const kept = new TextDecoder().decode(events.find(({ kind }) => kind === "loss")?.bytes)
      assert.isTrue("a message that is cut".startsWith(kept) && kept.length > 0 && kept.length < 21)
      assert.deepStrictEqual([arrived, end], [`whole ${kept} at 300`, "break at 300"])
    }
  )

  test(
    "cuts at any length, by chance",
    { latency: "1 millis", lossChance: 1 },
    Effect.gen(function*() {
      const accepted = yield* listen("there")
      const received: Array<number> = []
      for (let count = 0; count < 100; count++) {
        const here = yield* dial("here", "there")
        yield* Effect.ignore(here.send([blob(10)]))
        const there = yield* Queue.take(accepted)
        received.push(
          (yield* Effect.orElseSucceed(there.pull, () => [])).reduce((size, chunk) => size + chunk.length, 0)
        )
      }
      return received
    }),
    (received) => assert.deepStrictEqual([...new Set(received)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  )

  test(
    "is heard by a writer that waits for room, when the break arrives",
    { latency: "100 millis", windowBytes: 10 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const writing = yield* Effect.forkChild(sending(there, blob(20)), { startImmediately: true })
      yield* Effect.sleep("50 millis")
      yield* network.setConditions({ lossChance: 1 })
      yield* Effect.ignore(here.send([blob(5)]))
      return yield* Fiber.join(writing)
    }),
    (how) => assert.strictEqual(how, "break at 350.01")
  )

  const chances: MemoryNetworkOptions = { latency: (_from, _to, chance) => 10 + 90 * chance, lossChance: 0.05 }
  const traffic = (others: boolean) =>
    Effect.gen(function*() {
      const accepted = yield* listen("there")
      if (others) {
        const other = yield* listen("elsewhere")
        yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(other), record)))
        yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
          const connection = yield* dial("there", "elsewhere")
          yield* Effect.ignore(Effect.replicateEffect(Effect.andThen(connection.send([blob(3)]), Effect.sleep(7)), 40))
        })))
      }
      const seen: Array<ReadonlyArray<string>> = []
      for (let count = 0; count < 5; count++) {
        const connection = yield* Effect.orDie(dial("here", "there"))
        seen.push(yield* record(yield* Queue.take(accepted)))
        for (let sent = 0; sent < 30; sent++) {
          yield* Effect.ignore(connection.send([blob(2)]))
          yield* Effect.sleep(5)
        }
      }
      return seen
    })

  const relative = (seen: ReadonlyArray<ReadonlyArray<string>>, start: number) =>
    seen.flat().map((line) => {
      const [how, at] = line.split(" at ")
      return { how, at: Number(at) - start }
    })

  test(
    "does not depend on what other connections do",
    chances,
    Effect.gen(function*() {
      const run = (others: boolean) => Effect.scoped(traffic(others)).pipe(Effect.provide(MemoryNetwork.layer(chances)))
      const offset = yield* now
      const alone = yield* run(false)
      const middle = yield* now
      const among = yield* run(true)
      return { alone: relative(alone, offset), among: relative(among, middle) }
    }),
    ({ alone, among }) => {
      assert.deepStrictEqual(among.map(({ how }) => how), alone.map(({ how }) => how))
      for (const [index, { at }] of alone.entries()) assert.approximately(among[index]!.at, at, 0.01)
      assert.isTrue(alone.some(({ how }) => how === "break"))
    }
  )
})

describe("dials that are refused", () => {
  test(
    "are so by chance, though somebody listens",
    { latency: "1 millis", refuseChance: 0.3, seed: "door" },
    Effect.gen(function*() {
      yield* listen("there")
      const results = yield* Effect.forEach(Array.from({ length: 200 }), () => dialed("here", "there"))
      const network = yield* MemoryNetwork
      yield* network.setConditions({ refuseChance: 0 })
      return {
        refusedCount: results.filter((how) => how.startsWith("Refused")).length,
        after: yield* dialed("here", "there")
      }
    }),
    ({ after, refusedCount }) => {
      assert.isTrue(refusedCount > 40 && refusedCount < 80, `${refusedCount} of 200`)
      assert.strictEqual(after, "connected at 402")
    }
  )

  test(
    "are those to a host that refuses them, whose connections live on",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const atThere = yield* record(there)
      yield* network.refuse("there")
      const refused = yield* dialed("here", "there")
      yield* here.send([bytes("still")])
      yield* Effect.sleep("10 millis")
      yield* network.accept("there")
      return { refused, atThere, accepted: yield* dialed("here", "there") }
    }),
    (seen, events) => {
      assert.deepStrictEqual(seen, {
        refused: "Refused at 40",
        atThere: ["still at 50"],
        accepted: "connected at 70"
      })
      assert.deepStrictEqual(kinds(events, "shut", "open", "refuse"), [
        "20 shut there",
        "40 refuse here there",
        "50 open there"
      ])
    }
  )
})

describe("a send that stalls", () => {
  test(
    "arrives later, and all behind it not before",
    { latency: "10 millis", stallChance: 1, stallMillis: 500 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const atThere = yield* record(there)
      yield* here.send([bytes("first ")])
      yield* Effect.sleep("100 millis")
      yield* network.setConditions({ stallChance: 0 })
      yield* here.send([bytes("second")])
      yield* Effect.sleep("1 second")
      yield* here.send([bytes("third")])
      yield* Effect.sleep("1 second")
      return atThere
    }),
    (atThere, events) => {
      assert.deepStrictEqual(atThere, ["first second at 530", "third at 1130"])
      assert.deepStrictEqual(kinds(events, "late"), ["20 late here there"])
    }
  )

  test(
    "does so a second later by default, by chance",
    { latency: "1 millis", stallChance: 0.2 },
    Effect.gen(function*() {
      const { here, there } = yield* connect
      const arrivals: Array<number> = []
      yield* Effect.forkScoped(
        Effect.forever(Effect.flatMap(Effect.orDie(there.pull), () => Effect.map(now, (at) => arrivals.push(at))))
      )
      for (let count = 0; count < 100; count++) {
        yield* here.send([blob(1)])
        yield* Effect.sleep("2 seconds")
      }
      return arrivals.map((at) => (at - 3) % 2000)
    }),
    (delays) => {
      assert.deepStrictEqual([...new Set(delays)].sort(), [0, 1000])
      const lateCount = delays.filter((delay) => delay > 0).length
      assert.isTrue(lateCount > 8 && lateCount < 35, `${lateCount} of 100`)
    }
  )
})

describe("conditions", () => {
  test(
    "change from now on, while what is on its way keeps its time",
    { latency: "100 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const atThere = yield* record(there)
      yield* here.send([bytes("slow")])
      yield* network.setConditions({ latency: "10 millis" })
      yield* Effect.sleep("200 millis")
      yield* here.send([bytes("fast")])
      yield* network.setConditions({ latency: () => 20, bandwidth: 1000, stallMillis: 7, lossChance: 0 })
      yield* Effect.sleep("200 millis")
      yield* here.send([bytes("new")])
      yield* Effect.sleep("200 millis")
      yield* network.setConditions({ bandwidth: Number.POSITIVE_INFINITY })
      yield* here.send([bytes("free")])
      yield* Effect.sleep("200 millis")
      return atThere
    }),
    (atThere, events) => {
      assert.deepStrictEqual(atThere, ["slow at 300", "fast at 410", "new at 623", "free at 820"])
      assert.deepStrictEqual(kinds(events, "conditions"), [
        "200 conditions latency=10",
        "400 conditions latency=function bandwidth=1000 lossChance=0 stallMillis=7",
        "800 conditions bandwidth=Infinity"
      ])
    }
  )
})

describe("connections", () => {
  test(
    "are listed with what is on its way in each direction",
    { latency: "10 millis", windowBytes: 100 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      yield* here.send([blob(70)])
      yield* Effect.forkScoped(here.send([blob(70)]), { startImmediately: true })
      yield* there.send([blob(3)])
      const full = yield* network.connections
      yield* record(there)
      yield* Effect.sleep("20 millis")
      return [...full, ...(yield* network.connections)]
    }),
    (connections) =>
      assert.deepStrictEqual(connections, [
        { dialer: "here", listener: "there", inFlightBytes: [140, 3] },
        { dialer: "here", listener: "there", inFlightBytes: [0, 3] }
      ])
  )

  it("that are closed leave no timer behind", () => {
    const clock = new VirtualClock()
    const body = Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const { here, there } = yield* connect
        yield* Effect.forEach([here, there], record)
        const network = yield* MemoryNetwork
        yield* network.setConditions({ latency: "1 hour" })
        yield* Effect.forEach([here, there], (connection) => connection.send([blob(1)]))
      }))
      yield* Deferred.await(yield* Deferred.make<never>())
    })

    assert.throws(() => clock.run(Effect.provide(body, MemoryNetwork.layer())), Deadlock, "deadlock at 0 ms")
  })
})
