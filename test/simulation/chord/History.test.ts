import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Record from "../../../src/Chord/Record.ts"
import { compare, Version } from "../../../src/Chord/Version.ts"
import { record } from "../../Chord/records.ts"
import { type Call, History, type Operation } from "./History.ts"
import { check, type CheckOptions, checkReplicas } from "./HistoryCheck.ts"
import { describe as tell } from "./HistoryViolation.ts"

const day = 24 * 60 * 60 * 1000

/** A version for short: its millisecond. */
const at = (millis: number | undefined) => millis === undefined ? undefined : new Version(millis, 0, "w")

type Span = readonly [invoked: number, completed?: number]

const step = (
  kind: Operation["kind"],
  [invokedMillis, completedMillis]: Span,
  value: string | undefined,
  millis: number | undefined,
  more: Partial<Operation> = {}
): Operation => ({
  client: "one",
  kind,
  key: "k",
  value,
  version: at(millis),
  invokedMillis,
  completedMillis,
  outcome: completedMillis === undefined ? "unknown" : "acknowledged",
  ...more
})

/** Each by a client of its own, unless it says otherwise. */
let clientCount = 0
const anyone = () => ({ client: `client ${clientCount++}` })
const set = (span: Span, value: string, millis?: number, more: Partial<Operation> = {}) =>
  step("set", span, value, millis, { ...anyone(), ...more })
const remove = (span: Span, millis?: number, more: Partial<Operation> = {}) =>
  step("delete", span, undefined, millis, { ...anyone(), ...more })
const get = (span: Span, value: string | undefined, millis?: number, more: Partial<Operation> = {}) =>
  step("get", span, value, millis, { ...anyone(), ...more })
const by = (client: string) => ({ client })
const failed = { outcome: "failed" } as const

const tags = (operations: ReadonlyArray<Operation>, options?: CheckOptions) =>
  check(operations, options).map(({ _tag }) => _tag)

