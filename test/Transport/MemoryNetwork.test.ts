import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { VirtualClock } from "../../src/Layers/Simulation/VirtualClock.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork, type MemoryNetworkOptions } from "../../src/Transport/MemoryNetwork.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import { transportSuite } from "../compliance/transport.ts"
import { whileTimePasses } from "../utils/MeshNetwork.ts"

const oneHost = (options: MemoryNetworkOptions) =>
  Layer.provideMerge(MemoryNetwork.transport("here"), MemoryNetwork.layer(options))

const connectionCount = Effect.flatMap(MemoryNetwork, (network) => network.connectionCount)

const options: ReadonlyArray<readonly [string, MemoryNetworkOptions]> = [
  ["without latency", {}],
  ["with latency", { latency: "7 millis" }],
  ["with a small window", { latency: "1 millis", windowBytes: 5000 }]
]

describe.each(options)("MemoryNetwork %s", (_, options) => {
  transportSuite({
    test: (name, body) =>
      it.effect(name, () => whileTimePasses(Effect.scoped(body)).pipe(Effect.provide(oneHost(options)))),
    host: "here",
    windowBytes: (options.windowBytes ?? 262_144) - 1,
    openCount: connectionCount
  })
})

describe.each(options)("MemoryNetwork on a virtual clock %s", (_, options) => {
  transportSuite({
    test: (name, body) =>
      it(name, () => {
        const exit = new VirtualClock().run(Effect.scoped(body).pipe(Effect.provide(oneHost(options))))
        assert.deepStrictEqual(exit, Exit.void)
      }),
    host: "here",
    windowBytes: (options.windowBytes ?? 262_144) - 1,
    openCount: connectionCount
  })
})

const address = new PeerAddress({ host: "there", port: 4444 })

/** A connection from `here` to another host, by its two ends. */
const connectTo = Effect.fnUntraced(function*(host: string) {
  const address = new PeerAddress({ host, port: 4444 })
  const network = yield* MemoryNetwork
  const listener = yield* network.transport(host).listen(address)
  const accepted = yield* Deferred.make<Connection>()
  yield* Effect.forkScoped(
    listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  )
  const dialed = yield* whileTimePasses(network.transport("here").dial(address))
  return { dialed, accepted: yield* whileTimePasses(Deferred.await(accepted)) }
})

const connect = connectTo("there")

describe("MemoryNetwork", () => {
  it.effect("takes a round trip to dial, and the latency to deliver", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const listener = yield* network.transport("there").listen(address)
      const arrived = yield* Deferred.make<Uint8Array>()
      yield* Effect.forkScoped(listener.serve((connection) =>
        Effect.flatMap(Effect.orDie(Stream.runHead(connection.incoming)), (chunk) =>
          Deferred.succeed(arrived, chunk._tag === "Some" ? chunk.value : new Uint8Array()))
      ))

      const dialing = yield* Effect.forkChild(network.transport("here").dial(address))
      yield* TestClock.adjust("199 millis")
      assert.isUndefined(dialing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const connection = yield* Fiber.join(dialing)

      yield* connection.send([Uint8Array.of(1)])
      yield* TestClock.adjust("99 millis")
      assert.isFalse(yield* Deferred.isDone(arrived))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Deferred.await(arrived), Uint8Array.of(1))
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ latency: "100 millis" }))))

  it.effect("breaks the connections of a host that crashes, at both ends", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const { accepted, dialed } = yield* connect
      yield* dialed.send([Uint8Array.of(1)])
      const ends = yield* Effect.forEach(
        [accepted, dialed],
        (connection) => Effect.forkChild(Effect.flip(Stream.runDrain(connection.incoming)), { startImmediately: true })
      )

      yield* network.crash("there")
      yield* TestClock.adjust("100 millis")
      const errors = yield* Effect.forEach(ends, Fiber.join)

      assert.deepStrictEqual(errors.map((error) => error.clean), [false, false])
      assert.isFalse((yield* Effect.flip(dialed.send([Uint8Array.of(2)]))).clean)
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ latency: "100 millis" }))))

  it.effect("lets nobody dial a host that crashed, nor that host anybody", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      yield* network.transport("there").listen(address)
      yield* network.transport("here").listen(new PeerAddress({ host: "here", port: 1 }))

      yield* network.crash("there")
      const inward = yield* Effect.flip(network.transport("here").dial(address))
      const outward = yield* Effect.flip(
        network.transport("there").dial(new PeerAddress({ host: "here", port: 1 }))
      )

      assert.deepStrictEqual([inward.kind, outward.kind], ["Refused", "Refused"])
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))

  it.effect("makes no connection of what a host dialed before it crashed, though it is up again", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      yield* network.transport("there").listen(address)
      const dial = network.transport("here").dial(address)
      const before = yield* Effect.forkScoped(Effect.flip(dial), { startImmediately: true })

      yield* network.crash("here")
      yield* network.revive("here")
      const after = yield* Effect.forkScoped(dial, { startImmediately: true })
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* Fiber.join(before)).kind, "Refused")
      yield* Fiber.join(after)
      assert.strictEqual(yield* network.connectionCount, 1)
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ latency: "100 millis" }))))

  it.effect("counts a connection until both ends have closed it", () =>
    Effect.gen(function*() {
      const network = yield* MemoryNetwork
      const done = yield* Deferred.make<void>()
      const listener = yield* network.transport("there").listen(address)
      yield* Effect.forkScoped(listener.serve(() => Deferred.await(done)))

      const counts = yield* Effect.scoped(
        Effect.andThen(network.transport("here").dial(address), network.connectionCount)
      )
      const halfClosed = yield* network.connectionCount
      yield* Deferred.succeed(done, undefined)
      yield* TestClock.adjust("1 millis")

      assert.deepStrictEqual([counts, halfClosed, yield* network.connectionCount], [1, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))

  it.effect("carries bytes down a line of hosts that pass them on at once, however long it is", () =>
    Effect.gen(function*() {
      const hostCount = 1500
      const arrived = yield* Deferred.make<Uint8Array>()
      let next = (bytes: Uint8Array): Effect.Effect<unknown> => Deferred.succeed(arrived, bytes)
      for (let i = 0; i < hostCount; i++) {
        const { accepted, dialed } = yield* connectTo(`${i}`)
        const onward = next
        yield* Effect.forkScoped(
          Effect.forever(Effect.flatMap(accepted.pull, ([bytes]) => onward(bytes)), { disableYield: true }),
          { startImmediately: true }
        )
        next = (bytes) => Effect.sync(() => dialed.sendNow?.(bytes))
      }

      yield* next(Uint8Array.of(7))
      const bytes = yield* Deferred.await(arrived)

      assert.deepStrictEqual(bytes, Uint8Array.of(7))
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))

  it.effect("gives each host a transport of its own on one network", () =>
    Effect.gen(function*() {
      const { accepted, dialed } = yield* connect

      assert.strictEqual(accepted.remote.host, "here")
      assert.strictEqual(dialed.remote.host, "there")
      assert.strictEqual((yield* Effect.provide(Transport, MemoryNetwork.transport("x"))).encryption, "Plaintext")
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
})
