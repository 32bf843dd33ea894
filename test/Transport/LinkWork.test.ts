/** What reading a peer costs: others get their turns between heavy messages, and it is counted. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Layer, type Scope } from "effect"
import * as zlib from "node:zlib"
import { frame } from "../../src/Protocol/Frame.ts"
import { maxPackets, type Message } from "../../src/Protocol/Message.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Link from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { bodyOf } from "../Protocol/manyPackets.ts"
import { connectHosts, linkOptions, wire } from "../utils/ScriptedPeer.ts"

const maxMessageBytes = 2 * 1024 * 1024

/** A link that reads frames which all came at once: its batches, and how many turns another fiber had before each. */
const readAll = Effect.fnUntraced(function*(frames: ReadonlyArray<Uint8Array>) {
  const { accepted, dialed } = yield* connectHosts()
  const link = yield* Link.make(dialed, 1, "outbound", { ...linkOptions, maxMessageBytes })
  yield* Effect.forkScoped(accepted.send([new Uint8Array(Buffer.concat(frames))]), { startImmediately: true })
  let turns = 0
  const batches: Array<{ readonly messages: ReadonlyArray<Message>; readonly turns: number; readonly work: number }> =
    []
  yield* Effect.forkScoped(Effect.forever(Effect.sync(() => turns++)))
  yield* Effect.forkScoped(link.consume((messages) => {
    batches.push({ messages, turns, work: link.takeExtraWork() })
    return undefined
  }))
  const read = () => batches.reduce((sum, { messages }) => sum + messages.length, 0)
  while (read() < frames.length) yield* Effect.yieldNow
  return batches
})

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(Layer.merge(wire, MemoryNetwork.layer()))))

/** Whispers of so many bytes, packed. */
const bombs = (count: number, bytes: number) =>
  Effect.map(Protocol, (protocol) =>
    Array.from({ length: count }, (_, index) =>
      frame(zlib.deflateSync(
        protocol.encode(protocol.make("whisper", "peer", [Uint8Array.of(2), new Uint8Array(bytes)], index))
      ))))

const most = (values: ReadonlyArray<number>): number => values.reduce((a, b) => Math.max(a, b), 0)

describe("Link", () => {
  test(
    "lets others have their turn between packed messages of the largest size",
    Effect.gen(function*() {
      const batches = yield* readAll(yield* bombs(12, maxMessageBytes - 1000))

      assert.isAbove(batches.length, 5)
      assert.isTrue(batches.every(({ turns }, index) => index === 0 || turns > batches[index - 1]!.turns))
    })
  )

  test(
    "reads only so many packets before others have their turn",
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const packed = frame(zlib.deflateSync(bodyOf(protocol, maxPackets)))

      const batches = yield* readAll(Array.from({ length: 40 }, () => packed))

      const counts = batches.map(({ messages }) => messages.reduce((sum, { packetCount }) => sum + packetCount, 0))
      assert.isAtMost(most(counts), 4 * maxPackets)
      assert.isTrue(batches.every(({ turns }, index) => index === 0 || turns > batches[index - 1]!.turns))
    })
  )

  test(
    "reads small messages that came together in one step",
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const small = frame(protocol.encode(protocol.make("whisper", "peer", [Uint8Array.of(2), Uint8Array.of(1)], 0)))

      const batches = yield* readAll(Array.from({ length: 200 }, () => small))

      assert.deepStrictEqual(batches.map(({ messages, work }) => [messages.length, work]), [[200, 0]])
    })
  )

  test(
    "counts what messages cost beyond small ones: what they inflate to, and their packets",
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const [packed] = yield* bombs(1, 1024 * 1024)
      const many = frame(bodyOf(protocol, maxPackets))
      const large = frame(protocol.encode(protocol.make("whisper", "peer", [new Uint8Array(1024 * 1024)], 0)))

      const works = []
      for (const bytes of [packed!, many, large]) works.push((yield* readAll([bytes]))[0]!.work)

      // 8 KiB of what was packed count as a message, and 64 packets; what came as it is paid for its way.
      assert.deepStrictEqual(works, [128, 64, 0])
    })
  )

  test(
    "lets others have their turn while a message comes byte by byte, and counts that",
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const { dialed } = yield* connectHosts()
      const bytes = frame(protocol.encode(protocol.make("whisper", "peer", [new Uint8Array(64 * 1024)], 0)))
      // As a socket hands over what it has read: to whoever waits, at once.
      const unread: Array<Uint8Array> = []
      let hand: ((bytes: Uint8Array) => void) | undefined
      const pull = Effect.callback<Arr.NonEmptyReadonlyArray<Uint8Array>>((resume) => {
        const all = unread.splice(0)
        if (Arr.isReadonlyArrayNonEmpty(all)) resume(Effect.succeed(all))
        else hand = (one) => resume(Effect.succeed([one]))
      })
      const link = yield* Link.make({ ...dialed, intercept: undefined, pull }, 1, "outbound", linkOptions)
      const works: Array<number> = []
      yield* Effect.forkScoped(
        link.consume(() => {
          works.push(link.takeExtraWork())
          return undefined
        }),
        { startImmediately: true }
      )

      for (let index = 0; index < bytes.length; index++) {
        const waiting = hand
        hand = undefined
        if (waiting === undefined) unread.push(bytes.subarray(index, index + 1))
        else waiting(bytes.subarray(index, index + 1))
      }
      const readCount = bytes.length - unread.length
      while (works.length === 0) yield* Effect.yieldNow

      assert.isAtMost(readCount, 1100)
      assert.approximately(works[0]!, bytes.length / 4, 1)
    })
  )

  test(
    "lets others have their turn while small messages are looked at as they come",
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const { dialed } = yield* connectHosts()
      const small = frame(protocol.encode(protocol.make("whisper", "peer", [Uint8Array.of(2), Uint8Array.of(1)], 0)))
      let look: (chunks: Arr.NonEmptyReadonlyArray<Uint8Array>) => boolean = () => true
      const intercepted = { ...dialed, intercept: (by: typeof look) => void (look = by), pull: Effect.never }
      const link = yield* Link.make(intercepted, 1, "outbound", linkOptions)
      yield* Effect.forkScoped(link.consume(() => undefined), { startImmediately: true })

      let count = 1
      while (look([small]) && count < 10_000) count++

      assert.isAtMost(count, 1000)
    })
  )
})
