import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import * as WebSocket from "../../src/Transport/WebSocket.ts"
import { transportSuite } from "../compliance/transport.ts"
import { standing } from "../utils/ports.ts"
import { listen, loopback, pair, rawClient, test } from "./WebSocketEnds.ts"

/** A key and a certificate for localhost that nobody trusts. */
const pem = readFileSync(new URL("../fixtures/localhost.pem", import.meta.url))

const isTcp = (resource: string): boolean => resource.startsWith("TCP")

/** What an HTTP server answers to an opening handshake with these headers; 101 when it takes it. */
const statusOf = (url: string, headers: Http.OutgoingHttpHeaders) =>
  Effect.callback<number>((resume) => {
    const request = Http.get(url, {
      headers: {
        ...(headers["Connection"] === undefined ? { Connection: "Upgrade", Upgrade: "websocket" } : {}),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        ...headers
      }
    })
    const answered = (response: Http.IncomingMessage) => {
      response.destroy()
      resume(Effect.succeed(response.statusCode ?? 0))
    }
    request.once("response", answered).once("upgrade", answered)
  })

/** Waits until the other end has closed a socket. */
const closed = (socket: Net.Socket) =>
  Effect.callback<void>((resume) => {
    socket.on("error", () => {}).once("close", () => resume(Effect.void)).resume()
  })

/** A web server without WebSockets. */
const website = () => Http.createServer((_request, response) => void response.end("a page"))

/** The HTTP server that was made last for a listener. */
let lastServer: Http.Server | undefined

const offered = { "Sec-WebSocket-Protocol": `chat, ${WebSocket.subprotocol}` }