describe("a history check", () => {
  it.each<[string, ReadonlyArray<Operation>, CheckOptions?]>([
    ["a read of the newest write", [set([0, 10], "a", 1), set([20, 30], "b", 2), get([40, 50], "b", 2)]],
    ["nothing where nothing was written", [get([0, 5], undefined)]],
    ["nothing before a write is acknowledged", [set([0, 10], "a", 1), get([5, 15], undefined)]],
    ["a write that is under way", [set([0, 10], "a", 1), get([5, 7], "a", 1)]],
    ["the old value while a write is under way", [
      set([0, 10], "a", 1),
      set([20, 40], "b", 2),
      get([25, 35], "a", 1),
      get([30, 60], "a", 1)
    ]],
    ["the newer of two concurrent writes, though it was acknowledged first", [
      set([0, 10], "a", 2),
      set([0, 20], "b", 1),
      get([30, 40], "a", 2)
    ]],
    ["a failed write, or what was before it", [
      set([0, 10], "a", 1),
      set([20, 30], "b", 2, failed),
      get([40, 50], "a", 1),
      get([60, 70], "b", 2),
      get([60, 70], "a", 1)
    ]],
    ["a failed write that shows up late", [
      set([0, 10], "a", 1),
      set([20, 30], "b", undefined, failed),
      get([40, 50], "a", 1),
      get([1000, 1010], "b", 2)
    ]],
    ["a write without an answer, whether it took effect or not", [
      set([0], "a", undefined),
      get([5, 10], undefined),
      get([15, 20], "a", 7),
      get([25, 30], undefined)
    ]],
    ["nothing after a delete", [set([0, 10], "a", 1), remove([20, 30], 2), get([40, 50], undefined)]],
    ["nothing after a delete that failed, or the value", [
      set([0, 10], "a", 1),
      remove([20, 30], 2, failed),
      get([40, 50], undefined),
      get([40, 50], "a", 1)
    ]],
    ["nothing in the version of the tombstone", [
      set([0, 10], "a", 1),
      remove([20, 30], 2),
      get([40, 50], undefined, 2)
    ]],
    ["a value written after a delete", [remove([0, 10], 2), set([20, 30], "a", 3), get([40, 50], "a", 3)]],
    ["what a delete had removed, after the life of its tombstone", [
      set([0, 10], "a", 1),
      remove([20, 30], 20),
      get([day + 20, day + 30], "a", 1)
    ]],
    ["nothing after the life of a tombstone", [
      set([0, 10], "a", 1),
      remove([20, 30], 20),
      get([day + 100, day + 110], undefined)
    ]],
    ["nothing after an expiry, and the value before", [
      set([0, 10], "a", 1, { expiresAtMillis: 100 }),
      get([50, 60], "a", 1),
      get([95, 100], undefined),
      get([200, 210], undefined)
    ]],
    ["a value at its expiry by a clock that is late", [
      set([0, 10], "a", 1, { expiresAtMillis: 100 }),
      get([140, 150], "a", 1),
      get([60, 70], undefined)
    ], { skewMillis: 50 }],
    ["the same value written twice, known by no version", [
      set([0, 10], "a", 1),
      set([20, 30], "b", 2),
      set([40, 50], "a", 3),
      get([60, 70], "a")
    ]],
    ["reads of different clients in any order while a write is under way", [
      set([0, 10], "a", 1),
      set([20, 100], "b", 2),
      get([30, 40], "b", 2, by("x")),
      get([50, 60], "a", 1, by("y"))
    ]],
    ["a read in the millisecond of an acknowledgment", [set([0, 10], "a", 1), get([10, 10], undefined)]],
    ["other keys, which have nothing to do with it", [
      set([0, 10], "a", 1),
      set([0, 10], "b", 5, { key: "l" }),
      get([20, 30], "a", 1)
    ]],
    ["entries of one update in one version", [
      step("update", [0, 10], "a", 1),
      step("update", [0, 10], "b", 1, { key: "l" }),
      get([20, 30], "a", 1)
    ]],
    ["an acknowledged write in an older version, by default", [set([0, 10], "a", 5), set([20, 30], "b", 4)]]
  ])("allows %s", (_name, operations, options) => {
    assert.deepStrictEqual(check(operations, options).map(tell), [])
  })

  it.each<[string, ReadonlyArray<Operation>, string, CheckOptions?]>([
    ["a value that nobody wrote", [set([0, 10], "a", 1), get([20, 30], "b", 1)], "PhantomRead"],
    ["a value of another key", [set([0, 10], "a", 1, { key: "l" }), get([20, 30], "a", 1)], "PhantomRead"],
    ["a value before it was written", [get([0, 10], "a", 1), set([20, 30], "a", 1)], "PhantomRead"],
    ["a value in the version of another", [
      set([0, 10], "a", 1),
      set([0, 10], "b", 2, failed),
      get([20, 30], "a", 2)
    ], "PhantomRead"],
    ["a tombstone that nobody wrote", [get([20, 30], undefined, 1)], "PhantomRead"],
    ["an older value after an acknowledgment", [
      set([0, 10], "a", 1),
      set([20, 30], "b", 2),
      get([31, 40], "a", 1)
    ], "StaleRead"],
    [
      "an older value, told by its text alone",
      [set([0, 10], "a", 1), set([20, 30], "b", 2), get([31, 40], "a")],
      "StaleRead"
    ],
    ["nothing after an acknowledgment", [set([0, 10], "a", 1), get([20, 30], undefined)], "StaleRead"],
    [
      "nothing, with an older delete",
      [remove([0, 10], 1), set([0, 10], "a", 2), get([20, 30], undefined)],
      "StaleRead"
    ],
    ["nothing, with a delete that began later", [
      set([0, 10], "a", 1),
      get([20, 30], undefined),
      remove([40, 50], 2)
    ], "StaleRead"],
    ["the tombstone of an older delete", [
      remove([0, 10], 1),
      set([20, 30], "a", 2),
      get([40, 50], undefined, 1)
    ], "StaleRead"],
    ["a failed write below an acknowledged one", [
      set([0, 10], "a", 1, failed),
      set([20, 30], "b", 2),
      get([40, 50], "a", 1)
    ], "StaleRead"],
    ["the loser of two concurrent writes", [
      set([0, 20], "a", 2),
      set([0, 20], "b", 1),
      get([30, 40], "b", 1)
    ], "StaleRead"],
    ["a client's own write unread, in the millisecond of its acknowledgment", [
      set([0, 10], "a", 1, by("x")),
      get([10, 12], undefined, undefined, by("x"))
    ], "StaleRead"],
    ["what was deleted", [set([0, 10], "a", 1), remove([20, 30], 2), get([40, 50], "a", 1)], "ResurrectedDelete"],
    ["what was deleted, just before the end of the tombstone", [
      set([0, 10], "a", 1),
      remove([20, 30], 20),
      get([day, day + 19], "a", 1)
    ], "ResurrectedDelete"],
    ["something older than what the client had read of a write under way", [
      set([0, 10], "a", 1),
      set([20, 100], "b", 2),
      get([30, 40], "b", 2, by("x")),
      get([50, 60], "a", 1, by("x"))
    ], "NonMonotonicRead"],
    ["nothing where the client had read a failed write", [
      set([0, 10], "a", 1, failed),
      get([20, 30], "a", 1, by("x")),
      get([40, 50], undefined, undefined, by("x"))
    ], "NonMonotonicRead"],
    ["a value again that the client had found deleted by a delete under way", [
      set([0, 10], "a", 1),
      remove([20, 100], 2),
      get([30, 40], undefined, undefined, by("x")),
      get([50, 60], "a", 1, by("x"))
    ], "NonMonotonicRead"],
    ["a value after its expiry", [
      set([0, 10], "a", 1, { expiresAtMillis: 100 }),
      get([100, 110], "a", 1)
    ], "ExpiredRead"],
    [
      "nothing before the expiry",
      [set([0, 10], "a", 1, { expiresAtMillis: 100 }), get([50, 99], undefined)],
      "StaleRead"
    ],
    ["two contents in one version", [set([0, 10], "a", 1), set([20, 30], "b", 1)], "SharedVersion"],
    [
      "a write below one acknowledged before, if asked",
      [
        set([0, 10], "a", 5),
        set([20, 30], "b", 4)
      ],
      "WriteOutOfOrder",
      { writeOrder: true }
    ]
  ])("finds %s", (_name, operations, tag, options) => {
    const violations = check(operations, options)

    assert.deepStrictEqual(violations.map(({ _tag }) => _tag), [tag])
    assert.include(tell(violations[0]!), `${tag}: `)
    assert.include(tell(violations[0]!), "\"k\"")
  })

  it("tells every read that is wrong, and no other", () => {
    const operations = [
      set([0, 10], "a", 1),
      set([20, 30], "b", 2),
      get([40, 50], "a", 1, by("x")),
      get([60, 70], "b", 2, by("x")),
      get([80, 90], "a", 1, by("y"))
    ]

    assert.deepStrictEqual(tags(operations), ["StaleRead", "StaleRead"])
  })
})

