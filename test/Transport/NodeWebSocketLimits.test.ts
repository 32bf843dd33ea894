import type * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import * as WebSocket from "../../src/Transport/WebSocket.ts"
import { until } from "../utils/eventually.ts"
import { endOf, listen, pair, rawClient, rawServer, readAll, test } from "./WebSocketEnds.ts"

/** Reads messages of any size up to one, and ends with one that is larger. */
const takesMessagesUpTo = (maxBytes: number) =>
  Effect.gen(function*() {
    const { accepted, port } = yield* listen
    const client = yield* rawClient(port)
    const connection = yield* accepted
    for (const size of [1, 0, 3, maxBytes]) client.send(new Uint8Array(size))

    let received = 0
    yield* connection.incoming.pipe(
      Stream.takeUntil((chunk) => (received += chunk.length) >= maxBytes + 4),
      Stream.runDrain
    )
    client.send(new Uint8Array(maxBytes + 1))
    const end = yield* endOf(connection)

    assert.strictEqual(received, maxBytes + 4)
    assert.isFalse(end.clean)
  })

/** The socket of a client that was let in. */
const upgraded = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const request = Http.get(`http://127.0.0.1:${port}`, {
        headers: {
          Connection: "Upgrade",
          Upgrade: "websocket",
          "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
          "Sec-WebSocket-Protocol": WebSocket.subprotocol
        }
      })
      request.once("upgrade", (_response, socket) => {
        socket.on("error", () => {})
        resume(Effect.succeed(socket as Net.Socket))
      })
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Writes some bytes at once, and then single ones, each apart. */
const writeSlowly = (socket: Net.Socket, first: Uint8Array) =>
  Effect.callback<void>((resume) => {
    socket.setNoDelay(true)
    const go = () => {
      if (socket.destroyed) resume(Effect.void)
      else socket.write(Uint8Array.of(0), () => setImmediate(go))
    }
    socket.write(first, go)
    return Effect.sync(() => socket.destroy())
  })

/** Parts of a message, of one byte each; what is sent next is its end. */
const sendParts = (client: NodeWS.WebSocket, count: number): void => {
  for (let i = 0; i < count; i++) client.send(Uint8Array.of(1), { fin: false })
}

/** Sends messages of a size until the other end has had enough. */
const sendUntilClosed = (client: NodeWS.WebSocket, size: number) =>
  Effect.callback<void>((resume) => {
    client.once("close", () => resume(Effect.void))
    const go = () => {
      if (client.readyState === 1) client.send(new Uint8Array(size), () => setImmediate(go))
    }
    go()
  })

