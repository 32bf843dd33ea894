/** The ends of WebSocket connections for tests, ours and others. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { it } from "@effect/vitest"
import { Deferred, Effect, type Layer, type Scope, Stream } from "effect"
import type * as Net from "node:net"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { type Connection, type RefusedConnection, Transport } from "../../src/Transport/Transport.ts"
import * as WebSocket from "../../src/Transport/WebSocket.ts"

const webSocket = NodeWebSocket.layer()
export const loopback = new PeerAddress({ host: "ws://127.0.0.1", port: 0 })

export const test = (
  name: string,
  body: Effect.Effect<void, unknown, Scope.Scope | Transport>,
  layer: Layer.Layer<Transport> = webSocket
) => it.live(name, () => body.pipe(Effect.scoped, Effect.provide(layer)))

/** A listener whose first connection is given, and the first that it refused. */
export const listen = Effect.gen(function*() {
  const transport = yield* Transport
  const listener = yield* transport.listen(loopback)
  const accepted = yield* Deferred.make<Connection>()
  const refused = yield* Deferred.make<RefusedConnection>()
  yield* Effect.forkScoped(
    listener.serve(
      (connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never),
      (one) => Deferred.doneUnsafe(refused, Effect.succeed(one))
    )
  )
  const { port } = listener.address
  return {
    address: listener.address,
    port,
    url: `http://127.0.0.1:${port}`,
    accepted: Deferred.await(accepted),
    refused: Deferred.await(refused)
  }
})

/** A client that is none of ours, and speaks the subprotocol. */
export const rawClient = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<NodeWS.WebSocket>((resume) => {
      const client = new NodeWS.WebSocket(`ws://127.0.0.1:${port}`, WebSocket.subprotocol)
      client.once("open", () => resume(Effect.succeed(client)))
    }),
    (client) => Effect.sync(() => client.terminate())
  )

/** Reads to the end; how many bytes came, and how it ended. */
export const readAll = Effect.fnUntraced(function*(connection: Connection) {
  let bytes = 0
  const end = yield* Stream.runForEach(connection.incoming, (chunk) => Effect.sync(() => void (bytes += chunk.length)))
    .pipe(Effect.andThen(Effect.never), Effect.flip)
  return { bytes, end }
})

export const endOf = (connection: Connection) => Effect.map(readAll(connection), ({ end }) => end)

/** A server that is none of ours; what it does to each client, and where it is. */
export const rawServer = (greet: (client: NodeWS.WebSocket) => void) =>
  Effect.acquireRelease(
    Effect.callback<NodeWS.WebSocketServer>((resume) => {
      const server = new NodeWS.WebSocketServer({ host: "127.0.0.1", port: 0 })
      server.on("connection", (client) => {
        client.on("error", () => {})
        greet(client)
      })
      server.once("listening", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        for (const client of server.clients) client.terminate()
        server.close()
      })
  ).pipe(Effect.map((server) => {
    const { port } = server.address() as Net.AddressInfo
    return new PeerAddress({ host: "ws://127.0.0.1", port })
  }))

/** A dialed connection to a listener on Node, by its two ends. */
export const pair = Effect.gen(function*() {
  const { accepted, address } = yield* Effect.provide(listen, webSocket)
  const dialed = yield* Effect.flatMap(Transport, (transport) => transport.dial(address))
  return { dialed, accepted: yield* accepted }
})
