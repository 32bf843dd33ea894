import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Scope } from "effect"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { blob, bytes, connect, dial, dialed, kinds, listen, now, record, sending, test } from "./MemoryNetworkScript.ts"

describe("a silent crash", () => {
  test(
    "breaks the host's own ends at once, and tells its peers nothing until it is revived",
    { latency: "10 millis", windowBytes: 100 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* there.send([bytes("on its way")])
      yield* network.crash("there", { silently: true })
      const own = yield* sending(there, blob(1))
      const fits = yield* sending(here, blob(60))
      const waiting = yield* Effect.forkChild(sending(here, blob(60)), { startImmediately: true })
      yield* Effect.sleep("1 minute")
      const silent = { atHere: [...atHere], isWaiting: waiting.pollUnsafe() === undefined }
      yield* network.revive("there")
      yield* Effect.sleep("1 second")
      return { own, fits, silent, atHere, atThere, after: yield* Fiber.join(waiting) }
    }),
    ({ after, atHere, atThere, fits, own, silent }, events) => {
      assert.deepStrictEqual([own, atThere], ["break at 20", ["break at 20"]])
      assert.deepStrictEqual([fits, silent], ["taken at 20", { atHere: [], isWaiting: true }])
      assert.deepStrictEqual([after, atHere], ["break at 60020", ["break at 60020"]])
      assert.deepStrictEqual(kinds(events, "vanish", "revive", "reset"), [
        "20 vanish there",
        "60020 revive there",
        "60020 reset here there"
      ])
    }
  )

  test(
    "lets what had arrived be read, though not yet taken",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      yield* there.send([bytes("arrived")])
      yield* Effect.sleep("10 millis")
      yield* there.send([bytes("gone")])
      yield* network.crash("there", { silently: true })
      const atHere = yield* record(here)
      yield* Effect.sleep("1 minute")
      return atHere
    }),
    (atHere) => assert.deepStrictEqual(atHere, ["arrived at 30"])
  )

  test(
    "has dials to the host time out, also those under way, until it is revived",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      yield* listen("there")
      const underway = yield* Effect.forkChild(dialed("here", "there"), { startImmediately: true })
      yield* Effect.sleep("15 millis")
      yield* network.crash("there", { silently: true })
      const results = [yield* Fiber.join(underway), yield* dialed("here", "there"), yield* dialed("there", "here")]
      yield* network.revive("there")
      return [...results, yield* dialed("here", "there")]
    }),
    (results) =>
      assert.deepStrictEqual(results, [
        "TimedOut at 5000",
        "TimedOut at 10000",
        "TimedOut at 15000",
        "connected at 15020"
      ])
  )

  test(
    "leaves connections that its peers close by themselves, and that are counted until then",
    {},
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const here = yield* Scope.fork(yield* Effect.scope)
      const there = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(listen("there"), there)
      const connection = yield* Scope.provide(dial("here", "there"), here)
      const atHere = yield* record(connection)
      yield* network.crash("there", { silently: true })
      yield* Scope.close(there, Exit.void)
      yield* Effect.sleep("1 second")
      const counts = [yield* network.connectionCount]
      const heard = [...atHere]
      yield* Scope.close(here, Exit.void)
      counts.push(yield* network.connectionCount)
      return { counts, heard }
    }),
    (seen) => assert.deepStrictEqual(seen, { counts: [1, 0], heard: [] })
  )
})

