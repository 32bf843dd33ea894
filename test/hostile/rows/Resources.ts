/** Rows of what runs out: connections, descriptors, memory, time. */
import { assert } from "@effect/vitest"
import { Clock, Effect, Queue, Schema } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import * as NodeMesh from "../../../src/Layers/NodeMesh.ts"
import * as Topic from "../../../src/Mesh/Topic.ts"
import { peerCount, socketCount, type SocketNode, start } from "../../compliance/mesh.ts"
import { until } from "../../utils/eventually.ts"
import { whileTimePasses } from "../../utils/MeshNetwork.ts"
import * as Attacker from "../Attacker.ts"
import { assertServes, join, live, reasons, type Row, startField, virtual } from "../Row.ts"

/** A node on loopback that tells sources apart there, and an honest peer from another source than the attackers. */
const startLive = Effect.fnUntraced(function*(options: NodeMesh.NodeMeshOptions = {}) {
  const node = yield* start(NodeMesh.layer({ maxOutboundLinks: 0, limitsLoopback: true, ...options }))
  const honest = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 }))
  yield* honest.mesh.connect(node.mesh.address)
  yield* until("the honest peer is linked", Effect.map(peerCount(node), (count) => count === 1))
  return { node, honest }
})

const serves = Effect.fnUntraced(
  function*({ honest, node }: { readonly node: SocketNode; readonly honest: SocketNode }) {
    const mark = `${yield* node.mesh.broadcast(`node at ${performance.now()}`)}`
    yield* until("the honest peer hears", Effect.sync(() => honest.received.some(({ id }) => id === mark)))
    const back = yield* honest.mesh.broadcast(`honest at ${performance.now()}`)
    yield* until("the node hears", Effect.sync(() => node.received.some(({ id }) => id === back)))
  }
)

