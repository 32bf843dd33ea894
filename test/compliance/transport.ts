/**
 * What any `Transport` does, as one suite. A new transport adds a test file that calls it with its
 * layer, and passes.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { type Connection, type ConnectionClosed, type Listener, Transport } from "../../src/Transport/Transport.ts"
import { whileTaken } from "../utils/ports.ts"

/** What the suite has to know of a transport. */
export interface TransportSuite<R = never> {
  /** Registers a test; provides the layer, and lets time pass where it is virtual. */
  readonly test: (name: string, body: Effect.Effect<void, unknown, R | Scope.Scope | Transport>) => void
  /** A host that the transport can listen on, with port 0 for any free one. */
  readonly host: string
  /** Bytes that a connection takes while the other end does not read. */
  readonly windowBytes: number
  /** Those of them that it takes at once, if it takes any. Default: all. */
  readonly atOnceBytes?: number
  /** How many connections and listeners are left open. */
  readonly openCount: Effect.Effect<number, never, R>
}

/** More than all buffers between two ends can hold. */
const floodBytes = 48 * 1024 * 1024
const block = new Uint8Array(64 * 1024).fill(7)

/** Byte `index` of the bytes that the tests send. */
const byteAt = (index: number): number => (index * 31 + (index >>> 8) * 7) & 0xff

const pattern = (start: number, count: number): Uint8Array => {
  const out = new Uint8Array(count)
  for (let i = 0; i < count; i++) out[i] = byteAt(start + i)
  return out
}

const chunkSizes = [1, 7, 4093, 65_537, 3, 200_003, 1460]

/** Sends the first `count` bytes of the pattern in odd chunks, now one, now several at once. */
const sendPattern = Effect.fnUntraced(function*(connection: Connection, count: number) {
  for (let start = 0, turn = 0; start < count; turn++) {
    const chunks: Array<Uint8Array> = []
    for (let i = 0; i <= turn % 3 && start < count; i++) {
      const size = Math.min(chunkSizes[(turn + i) % chunkSizes.length]!, count - start)
      chunks.push(pattern(start, size))
      start += size
    }
    yield* connection.send([chunks[0]!, ...chunks.slice(1)])
  }
})

/** Reads until `count` bytes of the pattern came, or to the end; how many did. */
const readPattern = (connection: Connection, count = Number.POSITIVE_INFINITY) =>
  Effect.gen(function*() {
    let received = 0
    yield* connection.incoming.pipe(
      Stream.takeUntil((chunk) => {
        for (const byte of chunk) {
          if (byte !== byteAt(received++)) assert.fail(`byte ${received - 1} is ${byte}`)
        }
        return received >= count
      }),
      Stream.runDrain
    )
    return received
  })

/** Reads to the end; how many bytes came, and how it ended. */
const readToEnd = (connection: Connection) =>
  Effect.gen(function*() {
    let bytes = 0
    const error = yield* Effect.flip(Stream.runForEach(connection.incoming, (chunk) =>
      Effect.sync(() => {
        bytes += chunk.length
      })))
    return { bytes, error }
  }) as Effect.Effect<{ readonly bytes: number; readonly error: ConnectionClosed }>

/** Sends `count` bytes, however long that takes. */
const flood = Effect.fnUntraced(function*(connection: Connection, count = floodBytes) {
  for (let sent = 0; sent < count; sent += block.length) yield* connection.send([block])
})