describe("a reset", () => {
  test(
    "breaks in mid-frame, after so many more bytes from one host",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* here.send([bytes("before ")])
      yield* network.reset("here", "there", { afterBytes: 9 })
      yield* there.send([bytes("does not count")])
      yield* Effect.sleep("5 millis")
      yield* here.send([bytes("four")])
      yield* Effect.sleep("10 millis")
      const last = yield* sending(here, bytes("five and more"))
      yield* Effect.sleep("1 second")
      return { atHere, atThere, last }
    }),
    (seen, events) => {
      assert.deepStrictEqual(seen, {
        atHere: ["does not count at 30", "break at 35"],
        atThere: ["before  at 30", "four at 35", "five  at 45", "break at 45"],
        last: "break at 35"
      })
      assert.deepStrictEqual(kinds(events, "resetLater", "reset"), ["20 resetLater here there", "35 reset here there"])
    }
  )

  test(
    "counts the bytes of the accepting host as well, when that is the one",
    {},
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const atHere = yield* record(here)
      yield* network.reset("there", "here", { afterBytes: 4 })
      yield* here.send([bytes("does not count")])
      const last = yield* sending(there, bytes("four"))
      yield* Effect.sleep("1 millis")
      return { atHere, last }
    }),
    (seen) => assert.deepStrictEqual(seen, { atHere: ["four at 0", "break at 0"], last: "break at 0" })
  )

  test(
    "breaks at once at both ends without it, the connections between the two hosts alone",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { accepted, here, there } = yield* connect
      const bystander = yield* dial("bystander", "there")
      const ends = yield* Effect.forEach([here, there, bystander, yield* Queue.take(accepted)], record)
      yield* here.send([bytes("gone")])
      yield* network.reset("there", "here")
      yield* network.reset("there", "here")
      yield* Effect.sleep("1 second")
      return ends
    }),
    (ends, events) => {
      assert.deepStrictEqual(ends, [["break at 40"], ["break at 40"], [], []])
      assert.deepStrictEqual(kinds(events, "reset"), ["40 reset here there"])
    }
  )
})

describe("a stall between two hosts", () => {
  test(
    "holds all on their connections, old and new, which can be dialed, until it ends",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { accepted, here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      yield* here.send([bytes("on its way ")])
      yield* network.stall("there", "here")
      const second = yield* dial("here", "there")
      const atSecond = yield* record(yield* Queue.take(accepted))
      const bystander = yield* dial("bystander", "there")
      const atBystander = yield* record(bystander)
      yield* Effect.flatMap(Queue.take(accepted), (connection) => connection.send([bytes("moves")]))
      yield* here.send([bytes("more")])
      yield* there.send([bytes("back")])
      yield* second.send([bytes("new")])
      yield* Effect.sleep("1 minute")
      const during = [atHere, atThere, atSecond, atBystander].map((seen) => [...seen])
      yield* network.unstall("here", "there")
      yield* Effect.sleep("1 second")
      return { during, after: [atHere, atThere, atSecond] }
    }),
    ({ after, during }, events) => {
      assert.deepStrictEqual(during, [[], [], [], ["moves at 70"]])
      assert.deepStrictEqual(after, [["back at 60060"], ["on its way more at 60060"], ["new at 60060"]])
      assert.deepStrictEqual(kinds(events, "stall", "unstall"), ["20 stall there here", "60060 unstall here there"])
    }
  )

  test(
    "keeps the end of a connection from the other host, and lets its window fill",
    { windowBytes: 100 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const accepted = yield* listen("there")
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(dial("here", "there"), scope)
      const there = yield* Queue.take(accepted)
      const atThere = yield* record(there)
      yield* network.stall("here", "there")
      yield* Scope.close(scope, Exit.void)
      const fits = yield* sending(there, blob(60))
      const waiting = yield* Effect.forkChild(sending(there, blob(60)), { startImmediately: true })
      yield* Effect.sleep("1 second")
      const during = [...atThere]
      yield* network.unstall("here", "there")
      return { fits, during, after: yield* Fiber.join(waiting), atThere }
    }),
    (seen) =>
      assert.deepStrictEqual(seen, {
        fits: "taken at 0",
        during: [],
        after: "break at 1000",
        atThere: ["end at 1000"]
      })
  )
})

describe("a partition", () => {
  test(
    "lets what had arrived be read, and nothing more, until it is healed",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      yield* here.send([bytes("arrived ")])
      yield* Effect.sleep("10 millis")
      yield* here.send([bytes("on its way ")])
      yield* Effect.sleep("5 millis")
      yield* network.partition([["here"], ["there"]])
      yield* here.send([bytes("across")])
      const atThere = yield* record(there)
      yield* Effect.sleep("1 minute")
      const during = [...atThere]
      yield* network.heal
      yield* Effect.sleep("1 second")
      return { during, atThere }
    }),
    ({ atThere, during }) => {
      assert.deepStrictEqual(during, ["arrived  at 35"])
      assert.deepStrictEqual(atThere, ["arrived  at 35", "on its way across at 60035"])
    }
  )

  test(
    "that begins during a dial has it time out",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      yield* listen("there")
      const dialing = yield* Effect.forkChild(dialed("here", "there"), { startImmediately: true })
      yield* Effect.sleep("15 millis")
      yield* network.cut("there", "here")
      return yield* Fiber.join(dialing)
    }),
    (how) => assert.strictEqual(how, "TimedOut at 5000")
  )

  test(
    "is no worse than a network so slow that nothing answers in time",
    { latency: "3 seconds" },
    Effect.andThen(listen("there"), dialed("here", "there")),
    (how) => assert.strictEqual(how, "TimedOut at 5000")
  )
})