export const resources: ReadonlyArray<Row> = [
  live(24, "1000 connects at once, from one host", (isHeavy) =>
    Effect.gen(function*() {
      const field = yield* startLive()
      const begun = performance.now()
      const count = isHeavy ? 1000 : 200
      const sockets = yield* Effect.forEach(
        Array.from({ length: count }),
        () => Attacker.connect(field.node.mesh.address.port, "127.0.0.66"),
        { concurrency: count }
      )
      yield* serves(field)
      const open = Effect.map(Effect.forEach(sockets, ({ isClosed }) => isClosed), (all) =>
        all.filter((is) => !is).length)
      yield* until(
        "all but some are closed",
        Effect.map(open, (left) =>
          left <= 16)
      )
      const millis = performance.now() - begun
      assert.isAtMost((yield* field.node.mesh.stats).pendingHandshakes, 16)
      assert.includeMembers(reasons(field.node), ["TooManyConnects", "SourceFull"])
      // The source is banned by now; others are not.
      const ban = (yield* field.node.mesh.bans)[0]
      assert.deepStrictEqual(ban?.target, { _tag: "Source", source: "127.0.0.66" })
      yield* serves(field)
      return { limit: "maxConnectsPerSource, maxPendingPerSource", millis, note: `${count} connects` }
    })),
  live(25, "connect-close churn", (isHeavy) =>
    Effect.gen(function*() {
      const field = yield* startLive({ limitsLoopback: false })
      const base = yield* socketCount
      const count = isHeavy ? 10_000 : 200
      const begun = performance.now()
      const shake = Attacker.handshake("churn", field.node.mesh.networkId)
      yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (i) =>
          Effect.scoped(Effect.gen(function*() {
            const peer = yield* Attacker.connect(field.node.mesh.address.port, "127.0.0.66")
            if (i % 3 > 0) yield* peer.write(shake)
            if (i % 3 === 2) yield* until("answered", Effect.sync(() => peer.received() > 0 || peer.socket.closed))
          })),
        { concurrency: 16, discard: true }
      )
      yield* until("all sockets are gone", Effect.map(socketCount, (open) => open <= base))
      yield* until("only the honest peer is left", Effect.map(peerCount(field.node), (left) => left === 1))
      assert.strictEqual((yield* field.node.mesh.stats).pendingHandshakes, 0)
      yield* serves(field)
      return { limit: "scopes", millis: performance.now() - begun, note: `${count} cycles` }
    })),
  live(30, "never-reading peer", () =>
    Effect.gen(function*() {
      const options = { maxOutboxBytes: 1_000_000, slowPatience: "100 millis", slowTimeout: "400 millis" } as const
      const field = yield* startLive(options)
      const stuck = yield* Attacker.connect(field.node.mesh.address.port, "127.0.0.66")
      yield* stuck.write(Attacker.handshake("stuck", field.node.mesh.networkId))
      yield* until("linked", Effect.map(peerCount(field.node), (count) => count === 2))
      stuck.socket.pause()
      const begun = performance.now()
      // More than the kernel's buffers and the queue hold together.
      const large = new Uint8Array(200_000)
      for (let i = 0; i < 75; i++) {
        large[0] = i
        yield* field.node.mesh.broadcast(large.slice())
        assert.isAtMost((yield* field.node.mesh.stats).queuedBytes, 3_000_000)
      }
      yield* until("cut", Effect.sync(() => reasons(field.node).includes("TooSlow")))
      const millis = performance.now() - begun
      assert.isAbove((yield* field.node.mesh.stats).droppedOutbound, 0)
      yield* until("others got all", Effect.sync(() => field.honest.received.length >= 75))
      yield* serves(field)
      return { limit: "maxOutboxBytes, slowTimeout", millis }
    })),
  virtual(
    31,
    "slow reader (10 KB/s) during a flood",
    Effect.gen(function*() {
      const field = yield* startField({ maxOutboxBytes: 60_000, slowPatience: "100 millis", slowTimeout: "1 minute" })
      const slow = yield* join(field.node, "10.0.1.1")
      for (let i = 0; i < 100; i++) yield* whileTimePasses(field.node.mesh.broadcast(`${i} ${"x".repeat(5000)}`))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(field.honest.received.length, 100)
      // The whisper waits for room and is not dropped; the newest broadcasts are there, the oldest are not.
      yield* whileTimePasses(field.node.mesh.whisper(slow.id, "for you"))
      yield* TestClock.adjust("30 seconds")
      const texts = slow.received.map(({ payload }) => new TextDecoder().decode(payload[1]).slice(0, 7))
      assert.isTrue(texts.some((one) => one.startsWith("for you")))
      assert.isTrue(texts.some((one) => one.startsWith("99 ")))
      assert.isFalse(texts.some((one) => one.startsWith("50 ")))
      assert.isAbove((yield* field.node.mesh.stats).droppedOutbound, 50)
      yield* assertServes(field)
      return { limit: "maxOutboxBytes: oldest broadcasts go", millis: 100 }
    }),
    { bandwidth: (_from, to) => to === "10.0.1.1" ? 10_000 : 10_000_000, windowBytes: 16_384 }
  ),
  live(41, "reset in the middle of a frame, half-close", () =>
    Effect.gen(function*() {
      const field = yield* startLive()
      const { port } = field.node.mesh.address
      const meet = Effect.fnUntraced(function*(id: string) {
        const peer = yield* Attacker.connect(port, "127.0.0.66")
        yield* peer.write(Attacker.handshake(id, field.node.mesh.networkId))
        yield* until("linked", Effect.map(peerCount(field.node), (count) => count === 2))
        return peer
      })
      const gone = until("left", Effect.map(peerCount(field.node), (count) => count === 1))
      const begun = performance.now()
      const resetting = yield* meet("resets")
      yield* resetting.write(Uint8Array.of(0, 0, 1, 0, 5, 5))
      yield* resetting.reset
      yield* gone
      const ending = yield* meet("ends")
      yield* ending.write(Uint8Array.of(0, 0, 1, 0, 5, 5))
      yield* ending.finish
      yield* gone
      const lost = field.node.events.flatMap((event) =>
        event._tag === "PeerLeft" && event.reason._tag === "ConnectionLost" ? [event.reason.clean] : []
      )
      assert.deepStrictEqual(lost, [false, false])
      yield* serves(field)
      return { limit: "ConnectionLost", millis: performance.now() - begun }
    })),
  live(43, "no descriptors left on our side, port taken", () =>
    Effect.gen(function*() {
      const begun = performance.now()
      const taken = yield* start(NodeMesh.layer())
      const error: { readonly _tag: string } = yield* Effect.flip(
        start(NodeMesh.layer({ port: taken.mesh.address.port }))
      )
      assert.strictEqual(error._tag, "ListenError")
      const starved = yield* startStarved
      const { port } = JSON.parse(yield* Queue.take(starved)) as { readonly port: number }
      const refusal = JSON.parse(yield* Queue.take(starved)) as { readonly dial: string }
      assert.strictEqual(refusal.dial, "DialError")
      yield* Effect.scoped(Effect.gen(function*() {
        for (let i = 0; i < 20; i++) yield* Attacker.connect(port)
      }))
      const honest = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 }))
      yield* until(
        "it accepts again",
        Effect.map(Effect.exit(honest.mesh.connect(`127.0.0.1:${port}`)), (exit) => exit._tag === "Success")
      )
      const escaped = JSON.parse(yield* Queue.take(starved)) as { readonly escaped: ReadonlyArray<string> }
      assert.deepStrictEqual(escaped.escaped, [])
      return { limit: "DialError, the listener goes on", millis: performance.now() - begun }
    })),
  virtual(
    48,
    "shutdown with 10 000 messages queued",
    Effect.gen(function*() {
      const field = yield* startField({ slowPatience: 0 })
      const stuck = yield* join(field.node, "10.0.1.1", { reads: false })
      for (let i = 0; i < 10_000; i++) yield* field.node.mesh.broadcast(`${i} ${"x".repeat(300)}`)
      assert.isAbove((yield* field.node.mesh.stats).queuedBytes, 1_000_000)
      const begun = yield* Clock.currentTimeMillis
      yield* whileTimePasses(field.node.stop)
      const millis = (yield* Clock.currentTimeMillis) - begun
      assert.isAtMost(millis, 1100)
      assert.isAtLeast(field.honest.received.length, 10_000)
      assert.strictEqual(stuck.id, "10.0.1.1")
      return { limit: "drainTimeout", millis }
    }),
    { windowBytes: 65_536 }
  ),
  virtual(
    49,
    "handlers that throw, and that never return",
    Effect.gen(function*() {
      const field = yield* startField({ handlerConcurrency: 4, inboxCapacity: 16, maxOutboundLinks: 0 })
      yield* field.node.mesh.handle("throws", (): Effect.Effect<void> => {
        throw new Error("bad luck")
      })
      yield* field.node.mesh.handle("never", () => Effect.never)
      for (let i = 0; i < 40; i++) {
        yield* whileTimePasses(field.honest.mesh.broadcast(`${i}`, { subFlag: "throws" }))
        yield* whileTimePasses(field.honest.mesh.broadcast(`${i}`, { subFlag: "never" }))
      }
      yield* TestClock.adjust("1 second")
      assert.isAtLeast(field.node.events.filter((event) => event._tag === "HandlerFailed").length, 16)
      assert.isTrue(field.node.events.some((event) => event._tag === "ReaderLagged" && event.reader === "handle never"))
      assert.strictEqual((yield* field.node.mesh.peers).length, 1)
      yield* assertServes(field)
      return { limit: "handlerConcurrency, inboxCapacity", millis: 0 }
    })
  ),
  virtual(
    50,
    "the user sends what cannot be sent",
    Effect.gen(function*() {
      const field = yield* startField({ maxMessageBytes: 10_000 })
      const tooLarge = yield* Effect.flip(field.node.mesh.broadcast(new Uint8Array(10_000)))
      assert.strictEqual(tooLarge._tag, "MessageTooLarge")
      const whispered = yield* Effect.flip(field.node.mesh.whisper(field.honest.mesh.id, new Uint8Array(10_000)))
      assert.strictEqual(whispered._tag, "MessageTooLarge")
      const topic = Topic.make("count", Schema.Int)
      assert.strictEqual((yield* Effect.flip(field.node.mesh.publish(topic, 1.5)))._tag, "SchemaError")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* field.node.mesh.stats).sent, 0)
      assert.deepStrictEqual(field.honest.received, [])
      yield* assertServes(field)
      return { limit: "MessageTooLarge, SchemaError", millis: 0 }
    })
  )
]

/** A node in a process with 60 descriptors; what it prints, line by line. */
const startStarved = Effect.gen(function*() {
  const lines = yield* Queue.unbounded<string>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const command = `ulimit -n 60; exec "${process.execPath}" --conditions=effect-p2p-source "$0"`
      const child = spawn("bash", ["-c", command, `${import.meta.dirname}/../starved.ts`], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      let rest = ""
      child.stdout.setEncoding("utf8").on("data", (part: string) => {
        const parts = (rest + part).split("\n")
        rest = parts.pop() ?? ""
        for (const line of parts) Queue.offerUnsafe(lines, line)
      })
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  return lines
})