describe("a check of replicas", () => {
  const replicas = (...contents: ReadonlyArray<ReadonlyArray<Record.Record>>) =>
    contents.map((records, index) => ({ name: `replica ${index}`, records }))
  const now = { nowMillis: 1000 }
  const [a1, a2, b1] = [record("a", 1, "x"), record("a", 2, "y"), record("b", 1, "z")]
  const wrote = (value: string | undefined, millis: number, more: Partial<Operation> = {}) =>
    step(value === undefined ? "delete" : "set", [0, 10], value, millis, { key: "a", ...more })

  const found = (...parameters: Parameters<typeof checkReplicas>) => {
    const violations = checkReplicas(...parameters)
    for (const violation of violations) assert.include(tell(violation), violation._tag)
    return violations.map(({ _tag }) => _tag)
  }

  it("allows replicas that agree on what they share, and have all that was acknowledged", () => {
    assert.deepStrictEqual(found(replicas([a2], [a2, b1], [b1], []), [wrote("x", 1), wrote("y", 2)], now), [])
    assert.deepStrictEqual(found(replicas([a2]), [wrote("x", 1), wrote("z", 3, failed)], now), [])
  })

  it("finds replicas that hold different records", () => {
    assert.deepStrictEqual(found(replicas([a1], [a2]), [], now), ["DivergedReplicas"])
    assert.deepStrictEqual(found(replicas([a1], [record("a", 1, "other")]), [], now), ["DivergedReplicas"])
  })

  it("finds missing copies where copies must be", () => {
    const holders = () => ["replica 0", "replica 2"]

    assert.deepStrictEqual(found(replicas([a1], [a1], []), [], { ...now, holders }), ["MissingCopy"])
  })

  it("finds writes that are lost", () => {
    assert.deepStrictEqual(found(replicas([a1]), [wrote("y", 2)], now), ["LostWrite"])
    assert.deepStrictEqual(found(replicas([]), [wrote("y", 2)], now), ["LostWrite"])
    assert.deepStrictEqual(found(replicas([a1]), [wrote(undefined, 2)], now), ["LostWrite"])
  })

  it("lets expired values and old tombstones be forgotten or not", () => {
    const value = record("a", 1, "x", { expiresAtMillis: 500 })
    const write = wrote("x", 1, { expiresAtMillis: 500 })

    assert.deepStrictEqual(found(replicas([value], [Record.bury(value)]), [write], now), [])
    assert.deepStrictEqual(found(replicas([value], []), [write], { nowMillis: day + 500 }), [])
    assert.deepStrictEqual(found(replicas([]), [write], { nowMillis: day + 499 }), ["LostWrite"])
    assert.deepStrictEqual(
      found(replicas([record("a", 1, undefined)], []), [wrote(undefined, 1)], { nowMillis: day + 1 }),
      []
    )
  })
})