describe("NodeWebSocket", () => {
  test(
    "reads bytes from messages of any size up to its bound, and ends a connection with a larger one",
    takesMessagesUpTo(128 * 1024)
  )

  test(
    "takes larger ones where original nodes are, which send all in one",
    takesMessagesUpTo(1024 * 1024),
    NodeWebSocket.layer({ encryption: "ws" })
  )

  test(
    "takes a message in a few parts, and ends a connection that sends one in ever more of them",
    Effect.gen(function*() {
      const { accepted, port } = yield* listen
      const client = yield* rawClient(port)
      const connection = yield* accepted
      sendParts(client, 30)
      client.send(Uint8Array.of(1))

      const [chunk] = yield* connection.pull
      sendParts(client, 40)
      const { bytes, end } = yield* readAll(connection)

      assert.deepStrictEqual([chunk.length, bytes], [31, 0])
      assert.isFalse(end.clean)
    })
  )

  test(
    "ends one that it dialed, and that does the same",
    Effect.gen(function*() {
      const transport = yield* Transport
      const server = yield* rawServer((client) => sendParts(client, 40))

      const connection = yield* transport.dial(server)
      const { bytes, end } = yield* readAll(connection)

      assert.strictEqual(bytes, 0)
      assert.isFalse(end.clean)
    })
  )

  for (const end of ["accepted", "dialed"]) {
    test(
      `tells what it holds of a message that is not whole, over a connection that was ${end}`,
      Effect.gen(function*() {
        const held: Array<number> = []
        const watch = (connection: Connection) => connection.watchHeld?.((bytes) => void held.push(bytes))
        const heldIs = (test: (bytes: number | undefined) => boolean) =>
          until("held", Effect.sync(() => test(held.at(-1))))
        const met = yield* Deferred.make<NodeWS.WebSocket>()
        const connection = end === "accepted"
          ? yield* Effect.gen(function*() {
            const { accepted, port } = yield* listen
            Deferred.doneUnsafe(met, Effect.succeed(yield* rawClient(port)))
            return yield* accepted
          })
          : yield* Effect.flatMap(
            rawServer((client) => Deferred.doneUnsafe(met, Effect.succeed(client))),
            (server) => Effect.flatMap(Transport, (transport) => transport.dial(server))
          )
        const peer = yield* Deferred.await(met)
        watch(connection)
        yield* Effect.forkScoped(readAll(connection))

        peer.send(new Uint8Array(1000))
        peer.send(new Uint8Array(70_000), { fin: false })
        peer.ping(new Uint8Array(100))
        yield* heldIs((bytes) => bytes !== undefined && bytes >= 70_000)
        peer.send(new Uint8Array(300))
        yield* heldIs((bytes) => bytes === 0)
        peer.send(new Uint8Array(1), { fin: false })
        yield* heldIs((bytes) => bytes !== undefined && bytes > 0 && bytes < 100)
      })
    )
  }

  test(
    "ends a connection that sends a message byte by byte",
    Effect.gen(function*() {
      const { accepted, port } = yield* listen
      const socket = yield* upgraded(port)
      const connection = yield* accepted
      const masked = [0x82, 0x80 | 126, 0xff, 0xff, 0, 0, 0, 0]

      yield* Effect.forkScoped(writeSlowly(socket, Uint8Array.from(masked)))
      const { bytes, end } = yield* readAll(connection)

      assert.strictEqual(bytes, 0)
      assert.isFalse(end.clean)
    })
  )

  test(
    "ends a connection that sends empty messages without end, whether anybody reads or not",
    Effect.gen(function*() {
      const { accepted, port } = yield* listen
      const client = yield* rawClient(port)
      const connection = yield* accepted

      yield* sendUntilClosed(client, 0)
      const { bytes, end } = yield* readAll(connection)

      assert.strictEqual(bytes, 0)
      assert.include(end.detail, "empty")
    })
  )

  test(
    "ends one that it dialed, and that does the same among messages of one byte",
    Effect.gen(function*() {
      const transport = yield* Transport
      const server = yield* rawServer((client) => {
        for (let i = 0; i < 100; i++) for (const size of [0, 0, 0, 1]) client.send(new Uint8Array(size))
      })

      const connection = yield* transport.dial(server)
      const { bytes, end } = yield* readAll(connection)

      assert.isAtMost(bytes, 100)
      assert.include(end.detail, "empty")
    })
  )

  test(
    "bears as many empty messages as others, for as long as they come",
    Effect.gen(function*() {
      const { accepted, port } = yield* listen
      const client = yield* rawClient(port)
      const connection = yield* accepted
      for (let i = 0; i < 500; i++) for (const size of [0, 1]) client.send(new Uint8Array(size))

      client.close(1000)
      const { bytes, end } = yield* readAll(connection)

      assert.deepStrictEqual([bytes, end.clean], [500, true])
    })
  )

  test(
    "reads no more than some thousands of the smallest messages while nobody pulls, and then the rest",
    Effect.gen(function*() {
      const count = 60_000
      const { accepted, port } = yield* listen
      const client = yield* rawClient(port)
      const connection = yield* accepted
      yield* Effect.callback<void>((resume) => {
        for (let i = 1; i < count; i++) client.send(Uint8Array.of(1))
        client.send(Uint8Array.of(1), () => resume(Effect.void))
      })

      // Time to read all of them, for one that would.
      yield* Effect.sleep("300 millis")
      const first = yield* connection.pull
      client.close(1000)
      const { bytes, end } = yield* readAll(connection)

      assert.isBelow(first.length, 20_000)
      assert.deepStrictEqual([first.length + bytes, end.clean], [count, true])
    })
  )

  test(
    "closes in order though more came than was read",
    Effect.gen(function*() {
      const transport = yield* Transport
      const code = yield* Deferred.make<number>()
      const server = yield* rawServer((client) => {
        for (let i = 0; i < 60_000; i++) client.send(Uint8Array.of(1))
        client.once("close", (closeCode) => Deferred.doneUnsafe(code, Effect.succeed(closeCode)))
      })

      yield* Effect.scoped(Effect.andThen(transport.dial(server), Effect.sleep("100 millis")))

      assert.strictEqual(yield* Deferred.await(code), 1000)
    })
  )
})

describe("WebSocket", () => {
  test(
    "ends a connection when more comes in than it may hold while nobody reads",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* pair

      for (let i = 0; i < 20; i++) yield* Effect.ignore(accepted.send([new Uint8Array(10_000)]))
      yield* endOf(accepted)
      const { bytes, end } = yield* readAll(dialed)

      assert.include(end.detail, "maxUnreadBytes")
      assert.isAtMost(bytes, 60_000)
    }),
    WebSocket.layer({ maxUnreadBytes: 50_000 })
  )

  test(
    "counts small messages for what they take, and ends a connection of many that nobody reads",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* pair

      for (let i = 0; i < 1000; i++) yield* Effect.ignore(accepted.send([Uint8Array.of(1)]))
      yield* endOf(accepted)
      const { bytes, end } = yield* readAll(dialed)

      assert.include(end.detail, "maxUnreadBytes")
      assert.isAtMost(bytes, 500)
    }),
    WebSocket.layer({ maxUnreadBytes: 50_000 })
  )

  test(
    "counts text that was read no longer",
    Effect.gen(function*() {
      const transport = yield* Transport
      const text = "text, \u00e9".repeat(250)
      const server = yield* rawServer((client) => {
        client.on("message", () => client.send(text))
      })
      const dialed = yield* transport.dial(server)

      for (let i = 0; i < 60; i++) {
        yield* dialed.send([Uint8Array.of(1)])
        const [message] = yield* dialed.pull
        assert.strictEqual(message.length, 2000)
      }
    }),
    WebSocket.layer({ maxUnreadBytes: 50_000 })
  )

  test(
    "ends a connection that sends empty messages without end",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* pair

      for (let i = 0; i < 100; i++) yield* Effect.ignore(accepted.send([new Uint8Array(0)]))
      yield* endOf(accepted)
      const { end } = yield* readAll(dialed)

      assert.include(end.detail, "empty")
    }),
    WebSocket.layer()
  )
})
