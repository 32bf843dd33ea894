import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Layer, Option, Result } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import type { ChordEvent } from "../../src/Chord/ChordEvent.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import { findKey, quick, simulate, snapshotOf, startNode, startRing, untilIdeal } from "../utils/ChordRing.ts"
import { collect } from "../utils/MeshNetwork.ts"

const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`)

const setAll = (chord: Chord["Service"]) => chord.update(keys.map((key) => [key, `value of ${key}`]))

/** The keys whose values another node reads as they were set, with all their copies. */
const sound = (chord: Chord["Service"]) =>
  Effect.map(
    Effect.forEach(keys, (key) =>
      Effect.map(chord.read(key), (entry) =>
        Option.isSome(entry) && entry.value.value === `value of ${key}` && !entry.value.isDegraded), {
      concurrency: 8
    }),
    (found) =>
      found.filter((isSound) =>
        isSound
      ).length
  )

describe("a ring of one", () => {
  it("is a dictionary", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const chord = yield* startNode(simulation, "a")
        yield* chord.set("color", "blue")
        yield* chord.update({ size: "large", shape: "round" })
        const before = yield* Effect.all([chord.get("color"), chord.get("size"), chord.get("nothing")])
        yield* chord.delete("color")
        return [...before, yield* chord.get("color"), yield* chord.has("color"), yield* chord.has("shape")]
      })
    )

    assert.deepStrictEqual(found, [
      Option.some("blue"),
      Option.some("large"),
      Option.none(),
      Option.none(),
      false,
      true
    ])
  })

  it("knows that it is alone", () => {
    const [[member], lookup] = simulate((simulation) =>
      Effect.flatMap(startNode(simulation, "a"), (chord) => Effect.all([chord.ring, chord.lookup("any")]))
    )

    assert.deepStrictEqual([member!.membership.successors, member!.membership.predecessor], [[], undefined])
    assert.strictEqual(lookup.owner, member!.membership.self)
  })
})

describe("a ring of five", () => {
  it("reads at each node what another one has set, changed or deleted", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        for (const [index, node] of nodes.entries()) {
          const other = nodes[(index + 1) % 5]!
          yield* node.set("turn", `${index}`)
          assert.deepStrictEqual(yield* other.get("turn"), Option.some(`${index}`))
          if (index === 3) yield* other.delete("turn")
          assert.strictEqual(yield* node.has("turn"), index !== 3)
        }
      })
    )
  })

  it("keeps every value when a node crashes, and makes up the copies", () => {
    const [before, after, repaired] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* setAll(nodes[0]!)
        const before = yield* sound(nodes[1]!)
        yield* simulation.crash("2")
        const after = (yield* Effect.forEach(keys, (key) => nodes[4]!.get(key))).filter(Option.isSome).length
        yield* Effect.sleep("30 seconds")
        assert.deepStrictEqual(
          yield* snapshotOf([nodes[0]!, nodes[1]!, nodes[3]!, nodes[4]!]).pipe(
            Effect.map(({ members }) => members.map((member) => member.successors.length))
          ),
          [3, 3, 3, 3]
        )
        return [before, after, yield* sound(nodes[4]!)]
      })
    )

    assert.deepStrictEqual([before, after, repaired], [40, 40, 40])
  })

  it("keeps every value when four of them crash one after the other", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* setAll(nodes[0]!)
        for (const name of ["0", "1", "2", "3"]) {
          yield* simulation.crash(name)
          yield* Effect.sleep("30 seconds")
        }
        const [member] = yield* nodes[4]!.ring
        assert.deepStrictEqual(member!.membership.successors, [])
        return yield* sound(nodes[4]!)
      })
    )

    assert.strictEqual(found, 40)
  })

  it("keeps every value when nodes leave in order without a pause", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* setAll(nodes[0]!)
        for (const name of ["0", "1", "2", "3"]) yield* simulation.stop(name)
        return yield* sound(nodes[4]!)
      })
    )

    assert.strictEqual(found, 40)
  })

  it("tells who comes and goes", () => {
    const tags = simulate((simulation) =>
      Effect.gen(function*() {
        const [first] = yield* startRing(simulation, 2)
        const events: Array<ChordEvent> = yield* collect(first!.events, yield* Effect.scope)
        yield* startNode(simulation, "new", { bootstrap: ["0:5555"] })
        yield* Effect.sleep("5 seconds")
        yield* simulation.crash("new")
        yield* simulation.crash("1")
        yield* Effect.sleep("20 seconds")
        return events.flatMap((event) =>
          event._tag === "NeighborCame" || event._tag === "NeighborWent"
            ? [`${event._tag} ${event.contact.address.host}`]
            : event._tag === "Alone"
            ? [`Alone ${event.isLast}`]
            : []
        )
      })
    )

    assert.strictEqual(tags[0], "NeighborCame new")
    assert.includeMembers(tags, ["NeighborWent new", "NeighborWent 1"])
    assert.strictEqual(tags.at(-1), "Alone true")
  })
})

describe("values", () => {
  it("end when their time is over", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const [a, b] = yield* startRing(simulation, 3)
        yield* a!.set("session", "open", { ttl: "10 seconds" })
        yield* Effect.sleep("9 seconds")
        const before = yield* b!.has("session")
        yield* Effect.sleep("2 seconds")
        return [before, yield* b!.has("session")]
      })
    )

    assert.deepStrictEqual(found, [true, false])
  })

  it("are those written last, though the writer's clock is behind", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        yield* simulation.skew("2", "-20 seconds")
        const nodes = yield* startRing(simulation, 3)
        yield* nodes[0]!.set("key", "first")
        yield* nodes[2]!.set("key", "second")
        return yield* nodes[1]!.get("key")
      })
    )

    assert.deepStrictEqual(found, Option.some("second"))
  })

  it("do not come back from a node that was away while they were deleted", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* nodes[0]!.set("key", "value")
        yield* simulation.pause("3")
        yield* Effect.sleep("1 minute")
        yield* nodes[0]!.delete("key")
        yield* simulation.resume("3")
        yield* Effect.sleep("1 minute")
        return yield* Effect.forEach(nodes, (node) => node.has("key"))
      })
    )

    assert.deepStrictEqual(found, [false, false, false, false, false])
  })

  it("may begin with a byte order mark, and so may keys", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 8)
        yield* nodes[0]!.set("\ufeffname", "\ufeffmarked")
        yield* nodes[0]!.set("name", "plain")
        return yield* Effect.forEach(nodes, (node) => node.get("\ufeffname"))
      })
    )

    assert.deepStrictEqual(found, Array.from({ length: 8 }, () => Option.some("\ufeffmarked")))
  })

  it("that are no text are refused", () => {
    const error = simulate((simulation) =>
      Effect.flatMap(startNode(simulation, "a"), (chord) => Effect.flip(chord.set("key", "half \ud800 pair")))
    )

    assert.strictEqual(error.message, "the value is no well-formed text: it holds half of a surrogate pair")
  })

  it("last for ever where their time is infinite", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const chord = yield* startNode(simulation, "a")
        yield* chord.set("key", "value", { ttl: Duration.infinity })
        yield* Effect.sleep("1 minute")
        return yield* chord.read("key")
      })
    )

    assert.deepInclude(Option.getOrThrow(found), { value: "value", expiresAtMillis: undefined })
  })

  it("that are too large, and keys that are too long, are refused with what to change", () => {
    const errors = simulate((simulation) =>
      Effect.gen(function*() {
        const chord = yield* startNode(simulation, "a", { maxKeyBytes: 8, maxValueBytes: 16 })
        return [
          (yield* Effect.flip(chord.set("a long key", "value"))).message,
          (yield* Effect.flip(chord.set("key", "a value that is too long"))).message
        ]
      })
    )

    assert.deepStrictEqual(errors, [
      "the key takes 10 bytes, the limit is 8 (maxKeyBytes)",
      "the value takes 24 bytes, the limit is 16 (maxValueBytes)"
    ])
  })

  it("outlive their node where its share does", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const disk = yield* Layer.build(ChordStorage.layerMemory())
        const node = MemoryChord.layerStorage({ ...quick, host: "a" }).pipe(Layer.provide(Layer.succeedContext(disk)))
        const first = Context.get(yield* simulation.start("a", node), Chord)
        yield* setAll(first)
        yield* simulation.crash("a")
        const again = Context.get(yield* simulation.start("a", node), Chord)
        return yield* sound(again)
      })
    )

    assert.strictEqual(found, 40)
  })
})

describe("many writes at once", () => {
  it("are all stored, where owners take few of one node at a time", () => {
    const [refused, found] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6, { handlerConcurrency: 4 })
        yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, `value of ${key}`), {
          concurrency: "unbounded",
          discard: true
        })
        const { calls } = yield* nodes[0]!.stats
        return [calls.refusals, yield* sound(nodes[1]!)]
      })
    )

    assert.isAbove(refused, 0)
    assert.strictEqual(found, keys.length)
  })

  it("are all stored, where a node may have few calls under way", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6, { maxPendingCalls: 32 })
        yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, `value of ${key}`), {
          concurrency: "unbounded",
          discard: true
        })
        return yield* sound(nodes[1]!)
      })
    )

    assert.strictEqual(found, keys.length)
  })
})

describe("a node with few links", () => {
  it("waits for one that is free, and takes nobody for dead meanwhile", () => {
    const { failed, went } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 8, { maxLinks: 3 })
        const scope = yield* Effect.scope
        const seen = yield* Effect.forEach(nodes, (node) => collect(node.events, scope))
        const outcomes = yield* Effect.forEach(
          nodes.flatMap((node) => keys.slice(0, 10).map((key) => [node, key] as const)),
          ([node, key]) => Effect.result(node.set(key, "value", { timeout: "20 seconds" })),
          { concurrency: "unbounded" }
        )
        return {
          went: seen.flat().filter(({ _tag }) => _tag === "NeighborWent"),
          failed: outcomes.flatMap((outcome) => Result.isFailure(outcome) ? [outcome.failure.message] : [])
        }
      })
    )

    assert.deepStrictEqual(went, [])
    assert.deepStrictEqual(failed, [])
  })
})

describe("a quorum that cannot be had", () => {
  it("fails a write with what went wrong, and says how many were reached", () => {
    const error = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* simulation.network.partition([["0"]])
        return yield* Effect.flip(nodes[0]!.set("key", "value", { timeout: "2 seconds" }))
      })
    )

    assert.strictEqual(error._tag, "QuorumError")
    assert.match(error.message, /the write reached \d placements where 3 are needed/)
  })

  it("is a whole number of placements that a key has", () => {
    const errors = simulate((simulation) =>
      Effect.gen(function*() {
        const node = yield* startNode(simulation, "a")
        return yield* Effect.all([
          Effect.flip(node.get("key", { quorum: 0 })),
          Effect.flip(node.get("key", { quorum: 2.5 })),
          Effect.flip(node.set("key", "value", { quorum: 6 })),
          Effect.flip(node.delete("key", { quorum: Number.NaN }))
        ])
      })
    )

    for (const error of errors) {
      assert.strictEqual(error._tag, "QuorumError")
      assert.include(error.message, "a quorum is a whole number from 1 to 5")
    }
  })

  it.each([1, 2, 3, 4, 5])("does not call a value degraded that all it asked have: %i placements", (quorum) => {
    const { degraded, entry } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* nodes[0]!.set("key", "value")
        const entry = yield* nodes[1]!.read("key", { quorum })
        return { entry, degraded: (yield* nodes[1]!.stats).degraded }
      })
    )

    assert.isFalse(Option.getOrThrow(entry).isDegraded)
    assert.strictEqual(degraded, 0)
  })

  it("calls a value degraded that fewer could tell than were asked for", () => {
    const [five, three] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10)
        const { key, owners } = yield* findKey(nodes[0]!)
        yield* nodes[0]!.set(key, "value")
        yield* simulation.network.stall("0", owners[0]!)
        const options = { timeout: "60 seconds" } as const
        return [yield* nodes[0]!.read(key, { ...options, quorum: 5 }), yield* nodes[0]!.read(key, options)]
      })
    )

    assert.deepInclude(Option.getOrThrow(five!), { value: "value", isDegraded: true })
    assert.deepInclude(Option.getOrThrow(three!), { value: "value", isDegraded: false })
  })

  it("gives what one placement has as degraded, unless that is not wanted", () => {
    const [entry, error] = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 5)
        yield* setAll(nodes[0]!)
        yield* Effect.sleep("10 seconds")
        const { owner } = yield* nodes[0]!.lookup("key 0")
        const node = nodes.find(({ id }) => id === owner.nodeId)!
        yield* simulation.network.partition([[owner.address.host]])
        // All five at once: before the node finds out that it is alone, and takes everything for its own.
        const options = { quorum: 5, timeout: "60 seconds" } as const
        return yield* Effect.all([
          node.read("key 0", options),
          Effect.flip(node.read("key 0", { ...options, fallback: false }))
        ], { concurrency: 2 })
      })
    )

    assert.isTrue(Option.isSome(entry) && entry.value.isDegraded)
    assert.strictEqual(error._tag, "QuorumError")
  })
})

describe("joining", () => {
  it("says why it failed", () => {
    const reasons = simulate((simulation) =>
      Effect.gen(function*() {
        const a = yield* startNode(simulation, "a")
        yield* startNode(simulation, "narrow", { bits: 64 })
        yield* startNode(simulation, "other", { subnet: "another" })
        return yield* Effect.forEach(["nobody:1", "narrow:5555", "other:5555", "a:5555", "no address"], (address) =>
          Effect.map(Effect.flip(a.join(address)), (error) => error.message))
      })
    )

    assert.include(reasons[0], "could not join at nobody:1")
    assert.include(reasons[1], "another network")
    assert.include(reasons[2], "another network")
    assert.include(reasons[3], "this node itself")
    assert.include(reasons[4], "write HOST:PORT")
  })

  it("hides no value from anybody, though several nodes join at once", () => {
    for (const seed of ["a", "b", "c", "d"]) {
      const wrong = simulate((simulation) =>
        Effect.gen(function*() {
          const first = yield* startNode(simulation, "0")
          yield* setAll(first)
          const hosts = ["1", "2", "3", "4"]
          const others = yield* Effect.forEach(hosts, (host) => startNode(simulation, host, { bootstrap: ["0:5555"] }))
          const wrong: Array<string> = []
          for (let round = 0; round < 20; round++) {
            const key = keys[round % keys.length]!
            yield* Effect.forEach([first, ...others], (node) =>
              Effect.map(Effect.option(node.get(key)), (found) => {
                if (Option.isSome(found) && Option.isNone(found.value)) wrong.push(key)
              }), { concurrency: "unbounded" })
          }
          return wrong
        }), { seed })

      assert.deepStrictEqual(wrong, [], `seed ${seed}`)
    }
  })

  it("is done when the others know: the one node that there was may leave at once", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const first = yield* startNode(simulation, "0")
        yield* setAll(first)
        const second = yield* startNode(simulation, "1")
        yield* second.join("0:5555")
        yield* simulation.stop("0")
        yield* Effect.sleep("5 seconds")
        return yield* sound(second)
      })
    )

    assert.strictEqual(found, 40)
  })

  it("makes one ring of two, with the values of both", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const left = yield* startRing(simulation, 3)
        const right = []
        for (const host of ["x", "y", "z"]) {
          right.push(yield* startNode(simulation, host, { bootstrap: host === "x" ? [] : ["x:5555"] }))
        }
        yield* Effect.sleep("10 seconds")
        yield* left[0]!.set("left", "1")
        yield* right[0]!.set("right", "2")

        yield* left[1]!.join("y:5555")
        yield* untilIdeal([...left, ...right])
        yield* Effect.sleep("30 seconds")

        for (const node of [...left, ...right]) {
          assert.deepStrictEqual(yield* node.get("left"), Option.some("1"))
          assert.deepStrictEqual(yield* node.get("right"), Option.some("2"))
        }
      })
    )
  })

  it("heals a partition: one ring again, each key at its newest version", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        yield* nodes[0]!.set("key", "before")
        yield* simulation.network.partition([["0", "1", "2"], ["3", "4", "5"]])
        yield* Effect.sleep("2 minutes")
        yield* nodes[0]!.set("key", "one side")
        yield* nodes[3]!.set("key", "the other side, later")
        yield* simulation.network.heal
        yield* untilIdeal(nodes)
        yield* Effect.sleep("1 minute")
        for (const node of nodes) assert.deepStrictEqual(yield* node.get("key"), Option.some("the other side, later"))
      })
    )
  })

  it("finds a free position on a narrow ring, and says so when there is none", () => {
    const message = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 4, { bits: 2 })
        const positions = (yield* snapshotOf(nodes)).members.map((member) => member.self.position)
        assert.lengthOf(new Set(positions), 4)
        const fifth = yield* startNode(simulation, "fifth", { bits: 2 })
        return (yield* Effect.flip(fifth.join("0:5555"))).message
      })
    )

    assert.include(message, "positions that this node tried are taken: use more bits")
  })

  it("reads a key of which several placements have one position like any other", () => {
    const { found, same } = simulate((simulation) =>
      Effect.gen(function*() {
        const [writer, reader] = yield* startRing(simulation, 3, { bits: 6 })
        const keys = Array.from({ length: 30 }, (_, count) => `key ${count}`)
        yield* writer!.update(keys.map((key) => [key, "value"]))
        const held = yield* reader!.holdings()
        const same = held.filter(({ positions }) => new Set(positions).size < positions.length).map(({ key }) => key)
        const found = yield* Effect.forEach(same, (key) =>
          Effect.forEach([3, 5], (quorum) =>
            // From any of its placements on.
            Effect.replicateEffect(reader!.read(key, { quorum, fallback: false }), 5)))
        return { found: found.flat(2).map(Option.getOrThrow), same }
      })
    )

    assert.isAbove(same.length, 1)
    for (const { isDegraded, value } of found) {
      assert.deepStrictEqual({ isDegraded, value }, { isDegraded: false, value: "value" })
    }
  })

  it("is waited for by reads, writes and lookups, which fail and say so where it does not come", () => {
    const { founder, messages, tookMillis } = simulate((simulation) =>
      Effect.gen(function*() {
        const lost = yield* startNode(simulation, "lost", { bootstrap: ["nobody:1"] })
        const from = yield* Clock.currentTimeMillis
        const messages = yield* Effect.all([
          Effect.flip(lost.get("color", { timeout: "2 seconds" })),
          Effect.flip(lost.set("color", "blue", { timeout: "2 seconds" })),
          Effect.flip(lost.lookup("color"))
        ], { concurrency: "unbounded" })
        const tookMillis = (yield* Clock.currentTimeMillis) - from
        const first = yield* startNode(simulation, "first", { bootstrap: ["first:5555", "nobody:1"] })
        yield* first.set("color", "blue")
        return { messages: messages.map(({ message }) => message), tookMillis, founder: yield* first.get("color") }
      })
    )

    for (const message of messages) {
      assert.include(message, "this node has not joined its ring yet, by none of nobody:1")
    }
    assert.strictEqual(tookMillis, 10_000)
    assert.deepStrictEqual(founder, Option.some("blue"))
  })

  it("goes on when all nodes start at once and name each other", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const hosts = ["a", "b", "c", "d"]
        const nodes = yield* Effect.forEach(hosts, (host) =>
          startNode(simulation, host, { bootstrap: hosts.map((name) => `${name}:5555`) }))
        yield* Effect.sleep("20 seconds")
        yield* untilIdeal(nodes)
      })
    )
  })
})

describe("virtual nodes", () => {
  it("are members of their own, and keep copies on other processes", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 4, { virtualNodes: 3 })
        assert.lengthOf((yield* snapshotOf(nodes)).members, 12)
        yield* setAll(nodes[0]!)
        yield* simulation.crash("1")
        yield* Effect.sleep("30 seconds")
        return yield* sound(nodes[3]!)
      })
    )

    assert.strictEqual(found, 40)
  })
})

describe("a node of more positions than its lists are long, beside one of a single one", () => {
  it("keeps copies there of all that it holds", () => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const many = yield* startNode(simulation, "many", { virtualNodes: 20 })
        const one = yield* startNode(simulation, "one", { bootstrap: ["many:5555"] })
        yield* untilIdeal([many, one])
        yield* setAll(one)
        yield* simulation.crash("many")
        yield* Effect.sleep("30 seconds")
        return yield* sound(one)
      })
    )

    assert.strictEqual(found, 40)
  })
})

describe("a node of several positions", () => {
  it("knows when it is alone, and finds back to a ring that it knew", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 2, { virtualNodes: 3 })
        const events = yield* collect(nodes[1]!.events, yield* Effect.scope)
        yield* simulation.crash("0")
        yield* Effect.sleep("30 seconds")
        assert.deepStrictEqual(events.filter((event) => event._tag === "Alone"), [{ _tag: "Alone", isLast: true }])

        yield* simulation.restart("0")
        yield* Effect.sleep("1 minute")
        const hosts = new Set((yield* nodes[1]!.ring).flatMap(({ membership }) =>
          membership.successors.map((contact) => contact.address.host)
        ))
        assert.deepStrictEqual([...hosts].sort(), ["0", "1"])
      })
    )
  })
})

describe("a node that leaves", () => {
  it.each(["a join that fails", "one that is given up"])("acknowledges nothing alone after %s", (what) => {
    const { again, outcomes } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3)
        yield* nodes[0]!.set("key", "before")
        yield* nodes[2]!.leave
        yield* nodes[0]!.set("key", "after")
        yield* what === "a join that fails"
          ? Effect.ignore(nodes[2]!.join("nowhere:5555"))
          : Effect.timeoutOption(nodes[2]!.join("0:5555"), "10 millis")
        const outcomes = yield* Effect.all([
          Effect.result(nodes[2]!.set("another", "value")),
          Effect.result(nodes[2]!.get("key"))
        ])
        yield* nodes[2]!.join("0:5555")
        return { again: yield* nodes[2]!.get("key"), outcomes }
      })
    )

    assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Failure", "Failure"])
    assert.deepStrictEqual(again, Option.some("after"))
  })

  it.each(["1 second", "1 hour"] as const)(
    "gives to its heir what nobody keeps copies of, with repairs each %s",
    (repairInterval) => {
      const found = simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRing(simulation, 12, { copies: 1, repairInterval, auditedRecords: 1 })
          yield* setAll(nodes[0]!)
          yield* Effect.sleep("3 seconds")
          for (const node of nodes.slice(6)) {
            yield* node.leave
            yield* Effect.sleep("3 seconds")
          }
          return yield* sound(nodes[0]!)
        })
      )

      assert.strictEqual(found, 40)
    }
  )

  it.each(["leave", "stop"])("gives to one that stays what it holds, where those behind it %s at once", (how) => {
    const keys = Array.from({ length: 100 }, (_, count) => `key ${count}`)
    const lost = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 14)
        yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, "value"), { concurrency: "unbounded" })
        const { successors } = (yield* nodes[0]!.ring)[0]!.membership
        const leavers = successors.slice(0, 7).map(({ address }) => address.host)
        const end = (host: string) => how === "leave" ? nodes[Number(host)]!.leave : simulation.stop(host)
        yield* Effect.forEach(leavers, end, { concurrency: "unbounded", discard: true })
        yield* Effect.sleep("10 seconds")
        const found = yield* Effect.forEach(keys, (key) => nodes[0]!.get(key))
        return found.filter(Option.isNone).length
      }), { seed: "g" })

    assert.strictEqual(lost, 0)
  })

  it("says of what is asked of it afterwards that it has left", () => {
    const messages = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3)
        yield* nodes[2]!.leave
        return yield* Effect.all([
          Effect.flip(nodes[2]!.get("key")),
          Effect.flip(nodes[2]!.set("key", "value")),
          Effect.flip(nodes[2]!.lookup("key"))
        ])
      })
    ).map(({ message }) => message)

    for (const message of messages) assert.include(message, "this node has left its ring: join one first")
  })

  it("is asked no more, and can join again", () => {
    simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 3)
        yield* setAll(nodes[0]!)
        yield* nodes[2]!.leave
        assert.deepStrictEqual(yield* nodes[2]!.ring, [])
        yield* Effect.sleep("5 seconds")
        assert.strictEqual(yield* sound(nodes[0]!), 40)
        yield* nodes[2]!.join("0:5555")
        yield* untilIdeal(nodes)
        assert.strictEqual(yield* sound(nodes[2]!), 40)
      })
    )
  })
})

describe("a ring that shrinks to one", () => {
  // With seed 20 a node gave its copies away to one that was just leaving, which relied on them.
  it.each(["1", "20"])("keeps every value while one after the other leaves, seed %s", (seed) => {
    const found = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 10, { repairInterval: "1 second" })
        for (let key = 0; key < 60; key++) yield* nodes[key % 10]!.set(`key ${key}`, "x")
        yield* Effect.sleep("15 seconds")
        for (let index = 9; index > 0; index--) {
          yield* simulation.stop(`${index}`)
          yield* Effect.sleep("700 millis")
        }
        yield* Effect.sleep("3 seconds")
        return yield* Effect.filter(
          Array.from({ length: 60 }, (_, key) => `key ${key}`),
          (key) => nodes[0]!.has(key)
        )
      }), { seed })

    assert.strictEqual(found.length, 60)
  })
})

describe("the same seed", () => {
  it("gives the same trace", () => {
    const hash = () =>
      simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRing(simulation, 8)
          yield* setAll(nodes[3]!)
          yield* simulation.crash("5")
          yield* Effect.sleep("30 seconds")
          return simulation.trace.hash
        })
      )

    assert.strictEqual(hash(), hash())
  })
})
