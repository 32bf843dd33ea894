/** Plain sockets in the hands of an attacker, from source addresses of its choice. */
import { Effect } from "effect"
import * as Net from "node:net"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import * as Ids from "../../src/Protocol/internal/Ids.ts"
import * as MessageCodec from "../../src/Protocol/v04/MessageCodec.ts"

const idText = Ids.idText(Effect.runSync(Effect.provide(Hashing, NodeHashing.layer)))
const text = (value: string) => new TextEncoder().encode(value)

/** A message in its frame, with the right id. */
export const message = (
  type: "broadcast" | "whisper" | "ping",
  sender: string,
  packets: ReadonlyArray<Uint8Array>,
  time = Math.floor(Date.now() / 1000)
): Uint8Array => frame(MessageCodec.encode(MessageCodec.make(idText, type, sender, packets, time)))

/** The handshake of an original node that cannot be dialed. */
export const handshake = (id: string, networkId: string, methods: ReadonlyArray<string> = []): Uint8Array =>
  message("whisper", id, [
    Uint8Array.of(3),
    text(id),
    text(networkId),
    text("[\"0.0.0.0\", 0]"),
    text(JSON.stringify(methods))
  ], 0)

export const broadcast = (id: string, value: string): Uint8Array =>
  message("broadcast", id, [Uint8Array.of(0), text(value)])

/** A connection; ended with the scope. */
export const connect = (port: number, from = "127.0.0.1") =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const socket = Net.createConnection({ host: "127.0.0.1", port, localAddress: from, noDelay: true })
        socket.on("error", () => {})
        socket.once("connect", () => resume(Effect.succeed(socket)))
        socket.once("close", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      let receivedBytes = 0
      socket.on("data", (chunk) => receivedBytes += chunk.length)
      return {
        socket,
        received: () => receivedBytes,
        write: (bytes: Uint8Array) => Effect.sync(() => void socket.write(bytes)),
        isClosed: Effect.sync(() => socket.closed || socket.destroyed),
        finish: Effect.sync(() => void socket.end()),
        reset: Effect.sync(() => void socket.resetAndDestroy()),
        close: Effect.sync(() => void socket.destroy())
      }
    }
  )

/** A port that leads to another one of this machine. */
export const proxyTo = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        const onward = Net.createConnection({ host: "127.0.0.1", port })
        for (const each of [socket, onward]) {
          sockets.add(each)
          each.on("error", () => each.destroy())
        }
        socket.pipe(onward).pipe(socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const close = () => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }
        resume(Effect.succeed({ port: typeof address === "object" && address !== null ? address.port : 0, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ port }) => port))
