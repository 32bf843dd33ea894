/** How a new member gets its records from one that has much to do. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Result, Stream } from "effect"
import { CallRefused } from "../../src/Chord/CallError.ts"
import { Contact } from "../../src/Chord/Contact.ts"
import { writeAnswer, writeFound } from "../../src/Chord/internal/ChordCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import type { Handler } from "../../src/Chord/internal/PeersOptions.ts"
import { layerWire } from "../../src/Layers/MemoryMesh.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { simulate, startNode } from "../utils/ChordRing.ts"

const listen = new PeerAddress({ host: "source", port: 5555 })
const self = new Contact(5n, listen, "source")

/** A node that has all of a ring, and answers as `onTakeOver` says when a new member asks for the records of an arc. */
const startSource = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  onTakeOver: () => ReturnType<Handler>,
  onOther: () => ReturnType<Handler> = () => []
) {
  const { networkId } = yield* startNode(simulation, "other")
  const handler: Handler = (_, kind, packets) => {
    switch (kind) {
      case "who":
      case "find":
        return writeFound({ isOwner: kind === "find", self, predecessor: undefined, closer: [], following: [] })
      case "state":
        return writeAnswer({ predecessor: undefined, successors: [], isWhole: true })
      case "digest":
        // Without the last packet somebody compares copies.
        return packets.length > 4 ? onTakeOver() : onOther()
      case "held":
      case "version":
      case "get":
        return onOther()
      default:
        return []
    }
  }
  const source = Peers.make({ nodeId: "source", networkId, listen, handler })
  yield* simulation.start("source", Layer.provide(Layer.effectDiscard(source), layerWire(undefined)))
})

const virtualNodes = 4
const bootstrap = ["source:5555"]

describe("members that take over from the same node", () => {
  it("come one after the other", () => {
    const { most, syncingCount } = simulate((simulation) =>
      Effect.gen(function*() {
        let count = 0
        let most = 0
        yield* startSource(simulation, () =>
          Effect.gen(function*() {
            most = Math.max(most, ++count)
            yield* Effect.sleep("3 seconds")
            count--
            return []
          }))
        const joined = yield* startNode(simulation, "joined", { bootstrap, virtualNodes })
        yield* Effect.sleep("1 minute")
        const ring = yield* joined.ring
        assert.lengthOf(ring, virtualNodes)
        return { most, syncingCount: ring.filter((member) => member.isSyncing).length }
      })
    )

    assert.strictEqual(most, 1)
    assert.strictEqual(syncingCount, 0)
  })

  it.each([["Busy", 40], ["Syncing", 15]])("wait for it while it refuses as %s", (tag, seconds) => {
    const counts = simulate((simulation) =>
      Effect.gen(function*() {
        let isOver = false
        yield* startSource(simulation, () => isOver ? [] : new CallRefused(tag, "not now"))
        const joined = yield* startNode(simulation, "joined", { bootstrap, virtualNodes })
        const syncingCount = Effect.map(joined.ring, (ring) => ring.filter((member) => member.isSyncing).length)
        yield* Effect.sleep(1000 * seconds)
        const before = yield* syncingCount
        isOver = true
        yield* Effect.sleep("10 seconds")
        return { before, after: yield* syncingCount }
      })
    )

    assert.deepStrictEqual(counts, { before: virtualNodes, after: 0 })
  })

  it("do not wait one after the other for one that is silent", () => {
    const syncingCount = simulate((simulation) =>
      Effect.gen(function*() {
        yield* startSource(simulation, () => Effect.never)
        const joined = yield* startNode(simulation, "joined", { bootstrap, virtualNodes: 32 })
        yield* Effect.sleep("3 minutes")
        return (yield* joined.ring).filter((member) => member.isSyncing).length
      })
    )

    assert.strictEqual(syncingCount, 0)
  })

  it("do not wait long for one that was away and is new itself: it may wait for them", () => {
    const syncingCount = simulate((simulation) =>
      Effect.gen(function*() {
        let count = 0
        yield* startSource(simulation, () => count++ === 0 ? Effect.never : new CallRefused("Syncing", "not now"))
        const joined = yield* startNode(simulation, "joined", { bootstrap })
        yield* Effect.sleep("25 seconds")
        return (yield* joined.ring).filter((member) => member.isSyncing).length
      })
    )

    assert.strictEqual(syncingCount, 0)
  })

  it("say that nothing came, and of no key that it is not set, until something does", () => {
    const { after, before, failures } = simulate((simulation) =>
      Effect.gen(function*() {
        let isOver = false
        const answer = () => isOver ? [] : new CallRefused("Failed", "the disk is gone")
        yield* startSource(simulation, answer, answer)
        const joined = yield* startNode(simulation, "joined")
        let failures = 0
        yield* Effect.forkScoped(Stream.runForEach(joined.events, (event) =>
          Effect.sync(() => {
            if (event._tag === "TakeOverFailed" && event.error.message.includes("the disk is gone")) failures++
          })))
        yield* joined.join("source:5555")
        yield* Effect.sleep("5 minutes")
        const before = yield* Effect.result(joined.get("key"))
        isOver = true
        yield* Effect.sleep("10 seconds")
        return { failures, before, after: [yield* joined.get("key"), (yield* joined.ring)[0]!.isSyncing] }
      })
    )

    assert.strictEqual(failures, 1)
    assert.isTrue(Result.isFailure(before))
    assert.deepStrictEqual(after, [Option.none(), false])
  })

  it("end with it where nobody else is left", () => {
    const isSyncing = simulate((simulation) =>
      Effect.gen(function*() {
        yield* startSource(simulation, () => new CallRefused("Failed", "the disk is gone"))
        const joined = yield* startNode(simulation, "joined", { bootstrap })
        yield* Effect.sleep("2 seconds")
        yield* simulation.crash("source")
        yield* Effect.sleep("3 minutes")
        return (yield* joined.ring)[0]!.isSyncing
      })
    )

    assert.isFalse(isSyncing)
  })
})
