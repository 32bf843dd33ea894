import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Contact } from "../../src/Chord/Contact.ts"
import { Arcs } from "../../src/Chord/internal/Arcs.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { simulate, startNode, startRing } from "../utils/ChordRing.ts"

const contact = (position: bigint, nodeId = `${position}`): Contact =>
  new Contact(position, new PeerAddress({ host: "10.0.0.1", port: 1 }), nodeId)

describe("Arcs", () => {
  it("name who answered for a position, behind the arc's start up to the owner, also round the end", () => {
    const arcs = new Arcs()
    arcs.add(10n, contact(20n), 0)
    arcs.add(90n, contact(5n), 0)

    const found = [10n, 11n, 20n, 21n, 90n, 91n, 0n, 5n, 6n].map((position) => arcs.ownerOf(position, 0)?.nodeId)

    const [none, first, second] = [undefined, "20", "5"]
    assert.deepStrictEqual(found, [none, first, first, none, none, second, second, second, none])
  })

  it("forget an owner that does not answer, and not another one at its position", () => {
    const arcs = new Arcs()
    arcs.add(10n, contact(20n, "new"), 0)

    arcs.forget(contact(20n, "old"))
    const kept = arcs.ownerOf(15n, 0)?.nodeId
    arcs.forget(contact(20n, "new"))

    assert.strictEqual(kept, "new")
    assert.isUndefined(arcs.ownerOf(15n, 0))
  })

  it("believe in an arc for a minute from the last time on that its owner was looked up", () => {
    const arcs = new Arcs()
    arcs.add(10n, contact(20n), 0)
    arcs.add(14n, contact(20n), 50_000)

    assert.isUndefined(arcs.ownerOf(12n, 60_000))
    assert.strictEqual(arcs.ownerOf(15n, 110_000)?.nodeId, "20")
    assert.isUndefined(arcs.ownerOf(15n, 110_001))
  })

  it("are 256 at most, and the oldest makes room", () => {
    const arcs = new Arcs()
    for (let index = 1n; index <= 300n; index++) arcs.add(10n * index, contact(10n * index + 5n), Number(index))

    const known = Array.from({ length: 300 }, (_, index) => arcs.ownerOf(10n * BigInt(index + 1) + 1n, 300))

    assert.strictEqual(known.findIndex((owner) => owner !== undefined), 44)
    assert.isTrue(known.slice(44).every((owner) => owner !== undefined))
  })
})

describe("a node that reads keys again", () => {
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)

  it("asks the owners that it found a moment ago, looks them up again a minute later, and after the ring changed", () => {
    const { first, later, lost, second } = simulate((simulation) =>
      Effect.gen(function*() {
        // Lists so short that they name few of the owners.
        const settings = { minSuccessors: 4, repairInterval: "1 hour", probeInterval: "1 hour" } as const
        const nodes = yield* startRing(simulation, 20, settings)
        const reader = nodes[0]!
        for (const key of keys) yield* reader.set(key, `value of ${key}`)
        yield* Effect.sleep("61 seconds")
        let lost = 0
        const hopsOfReading = Effect.gen(function*() {
          const { hops } = yield* reader.stats
          for (const key of keys) {
            // All five placements are read, so that all of them are known.
            const found = yield* reader.get(key, { quorum: 5 })
            if (found._tag === "None" || found.value !== `value of ${key}`) lost++
          }
          return (yield* reader.stats).hops - hops
        })
        const first = yield* hopsOfReading
        const second = yield* hopsOfReading
        for (let index = 20; index < 30; index++) {
          yield* startNode(simulation, `${index}`, { ...settings, bootstrap: ["0:5555"] })
        }
        yield* hopsOfReading
        yield* Effect.sleep("61 seconds")
        const later = yield* hopsOfReading
        return { first, second, later, lost }
      })
    )

    assert.isAbove(first, 10)
    assert.strictEqual(second, 0)
    assert.isAbove(later, 10)
    assert.strictEqual(lost, 0)
  })
})
