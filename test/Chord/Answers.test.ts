import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Answers, OwnAnswer } from "../../src/Chord/internal/Answers.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { simulate, startRing } from "../utils/ChordRing.ts"
import { answerOf, at, bits, member } from "./model/States.ts"

const withHashing = (body: (hashing: Hashing["Service"]) => void) =>
  Effect.map(Hashing, body).pipe(Effect.provide(NodeHashing.layer))

describe("what a member tells of its neighbors", () => {
  it.effect("is nothing to one who knows it already, and all of it once it has changed", () =>
    withHashing((hashing) => {
      const [own, answers] = [new OwnAnswer(), new Answers()]
      const before = member(10, 90, [20, 30], 2)
      const after = member(10, 90, [20, 25], 2)
      const heard = (state: typeof before) => {
        const known = answers.of(at(10))
        const packets = own.tell(state, hashing, known?.digest)
        return { packets: packets.length, answer: answers.read(bits, hashing, at(10), packets, known) }
      }

      assert.deepStrictEqual(heard(before), { packets: 4, answer: answerOf(90, [20, 30]) })
      assert.deepStrictEqual(heard(before), { packets: 0, answer: answerOf(90, [20, 30]) })
      assert.deepStrictEqual(heard(after), { packets: 4, answer: answerOf(90, [20, 25]) })
      assert.deepStrictEqual(heard(after), { packets: 0, answer: answerOf(90, [20, 25]) })
      // The same again is the same, though it was something else meanwhile.
      assert.deepStrictEqual(heard(before), { packets: 4, answer: answerOf(90, [20, 30]) })
    }))

  it.effect("is all of it to one who names no digest, or none that could be one", () =>
    withHashing((hashing) => {
      const own = new OwnAnswer()

      for (const known of [undefined, new Uint8Array(0), new Uint8Array(16), new Uint8Array(1000)]) {
        assert.lengthOf(own.tell(member(10, 90, [20, 30], 2), hashing, known), 4)
      }
    }))

  it.effect("cannot be nothing for one who knows nothing, nor for another member at that place", () =>
    withHashing((hashing) => {
      const answers = new Answers()
      const packets = new OwnAnswer().tell(member(10, 90, [20]), hashing, undefined)
      answers.read(bits, hashing, at(10, "before"), packets, undefined)

      assert.isUndefined(answers.of(at(10, "after")))
      assert.isUndefined(answers.read(bits, hashing, at(10, "after"), [], answers.of(at(10, "after"))))
    }))

  it.effect("is kept of the last sixteen", () =>
    withHashing((hashing) => {
      const answers = new Answers()
      const packets = new OwnAnswer().tell(member(10, 90, [20]), hashing, undefined)
      for (let position = 1; position <= 17; position++) {
        answers.read(bits, hashing, at(position), packets, undefined)
      }

      assert.isUndefined(answers.of(at(1)))
      assert.isDefined(answers.of(at(2)))
      assert.isDefined(answers.of(at(17)))
    }))

  it("goes over the wire at changes alone", () => {
    const longest = (events: ReadonlyArray<{ readonly bytes?: Uint8Array | undefined }>) =>
      Math.max(...events.map(({ bytes }) => bytes?.length ?? 0))
    const [atRest, afterCrash] = simulate((simulation) =>
      Effect.gen(function*() {
        // Nothing but rounds: the answers of lookups are long as well.
        const never = "1 day" as const
        const rounds = { repairInterval: never, fingerInterval: never, probeInterval: never, minSuccessors: 12 }
        yield* startRing(simulation, 24, rounds)
        yield* Effect.sleep("30 seconds")
        const count = simulation.trace.count
        yield* Effect.sleep("10 seconds")
        const restCount = simulation.trace.count - count
        const rest = longest(simulation.trace.events.slice(-restCount))
        yield* simulation.crash("7")
        yield* Effect.sleep("10 seconds")
        return [rest, longest(simulation.trace.events)]
      }), { maxTraceEvents: 10_000 })

    assert.isBelow(atRest!, 400)
    assert.isAbove(afterCrash!, 800)
  })
})
