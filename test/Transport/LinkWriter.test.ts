import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Link from "../../src/Transport/Link.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import {
  broadcastOf,
  linkOptions,
  make as makePeer,
  ours,
  type ScriptedPeer,
  textsOf,
  wire
} from "../utils/ScriptedPeer.ts"

/** Room for all that a test says, and nothing of it compressed. */
const options: Link.LinkOptions = {
  ...linkOptions,
  maxMessageBytes: 1_000_000,
  maxOutboxBytes: 32_000_000,
  compressFromBytes: Number.MAX_SAFE_INTEGER,
  drainTimeout: "5 seconds"
}

/** A link over a socket with a queue of so many bytes, and its peer, played by the test. */
const linkedWith = Effect.fnUntraced(function*(maxOutboxBytes: number) {
  const transport = yield* Transport
  const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
  const accepted = yield* Deferred.make<Connection>()
  yield* Effect.forkScoped(
    listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  )
  const scope = yield* Scope.fork(yield* Effect.scope)
  const dialed = yield* Scope.provide(transport.dial(listener.address), scope)
  const link = yield* Scope.provide(Link.make(dialed, 1, "outbound", { ...options, maxOutboxBytes }), scope)
  link.acceptMethods(ours)
  const peer = yield* makePeer(yield* Deferred.await(accepted), yield* Protocol)
  return { link, peer, close: Scope.close(scope, Exit.void) }
})

const linked = linkedWith(options.maxOutboxBytes)

const test = (name: string, body: Effect.Effect<void, unknown, Protocol | Scope.Scope | Transport>) =>
  it.live(name, () => body.pipe(Effect.scoped, Effect.provide(Layer.merge(wire, NodeTcp.layer()))))

const numbered = (count: number, size: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${index} `.padEnd(size, "x"))

const saidBy = ({ received }: ScriptedPeer) => received.flatMap(({ says }) => textsOf(says))

describe("a link over a socket", () => {
  test(
    "writes what was queued in the turn in which it is closed",
    Effect.gen(function*() {
      const { close, link, peer } = yield* linked
      const texts = numbered(3, 10)

      for (const text of texts) link.tell(broadcastOf(text))
      yield* close
      yield* peer.ended

      assert.deepStrictEqual(saidBy(peer), texts)
    })
  )

  for (const size of [100, 10_000, 100_000]) {
    test(
      `writes 4 MB of messages of ${size} bytes in order, those that the socket takes at once and those that have to wait`,
      Effect.gen(function*() {
        const { close, link, peer } = yield* linked
        const texts = numbered(Math.ceil(4_000_000 / size), size)

        for (const text of texts) assert.isTrue(link.tell(broadcastOf(text)))
        yield* close
        yield* peer.ended

        assert.deepStrictEqual(saidBy(peer).map((text) => text.length), texts.map((text) => text.length))
        assert.deepStrictEqual(saidBy(peer).map(parseFloat), texts.map((_, index) => index))
        assert.strictEqual(link.outbox.queuedBytes, 0)
      })
    )
  }

  test(
    "writes a block as soon as it is full, and what is left at the end of the turn",
    Effect.gen(function*() {
      const { close, link, peer } = yield* linked
      const queued: Array<boolean> = []

      for (const text of numbered(10, 20_000)) {
        link.tell(broadcastOf(text))
        queued.push(link.outbox.hasFrames)
      }
      yield* close
      yield* peer.ended

      assert.deepStrictEqual(queued, [true, true, true, false, true, true, true, false, true, true])
      assert.deepStrictEqual(saidBy(peer).map(parseFloat), queued.map((_, index) => index))
    })
  )

  test(
    "keeps the order when somebody who waited for room goes on in the middle of what is written",
    Effect.gen(function*() {
      const { close, link, peer } = yield* linkedWith(100_000)
      const texts = [...numbered(1, 40_000), ...numbered(1, 15_000), ...numbered(2, 30_000)].map(
        (text, index) => `${index}${text.slice(1)}`
      )

      for (const text of texts.slice(0, 2)) link.tell(broadcastOf(text))
      assert.isFalse(link.outbox.hasRoom)
      yield* link.outbox.room.await
      for (const text of texts.slice(2)) link.tell(broadcastOf(text))
      yield* close
      yield* peer.ended

      assert.deepStrictEqual(saidBy(peer).map(parseFloat), [0, 1, 2, 3])
      assert.strictEqual(link.outbox.queuedBytes, 0)
    })
  )

  test(
    "writes turn by turn, also behind what had to wait",
    Effect.gen(function*() {
      const { close, link, peer } = yield* linked
      const texts = numbered(300, 20_000)

      for (const [index, text] of texts.entries()) {
        link.tell(broadcastOf(text))
        if (index % 7 === 0) yield* Effect.yieldNow
      }
      yield* close
      yield* peer.ended

      assert.deepStrictEqual(saidBy(peer).map(parseFloat), texts.map((_, index) => index))
    })
  )
})