/** Runs the suite. */
export const transportSuite = <R = never>(suite: TransportSuite<R>): void => {
  const { host, openCount, test, windowBytes, atOnceBytes = windowBytes } = suite
  const anywhere = new PeerAddress({ host, port: 0 })

  const listen = Effect.flatMap(Transport, (transport) => transport.listen(anywhere))

  /** A listener whose connections are served by `handler`; the fiber that serves. */
  const serveWith = Effect.fnUntraced(function*(handler: (connection: Connection) => Effect.Effect<unknown>) {
    const listener = yield* listen
    const fiber = yield* Effect.forkScoped(listener.serve((connection) => Effect.asVoid(handler(connection))))
    return { address: listener.address, fiber }
  })

  /** One connection by its two ends; each is closed by its own effect. */
  const connect = Effect.gen(function*() {
    const transport = yield* Transport
    const accepted = yield* Deferred.make<Connection>()
    const done = yield* Deferred.make<void>()
    const { address, fiber } = yield* serveWith((connection) =>
      Effect.andThen(Deferred.succeed(accepted, connection), Deferred.await(done))
    )
    const scope = yield* Scope.fork(yield* Effect.scope)
    const dialed = yield* Scope.provide(transport.dial(address), scope)
    return {
      address,
      server: fiber,
      dialer: { connection: dialed, close: Scope.close(scope, Exit.void) },
      acceptor: { connection: yield* Deferred.await(accepted), close: Deferred.succeed(done, undefined) }
    }
  })

  const ends = ["dialer", "acceptor"] as const
  const other = { dialer: "acceptor", acceptor: "dialer" } as const

  test(
    "carries bytes whole and in order, both ways at once, in any chunks",
    Effect.gen(function*() {
      const { acceptor, dialer } = yield* connect
      const count = 3_000_001

      const counts = yield* Effect.all([
        sendPattern(dialer.connection, count),
        sendPattern(acceptor.connection, count),
        readPattern(dialer.connection, count),
        readPattern(acceptor.connection, count)
      ], { concurrency: "unbounded" })

      assert.deepStrictEqual(counts.slice(2), [count, count])
    })
  )

  test(
    "keeps connections of one listener apart, also when one of them is stuck",
    Effect.gen(function*() {
      const transport = yield* Transport
      const accepted = yield* Queue.unbounded<Connection>()
      const { address } = yield* serveWith((connection) =>
        Effect.andThen(Queue.offer(accepted, connection), Effect.never)
      )
      const stuck = yield* transport.dial(address)
      yield* Queue.take(accepted)
      yield* Effect.forkScoped(flood(stuck))

      const free = yield* transport.dial(address)
      yield* Effect.forkScoped(sendPattern(free, 500_000))
      const count = yield* readPattern(yield* Queue.take(accepted), 500_000)

      assert.strictEqual(count, 500_000)
    })
  )

  for (const end of ends) {
    test(
      `tells the other end of a clean end after all bytes when the ${end} closes`,
      Effect.gen(function*() {
        const pair = yield* connect
        yield* sendPattern(pair[end].connection, windowBytes)

        yield* Effect.forkChild(pair[end].close)
        const { bytes, error } = yield* readToEnd(pair[other[end]].connection)

        assert.strictEqual(bytes, windowBytes)
        assert.deepInclude(error, { _tag: "ConnectionClosed", clean: true })
      })
    )

    test(
      `delivers what the ${end} sent just before closing, though it left bytes unread itself`,
      Effect.gen(function*() {
        const pair = yield* connect
        const [closer, reader] = [pair[end], pair[other[end]]]
        yield* reader.connection.send([pattern(0, windowBytes)])
        yield* closer.connection.send([pattern(0, windowBytes)])

        yield* Effect.forkChild(closer.close)
        // Time for a reset to arrive, well within the linger.
        yield* Effect.sleep("50 millis")
        const { bytes, error } = yield* readToEnd(reader.connection)

        assert.strictEqual(bytes, windowBytes)
        assert.isTrue(error.clean)
      })
    )

    test(
      `fails what the other end sends after the ${end} closed`,
      Effect.gen(function*() {
        const pair = yield* connect

        yield* Effect.forkChild(pair[end].close)
        const error = yield* Effect.flip(flood(pair[other[end]].connection))

        assert.strictEqual(error._tag, "ConnectionClosed")
      })
    )

    test(
      `fails what the other end sends once it has read that the ${end} closed`,
      Effect.gen(function*() {
        const pair = yield* connect
        const { connection } = pair[other[end]]
        yield* Effect.forkChild(pair[end].close)
        yield* readToEnd(connection)

        const first = yield* Effect.flip(connection.send([pattern(0, 1)]))
        const second = yield* Effect.flip(connection.send([pattern(0, 1)]))

        assert.deepStrictEqual([first._tag, second._tag], ["ConnectionClosed", "ConnectionClosed"])
        assert.isFalse(connection.sendNow?.(pattern(0, 1)) ?? false)
      })
    )

    test(
      `holds the ${end} back while the other end does not read, and lets it go on when it does`,
      Effect.gen(function*() {
        const pair = yield* connect
        const writer = yield* Effect.forkChild(flood(pair[end].connection))

        const early = yield* Effect.timeoutOption(Fiber.join(writer), "400 millis")
        assert.strictEqual(early._tag, "None")

        let received = 0
        yield* pair[other[end]].connection.incoming.pipe(
          Stream.takeUntil((chunk) => (received += chunk.length) >= floodBytes),
          Stream.runDrain
        )
        yield* Fiber.join(writer)
        assert.strictEqual(received, floodBytes)
      })
    )

    test(
      `takes bytes of the ${end} at once, if it can at all, until its window is full, in order with the rest`,
      Effect.gen(function*() {
        const pair = yield* connect
        const { send, sendNow } = pair[end].connection
        if (sendNow === undefined) return
        yield* send([pattern(0, 10)])

        let sent = 10
        for (; sendNow(pattern(sent, 999)); sent += 999) assert.isBelow(sent, floodBytes)
        const writing = yield* Effect.forkChild(send([pattern(sent, 10)]))
        const received = yield* readPattern(pair[other[end]].connection, sent + 10)
        yield* Fiber.join(writing)

        assert.strictEqual(received, sent + 10)
        assert.isAtLeast(sent, atOnceBytes)
        assert.isTrue(sendNow(pattern(received, 1)))
        yield* pair[end].close
        assert.isFalse(sendNow(pattern(received + 1, 1)))
      })
    )

    test(
      `lets the ${end} close within the linger though the other end never reads`,
      Effect.gen(function*() {
        const pair = yield* connect
        const writer = yield* Effect.forkChild(flood(pair[end].connection))
        yield* Effect.timeoutOption(Fiber.join(writer), "200 millis")

        yield* pair[end].close
        const error = yield* Effect.flip(Fiber.join(writer))

        assert.strictEqual(error._tag, "ConnectionClosed")
      })
    )
  }

  test(
    "ends what is read at the end that closes, not as the other end would have",
    Effect.gen(function*() {
      const { dialer } = yield* connect
      const reading = yield* Effect.forkChild(readToEnd(dialer.connection), { startImmediately: true })

      yield* Effect.forkChild(dialer.close)
      const { error } = yield* Fiber.join(reading)

      assert.isFalse(error.clean)
    })
  )

  test(
    "closes accepted connections and interrupts their handlers when serving is interrupted",
    Effect.gen(function*() {
      const transport = yield* Transport
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const { address, fiber } = yield* serveWith(() =>
        Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      )
      const connection = yield* transport.dial(address)
      yield* Deferred.await(started)

      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Deferred.await(interrupted)
      const { bytes, error } = yield* readToEnd(connection)

      assert.deepStrictEqual([bytes, error.clean], [0, true])
    })
  )

  test(
    "serves connections that came before anybody served",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* listen
      const connection = yield* transport.dial(listener.address)
      yield* connection.send([pattern(0, 10)])

      const count = yield* Deferred.make<number>()
      yield* Effect.forkScoped(
        listener.serve((accepted) =>
          Effect.flatMap(Effect.orDie(readPattern(accepted, 10)), (n) => Deferred.succeed(count, n)).pipe(Effect.asVoid)
        )
      )

      assert.strictEqual(yield* Deferred.await(count), 10)
    })
  )

  test(
    "ends connections that nobody has served when the listener closes",
    Effect.gen(function*() {
      const transport = yield* Transport
      const scope = yield* Scope.fork(yield* Effect.scope)
      const listener = yield* Scope.provide(transport.listen(anywhere), scope)
      const connection = yield* transport.dial(listener.address)

      yield* Effect.forkChild(Scope.close(scope, Exit.void))
      const { bytes, error } = yield* readToEnd(connection)

      assert.deepStrictEqual([bytes, error._tag], [0, "ConnectionClosed"])
    })
  )

  test(
    "says Refused, and where, when nobody listens at an address",
    Effect.gen(function*() {
      const transport = yield* Transport
      const gone = yield* Effect.scoped(Effect.map(listen, (listener) => listener.address))

      const error = yield* Effect.flip(transport.dial(gone))

      assert.deepInclude(error, { _tag: "DialError", kind: "Refused" })
      assert.strictEqual(String(error.address), String(gone))
      assert.include(error.message, "nobody listens there")
    })
  )

  test(
    "says InUse, and where, when an address is taken",
    Effect.gen(function*() {
      const transport = yield* Transport
      const { address } = yield* listen

      const error = yield* Effect.flip(transport.listen(address))

      assert.deepInclude(error, { _tag: "ListenError", kind: "InUse" })
      assert.strictEqual(String(error.address), String(address))
      assert.include(error.message, "another program uses that port")
    })
  )

  test(
    "gives each listener on port 0 a port of its own, and its host as it was asked for",
    Effect.gen(function*() {
      const listeners: Array<Listener> = [yield* listen, yield* listen, yield* listen]

      const ports = new Set(listeners.map((listener) => listener.address.port))

      assert.strictEqual(ports.size, 3)
      assert.isFalse(ports.has(0))
      assert.isTrue(listeners.every((listener) => listener.address.host === host))
    })
  )

  test(
    "names the address that was dialed, and the host that dialed",
    Effect.gen(function*() {
      const { acceptor, address, dialer } = yield* connect

      assert.strictEqual(String(dialer.connection.remote), String(address))
      assert.notStrictEqual(String(acceptor.connection.remote), String(address))
      assert.isAbove(acceptor.connection.remote.port, 0)
    })
  )

  test(
    "leaves nothing open, idle or under way, when the scope closes, and frees the address",
    whileTaken(Effect.gen(function*() {
      const before = yield* openCount
      const transport = yield* Transport
      const address = yield* Effect.scoped(Effect.gen(function*() {
        const accepted = yield* Queue.unbounded<Connection>()
        const { address } = yield* serveWith((connection) =>
          Effect.andThen(Queue.offer(accepted, connection), Effect.never)
        )
        for (let i = 0; i < 10; i++) {
          const connection = yield* transport.dial(address)
          yield* Queue.take(accepted)
          if (i === 3) yield* Effect.forkScoped(flood(connection))
        }
        assert.isAtLeast(yield* openCount, before + 10)
        return address
      }))

      // What the test before this one left closing is gone by now, too.
      yield* Effect.repeat(openCount, { until: (count) => count <= before })
      yield* Effect.scoped(transport.listen(address))
    }))
  )
}