describe("History", () => {
  const call: Call = { client: "c", kind: "set", key: "k", value: "v" }

  it.effect("notes what a client asked, when, and what it was told", () =>
    Effect.gen(function*() {
      const history = new History()
      const later = <A>(exit: Exit.Exit<A, string>) => Effect.andThen(Effect.sleep(10), exit)
      const calls: ReadonlyArray<Effect.Effect<unknown, string>> = [
        history.track(call, later(Exit.succeed(at(5))), (version) => ({ version })),
        history.track(call, later(Exit.fail("no")), () => ({})),
        history.track({ client: "c", kind: "get", key: "k" }, later(Exit.succeed("read")), (value) => ({ value })),
        history.track(call, later(Exit.die("bug")), () => ({})),
        history.track(call, Effect.never, () => ({}))
      ]
      const fibers = yield* Effect.forEach(calls, (run) => Effect.forkChild(Effect.exit(run)))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(fibers[4]!)

      assert.deepStrictEqual(
        history.operations.map((
          { completedMillis, outcome, value, version }
        ) => [outcome, value, version?.millis, completedMillis]),
        [
          ["acknowledged", "v", 5, 10],
          ["failed", "v", undefined, 10],
          ["acknowledged", "read", undefined, 10],
          ["unknown", "v", undefined, undefined],
          ["unknown", "v", undefined, undefined]
        ]
      )
    }))
})

/** How a store answers reads in a random run. */
type Reading = "right" | "stale"

/**
 * A run of clients over one store that keeps the newest version: each operation takes effect at an
 * instant between its call and its answer, a write that fails at some time or never.
 */
const run = Effect.fnUntraced(function*(reading: Reading) {
  const operations: Array<Operation & { readonly effectAt: number }> = []
  for (let client = 0; client < 4; client++) {
    let now = yield* Random.nextIntBetween(0, 20)
    for (let count = 0; count < 25; count++) {
      const invokedMillis = now += yield* Random.nextIntBetween(0, 15)
      const completedMillis = now += yield* Random.nextIntBetween(0, 15)
      const effectAt = yield* Random.nextIntBetween(invokedMillis, completedMillis)
      const dice = yield* Random.nextIntBetween(0, 9)
      const isFailed = dice === 9 || dice === 4
      const kind = dice < 5 ? "get" : dice < 8 ? "set" : "delete"
      operations.push({
        ...step(kind, [invokedMillis, completedMillis], kind === "set" ? `${client} ${count}` : undefined, undefined),
        client: `${client}`,
        version: kind === "get" ? undefined : new Version(100 + effectAt, count, `${client}`),
        outcome: isFailed ? "failed" : "acknowledged",
        effectAt: isFailed ? effectAt + 20 * (yield* Random.nextIntBetween(0, 10)) : effectAt
      })
    }
  }
  const inOrder = operations.toSorted((a, b) => a.effectAt - b.effectAt)
  const held: Array<Operation> = []
  const answers = new Map<Operation, Operation>()
  for (const operation of inOrder) {
    const newest = held.at(-1)
    if (operation.kind !== "get") {
      const isNewer = newest === undefined || compare(operation.version!, newest.version!) > 0
      if (isNewer) held.push(operation)
      continue
    }
    const isStale = reading === "stale" && (yield* Random.nextIntBetween(0, 9)) === 0
    const met = isStale ? held.at(-5) : newest
    const isTold = (yield* Random.nextIntBetween(0, 1)) === 1
    answers.set(operation, { ...operation, value: met?.value, version: isTold ? met?.version : undefined })
  }
  return operations.map((operation) => answers.get(operation) ?? operation)
})

describe("a history of many clients", () => {
  it.effect("is found right when the store is", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 300; seed++) {
        const operations = yield* Random.withSeed(run("right"), `right ${seed}`)
        assert.deepStrictEqual(check(operations).map(tell), [], `seed ${seed}`)
      }
    }))

  it.effect("is found wrong when the store now and then reads what was there before", () =>
    Effect.gen(function*() {
      let caught = 0
      for (let seed = 0; seed < 50; seed++) {
        const operations = yield* Random.withSeed(run("stale"), `stale ${seed}`)
        if (check(operations).length > 0) caught++
      }
      assert.isAtLeast(caught, 45)
    }))
})