describe("NodeWebSocket", () => {
  transportSuite({
    test,
    host: "ws://127.0.0.1",
    windowBytes: 200_000,
    openCount: Effect.andThen(
      Effect.sleep(1),
      Effect.sync(() => process.getActiveResourcesInfo().filter(isTcp).length)
    )
  })

  test(
    "takes connections that offer its subprotocol, and no others",
    Effect.gen(function*() {
      const { url } = yield* listen

      assert.strictEqual(yield* statusOf(url, offered), 101)
      assert.strictEqual(yield* statusOf(url, { "Sec-WebSocket-Protocol": "chat" }), 400)
      assert.strictEqual(yield* statusOf(url, {}), 400)
      assert.strictEqual(yield* statusOf(url, { Connection: "close" }), 426)
    })
  )

  test(
    "lets in pages of the origins that it is told, and programs, which have none",
    Effect.gen(function*() {
      const { url } = yield* listen

      assert.strictEqual(yield* statusOf(url, { ...offered, Origin: "https://example.org" }), 101)
      assert.strictEqual(yield* statusOf(url, { ...offered, Origin: "https://example.net" }), 403)
      assert.strictEqual(yield* statusOf(url, offered), 101)
    }),
    NodeWebSocket.layer({ origins: ["https://example.org"] })
  )

  test(
    "goes on listening when the system lets it accept nothing for a while",
    Effect.gen(function*() {
      const { url } = yield* listen

      for (let i = 0; i < 3; i++) lastServer?.emit("error", new Error("accept ENFILE"))

      assert.strictEqual(yield* statusOf(url, offered), 101)
    }),
    NodeWebSocket.layer({ server: () => lastServer = Http.createServer() })
  )

  test(
    "cuts whoever does not come to the point of the opening handshake",
    Effect.gen(function*() {
      const { port } = yield* listen
      const silent = Net.createConnection({ host: "127.0.0.1", port })
      const slow = Net.createConnection({ host: "127.0.0.1", port })
      slow.write("GET / HTTP/1.1\r\n")

      yield* closed(silent)
      yield* closed(slow)
    }),
    NodeWebSocket.layer({ openMillis: 100 })
  )

  test(
    "takes no more connections than it is told, and tells of those",
    Effect.gen(function*() {
      const { port, refused } = yield* listen
      yield* rawClient(port)
      yield* rawClient(port)
      const third = Net.createConnection({ host: "127.0.0.1", port })

      yield* closed(third)
      const { reason, remote } = yield* refused

      assert.deepStrictEqual(reason, { _tag: "Full", limit: 2 })
      assert.strictEqual(remote.host, "ws://127.0.0.1")
    }),
    NodeWebSocket.layer({ maxConnections: 2 })
  )

  test(
    "lets in who comes from elsewhere, when all places are taken by some that stay silent",
    Effect.gen(function*() {
      const { address, port, refused } = yield* listen
      const transport = yield* Transport
      const silent = Effect.callback<Net.Socket>((resume) => {
        const socket = Net.createConnection({ host: "127.0.0.1", port, localAddress: "127.0.0.2" })
        socket.on("error", () => {}).once("connect", () => resume(Effect.succeed(socket)))
      })
      const sockets = [yield* silent, yield* silent]

      yield* transport.dial(address)
      const { reason, remote } = yield* refused
      for (const socket of sockets) socket.destroy()

      assert.deepStrictEqual(reason, { _tag: "Full", limit: 2 })
      assert.strictEqual(remote.host, "ws://127.0.0.2")
    }),
    NodeWebSocket.layer({ maxConnections: 2, openMillis: 60_000 })
  )

  test(
    "lets in who comes from elsewhere, when all places are taken by some that were turned away and stay",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(loopback)
      const isStranger = ({ remote }: Connection) => remote.hostname === "127.0.0.2"
      yield* Effect.forkScoped(listener.serve((one) => isStranger(one) ? Effect.void : Effect.never))
      const { port } = listener.address
      const turnedAway = Effect.callback<Net.Socket>((resume) => {
        const socket = Net.createConnection({ host: "127.0.0.1", port, localAddress: "127.0.0.2" })
        socket.on("error", () => {}).write([
          "GET / HTTP/1.1",
          "Host: 127.0.0.1",
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
          `Sec-WebSocket-Protocol: ${WebSocket.subprotocol}`,
          "\r\n"
        ].join("\r\n"))
        // It hears the other end's farewell, and does not answer it.
        socket.on("data", (bytes) => bytes.includes(0x88) && resume(Effect.succeed(socket)))
      })
      const sockets = [yield* turnedAway, yield* turnedAway]

      yield* Effect.ensuring(
        transport.dial(listener.address),
        Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
    }),
    NodeWebSocket.layer({ maxConnections: 2, lingerMillis: 60_000 })
  )

  test(
    "listens on wss only with a server that has a certificate",
    Effect.gen(function*() {
      const transport = yield* Transport

      const error = yield* Effect.flip(transport.listen(new PeerAddress({ host: "wss://127.0.0.1", port: 0 })))

      assert.strictEqual(error.kind, "Unsupported")
      assert.include(error.message, "a server with a certificate")
    })
  )

  test(
    "listens on wss with one that has",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(new PeerAddress({ host: "wss://127.0.0.1", port: 0 }))
      const accepted = yield* Deferred.make<Connection>()
      yield* Effect.forkScoped(
        listener.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
      )
      const client = new NodeWS.WebSocket(String(listener.address), WebSocket.subprotocol, {
        rejectUnauthorized: false
      })
      client.once("open", () => client.send(Uint8Array.of(1, 2, 3)))

      const connection = yield* Deferred.await(accepted)
      const [chunk] = yield* connection.pull
      const untrusted = yield* Effect.flip(transport.dial(listener.address))

      assert.deepStrictEqual([...chunk], [1, 2, 3])
      assert.strictEqual(connection.remote.scheme, "wss")
      assert.include(untrusted.message, "self-signed certificate")
    }),
    NodeWebSocket.layer({ secureServer: () => Https.createServer({ key: pem, cert: pem }) })
  )

  test(
    "serves a page from the same port",
    Effect.gen(function*() {
      const { url } = yield* listen

      const page = yield* Effect.promise(() => fetch(url).then((response) => response.text()))

      assert.strictEqual(page, "a page")
      assert.strictEqual(yield* statusOf(url, offered), 101)
    }),
    NodeWebSocket.layer({ server: website })
  )

  test(
    "refuses a server that listens already, says what to give, and leaves it to whoever it serves",
    Effect.gen(function*() {
      const transport = yield* Transport
      const port = yield* standing(() => lastServer = website())

      const refusal = (scheme: string) =>
        Effect.flip(transport.listen(new PeerAddress({ host: `${scheme}://127.0.0.1`, port })))

      const errors = yield* Effect.all([refusal("ws"), refusal("wss")])
      const page = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}`).then((response) => response.text()))

      assert.include(errors[0].message, "(webSocket.server) listens already")
      assert.include(errors[1].message, "(webSocket.secureServer) listens already")
      assert.strictEqual(page, "a page")
    }),
    NodeWebSocket.layer({ server: () => lastServer!, secureServer: () => lastServer! as Https.Server })
  )

  test(
    "gives up a dial that nobody answers, and says so",
    Effect.gen(function*() {
      const transport = yield* Transport
      const port = yield* standing(() => Net.createServer())

      const error = yield* Effect.flip(transport.dial(new PeerAddress({ host: "ws://127.0.0.1", port })))

      assert.strictEqual(error.kind, "TimedOut")
    }),
    NodeWebSocket.layer({ dialTimeout: "100 millis" })
  )
})

describe("WebSocket", () => {
  test(
    "dials with the WebSocket of the platform, and has no place to listen",
    Effect.gen(function*() {
      const transport = yield* Transport
      const { accepted, dialed } = yield* pair
      const listener = yield* transport.listen(loopback)
      const error = yield* Effect.flip(transport.listen(new PeerAddress({ host: "ws://127.0.0.1", port: 1 })))

      yield* dialed.send([new Uint8Array([1, 2, 3])])
      const [chunk] = yield* accepted.pull

      assert.deepStrictEqual(Array.from(chunk), [1, 2, 3])
      assert.strictEqual(listener.address.port, 0)
      assert.strictEqual(error.kind, "Unsupported")
    }),
    WebSocket.layer()
  )

  test(
    "holds back what it sends while the other end does not read, and delivers all of it",
    Effect.gen(function*() {
      const { accepted, dialed } = yield* pair
      const count = 400
      let sent = 0
      yield* Effect.forkScoped(
        Effect.repeat(
          Effect.andThen(dialed.send([new Uint8Array(100_000)]), Effect.sync(() => sent++)),
          { times: count - 1 }
        )
      )

      yield* Effect.sleep("300 millis")
      const early = sent
      let received = 0
      yield* accepted.incoming.pipe(
        Stream.takeUntil((chunk) => (received += chunk.length) >= count * 100_000),
        Stream.runDrain
      )

      assert.isBelow(early, count)
      assert.strictEqual(received, count * 100_000)
    }),
    WebSocket.layer()
  )

  test(
    "says that there is no WebSocket of this kind where something else answers",
    Effect.gen(function*() {
      const transport = yield* Transport
      const port = yield* standing(website)

      const error = yield* Effect.flip(transport.dial(new PeerAddress({ host: "ws://127.0.0.1", port })))

      assert.strictEqual(error._tag, "DialError")
    }),
    WebSocket.layer()
  )
})