describe("a host that is paused", () => {
  test(
    "takes nothing, while its peers may send until the window is full, and all when it goes on",
    { latency: "10 millis", windowBytes: 100 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { here, there } = yield* connect
      const atThere = yield* record(there)
      yield* network.pause("there")
      const fits = yield* sending(here, bytes("a".repeat(60)))
      const waiting = yield* Effect.forkChild(sending(here, bytes("b".repeat(60))), { startImmediately: true })
      yield* Effect.sleep("1 minute")
      const during = [...atThere]
      yield* network.resume("there")
      return { fits, during, after: yield* Fiber.join(waiting), atThere }
    }),
    (seen, events) => {
      assert.deepStrictEqual(seen, {
        fits: "taken at 20",
        during: [],
        after: "taken at 60020",
        atThere: [`${"a".repeat(60)}${"b".repeat(60)} at 60020`]
      })
      assert.deepStrictEqual(kinds(events, "pause", "resume"), ["20 pause there", "60020 resume there"])
    }
  )

  test(
    "can be dialed, but serves nobody until it goes on",
    { latency: "10 millis" },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const accepted = yield* listen("there")
      yield* network.pause("there")
      const connection = yield* dial("here", "there")
      const at = yield* now
      yield* connection.send([bytes("hello")])
      yield* Effect.sleep("1 minute")
      const servedCount = yield* Queue.size(accepted)
      yield* network.resume("there")
      const atThere = yield* record(yield* Queue.take(accepted))
      yield* Effect.sleep("1 second")
      return { at, servedCount, atThere }
    }),
    (seen) => assert.deepStrictEqual(seen, { at: 20, servedCount: 0, atThere: ["hello at 60020"] })
  )

  test(
    "hears of room, of dials and of breaks when it goes on, while what it sent before arrives",
    { latency: "10 millis", windowBytes: 50 },
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { accepted, here, there } = yield* connect
      const [atHere, atThere] = [yield* record(here), yield* record(there)]
      const other = yield* dial("other", "there")
      const atOther = yield* record(yield* Queue.take(accepted))
      yield* listen("here")
      const writing = yield* Effect.forkChild(sending(there, bytes("b".repeat(60))), { startImmediately: true })
      const dialing = yield* Effect.forkChild(dialed("there", "here"), { startImmediately: true })
      const failing = yield* Effect.forkChild(dialed("there", "nowhere"), { startImmediately: true })
      yield* network.pause("there")
      yield* Effect.sleep("1 second")
      yield* network.reset("other", "there")
      yield* Effect.sleep("1 minute")
      const during = [[...atHere], [...atThere], [...atOther], yield* sending(other, blob(1))]
      yield* network.resume("there")
      const after = [yield* Fiber.join(writing), yield* Fiber.join(dialing), yield* Fiber.join(failing), ...atOther]
      yield* Effect.sleep("1 second")
      return { during, after }
    }),
    ({ after, during }) => {
      assert.deepStrictEqual(during, [[`${"b".repeat(60)} at 50`], [], [], "break at 61040"])
      assert.deepStrictEqual(after, [
        "taken at 61040",
        "connected at 61040",
        "Refused at 61040",
        "break at 61040"
      ])
    }
  )

  test(
    "comes to its end when it is crashed",
    {},
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { there } = yield* connect
      const atThere = yield* record(there)
      yield* network.pause("there")
      yield* network.crash("there")
      yield* Effect.sleep("1 second")
      return atThere
    }),
    (atThere) => assert.deepStrictEqual(atThere, ["break at 0"])
  )
})
