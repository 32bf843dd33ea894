import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { VirtualClock } from "../../src/Layers/Simulation/VirtualClock.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { LinkClosed } from "../../src/Transport/CloseReason.ts"
import * as Link from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { connectHosts, linkOptions, make as makePeer, ours, whisperOf, wire } from "../utils/ScriptedPeer.ts"

type Body = Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>

/** A link, its peer played by the test, and what the peer's messages said. */
const linked = Effect.gen(function*() {
  const { accepted, dialed } = yield* connectHosts()
  const link = yield* Link.make(dialed, 1, "outbound", linkOptions)
  link.acceptMethods(ours)
  const peer = yield* makePeer(accepted, yield* Protocol)
  const texts: Array<string> = []
  const note = (messages: ReadonlyArray<Message>): void => {
    for (const { payload } of messages) texts.push(new TextDecoder().decode(payload[1]))
  }
  return { link, peer, texts, note }
})

/** With bytes that are looked at in the turn in which they come, and with bytes that a fiber waits for. */
const clocks: ReadonlyArray<readonly [string, (name: string, body: Body) => void]> = [
  ["timers of a virtual clock", (name, body) =>
    it(name, () => {
      const layer = Layer.merge(wire, MemoryNetwork.layer({ latency: "1 millis" }))
      assert.deepStrictEqual(new VirtualClock().run(Effect.scoped(body).pipe(Effect.provide(layer))), Exit.void)
    })],
  ["the test clock", (name, body) =>
    it.effect(name, () =>
      Effect.scoped(body).pipe(
        Effect.race(Effect.forever(Effect.andThen(Effect.yieldNow, TestClock.adjust("1 millis")))),
        Effect.provide(Layer.merge(wire, MemoryNetwork.layer({ latency: "1 millis" })))
      ))]
]

describe.each(clocks)("Link.consume, with %s", (_, test) => {
  test(
    "hands over each message once, in order, and answers pings between them",
    Effect.gen(function*() {
      const { link, note, peer, texts } = yield* linked
      yield* Effect.forkScoped(link.consume((messages) => void note(messages)))

      for (const text of ["one", "two", "three"]) {
        yield* peer.say("whisper", whisperOf(text))
        yield* peer.sync
      }

      assert.deepStrictEqual(texts, ["one", "two", "three"])
    })
  )

  test(
    "does what is due before it hands over what comes next",
    Effect.gen(function*() {
      const { link, note, peer, texts } = yield* linked
      yield* Effect.forkScoped(link.consume((messages) => {
        note(messages)
        return Effect.sleep("1 second")
      }))
      yield* Effect.sleep("10 millis")

      yield* peer.say("whisper", whisperOf("one"))
      yield* Effect.sleep("10 millis")
      yield* peer.say("whisper", whisperOf("two"))
      yield* Effect.sleep("500 millis")
      const early = [...texts]
      yield* Effect.sleep("1 second")

      assert.deepStrictEqual([early, texts], [["one"], ["one", "two"]])
    })
  )

  test(
    "hands over what stands before a broken frame, then fails with what is wrong with it",
    Effect.gen(function*() {
      const { link, note, peer, texts } = yield* linked
      const consuming = yield* Effect.forkScoped(Effect.flip(link.consume((messages) => void note(messages))))
      yield* Effect.sleep("10 millis")

      yield* peer.say("whisper", whisperOf("one"))
      yield* peer.write(Uint8Array.of(0, 0, 0, 1, 7))
      const { reason } = yield* Fiber.join(consuming)

      assert.deepStrictEqual([texts, reason._tag], [["one"], "Malformed"])
    })
  )

  test(
    "fails with the reason that is due",
    Effect.gen(function*() {
      const { link, peer } = yield* linked
      const refused = new LinkClosed({ reason: { _tag: "Stopped" } })
      const consuming = yield* Effect.forkScoped(Effect.flip(link.consume(() => Effect.fail(refused))))
      yield* Effect.sleep("10 millis")

      yield* peer.say("whisper", whisperOf("one"))

      assert.strictEqual(yield* Fiber.join(consuming), refused)
    })
  )

  test(
    "leaves a defect of whoever takes to the fiber that consumes",
    Effect.gen(function*() {
      const { link, peer } = yield* linked
      const consuming = yield* Effect.forkScoped(link.consume(() => {
        throw new Error("broken")
      }))
      yield* Effect.sleep("10 millis")

      yield* peer.say("whisper", whisperOf("one"))
      const exit = yield* Fiber.await(consuming)

      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  test(
    "hands over nothing any more once it is interrupted",
    Effect.gen(function*() {
      const { link, note, peer, texts } = yield* linked
      const consuming = yield* Effect.forkScoped(link.consume((messages) => void note(messages)))
      yield* Effect.sleep("10 millis")
      yield* peer.say("whisper", whisperOf("one"))
      yield* Effect.sleep("10 millis")

      yield* Fiber.interrupt(consuming)
      yield* peer.say("whisper", whisperOf("two"))
      yield* Effect.sleep("10 millis")
      const consumed = [...texts]
      note(yield* link.pull)

      assert.deepStrictEqual([consumed, texts], [["one"], ["one", "two"]])
    })
  )

  test(
    "is not needed: who pulls gets what came meanwhile, and what comes while it waits",
    Effect.gen(function*() {
      const { link, note, peer, texts } = yield* linked
      yield* peer.say("whisper", whisperOf("one"))
      yield* Effect.sleep("10 millis")
      note(yield* link.pull)

      const pulling = yield* Effect.forkScoped(link.pull)
      yield* Effect.sleep("10 millis")
      yield* peer.say("whisper", whisperOf("two"))
      note(yield* Fiber.join(pulling))

      assert.deepStrictEqual(texts, ["one", "two"])
    })
  )
})
