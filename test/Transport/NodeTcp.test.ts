import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as Net from "node:net"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { type Connection, type ConnectionClosed, Transport } from "../../src/Transport/Transport.ts"
import { transportSuite } from "../compliance/transport.ts"

const loopback = new PeerAddress({ host: "127.0.0.1", port: 0 })
const tcp = NodeTcp.layer()

/** A listener that keeps what it accepts, and the first of it. */
const acceptor = Effect.gen(function*() {
  const { listen } = yield* Transport
  const listener = yield* listen(loopback)
  const accepted = yield* Deferred.make<Connection>()
  yield* Effect.forkScoped(
    listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  )
  return { address: listener.address, accepted: Deferred.await(accepted) }
})

const isTcp = (resource: string): boolean => resource.startsWith("TCP")

describe("NodeTcp", () => {
  transportSuite({
    test: (name, body) => it.live(name, () => body.pipe(Effect.scoped, Effect.provide(tcp))),
    host: "127.0.0.1",
    windowBytes: 1_000_000,
    // The handles of a closed socket go with the turn of the event loop.
    openCount: Effect.andThen(
      Effect.sleep(1),
      Effect.sync(() => process.getActiveResourcesInfo().filter(isTcp).length)
    )
  })

  it.live("tells an end by reset from a clean one", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(loopback)
      const ended = yield* Deferred.make<ConnectionClosed>()
      yield* Effect.forkScoped(listener.serve((connection) =>
        Stream.runDrain(connection.incoming).pipe(
          Effect.catch((error) => Effect.asVoid(Deferred.succeed(ended, error)))
        )
      ))

      const raw = Net.createConnection({ host: "127.0.0.1", port: listener.address.port })
      raw.once("connect", () => raw.write("some bytes", () => raw.resetAndDestroy()))
      const error = yield* Deferred.await(ended)

      assert.deepInclude(error, { clean: false, detail: "ECONNRESET" })
      assert.include(error.message, "the connection was lost")
    }).pipe(Effect.scoped, Effect.provide(tcp)))

  it.live("fails what is sent after a reset that was read", () =>
    Effect.gen(function*() {
      const { accepted, address } = yield* acceptor
      const raw = Net.createConnection({ host: "127.0.0.1", port: address.port })
      const connection = yield* accepted

      raw.resetAndDestroy()
      yield* Effect.flip(connection.pull)
      const first = yield* Effect.flip(connection.send([Uint8Array.of(1)]))
      const second = yield* Effect.flip(connection.send([Uint8Array.of(1)]))

      assert.deepStrictEqual([first._tag, second._tag], ["ConnectionClosed", "ConnectionClosed"])
    }).pipe(Effect.scoped, Effect.provide(tcp)))

  it.live("has what comes looked at while somebody pulls, and gives what is left to do then", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const { accepted, address } = yield* acceptor
      const dialed = yield* transport.dial(address)
      const connection = yield* accepted
      const looked: Array<string> = []
      const textOf = (chunks: ReadonlyArray<Uint8Array>) => Buffer.concat(chunks).toString()
      connection.intercept?.((chunks) => looked.push(textOf(chunks)) === 1)
      const say = (text: string) => dialed.send([Buffer.from(text)])

      const pulling = yield* Effect.forkScoped(connection.pull, { startImmediately: true })
      yield* say("done")
      yield* Effect.repeat(Effect.sleep(1), { until: () => looked.length === 1 })
      yield* say("left")
      const left = yield* Fiber.join(pulling)
      yield* say("after")
      const after = yield* Effect.delay(connection.pull, "20 millis")

      assert.deepStrictEqual([left, after].map(textOf), ["left", "after"])
      assert.deepStrictEqual(looked.slice(0, 2), ["done", "left"])
    }).pipe(Effect.scoped, Effect.provide(tcp)))

  it.live("closes in order from within a look at what came, though more comes", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(loopback)
      const closed = yield* Deferred.make<void>()
      yield* Effect.forkScoped(listener.serve((connection) =>
        Effect.gen(function*() {
          yield* Effect.ignore(connection.send([Uint8Array.of(1)]))
          const reading = yield* Effect.forkChild(Effect.never)
          const pulling = yield* Effect.forkChild(connection.pull)
          connection.intercept?.(() => {
            reading.interruptUnsafe()
            pulling.interruptUnsafe()
            return false
          })
          yield* Effect.exit(Fiber.join(reading))
        }).pipe(Effect.onExit(() => Deferred.succeed(closed, undefined)))
      ))
      const dialed = yield* transport.dial(listener.address)

      yield* Effect.ignore(dialed.send([new Uint8Array(400_000)]))
      yield* Deferred.await(closed)
      const error = yield* Effect.flip(Stream.runDrain(dialed.incoming))

      assert.isTrue(error.clean)
      // Its scope ends when all connections have: one that reads no more would linger for a minute.
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer({ lingerMillis: 60_000 }))), 10_000)

  it.live("gives what came before a reset, and then the reset", () =>
    Effect.gen(function*() {
      const { accepted, address } = yield* acceptor
      const raw = Net.createConnection({ host: "127.0.0.1", port: address.port })
      const connection = yield* accepted
      yield* Effect.timeoutOption(connection.pull, "20 millis")

      raw.write("last words")
      // So many turns of the event loop, in which they are read.
      yield* Effect.repeat(Effect.sleep(1), { times: 50 })
      raw.resetAndDestroy()
      yield* Effect.repeat(Effect.sleep(1), { times: 50 })
      const chunks = yield* connection.pull
      const error = yield* Effect.flip(connection.pull)

      assert.strictEqual(Buffer.concat(chunks).toString(), "last words")
      assert.deepInclude(error, { clean: false, detail: "ECONNRESET" })
    }).pipe(Effect.scoped, Effect.provide(tcp)))

  it.live("says that this machine has no such address", () =>
    Effect.gen(function*() {
      const transport = yield* Transport

      const error = yield* Effect.flip(transport.listen(new PeerAddress({ host: "192.0.2.1", port: 0 })))

      assert.strictEqual(error.kind, "NoSuchAddress")
    }).pipe(Effect.scoped, Effect.provide(tcp)))

  it.live("ends a dial that is interrupted, or that its scope outlives", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(loopback)
      yield* Effect.forkScoped(listener.serve(() => Effect.never))
      const count = () => process.getActiveResourcesInfo().filter(isTcp).length
      const before = count()

      yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.timeoutOption(Effect.scoped(transport.dial(listener.address)), 0),
        { concurrency: "unbounded" }
      )

      yield* Effect.repeat(Effect.andThen(Effect.sleep(1), Effect.sync(count)), { until: (open) => open <= before })
    }).pipe(Effect.scoped, Effect.provide(tcp)))
})
