/** What people read who dial something else than a node of that kind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as ChildProcess from "node:child_process"
import * as crypto from "node:crypto"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as path from "node:path"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeCertificate from "../../src/Transport/NodeCertificate.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { type DialError, Transport } from "../../src/Transport/Transport.ts"
import { start } from "../compliance/mesh.ts"
import { standing } from "../utils/ports.ts"

/** How a WebSocket to that port fails. */
const dial = (scheme: "ws" | "wss", port: number) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    return yield* Effect.flip(transport.dial(new PeerAddress({ host: `${scheme}://127.0.0.1`, port })))
  }).pipe(Effect.provide(NodeWebSocket.layer()))

const says = (error: DialError, kind: DialError["kind"], words: string) => {
  assert.strictEqual(error.kind, kind)
  assert.include(error.message, words)
  assert.notMatch(error.message, /Error:|\n/)
}

const website = () => Http.createServer((_request, response) => response.writeHead(404).end())

const selfSigned = Effect.gen(function*() {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
  const now = Date.now()
  const cert = yield* NodeCertificate.issue({
    name: "localhost",
    publicKey,
    issuer: { name: "localhost", privateKey },
    notBeforeMillis: now - 3_600_000,
    notAfterMillis: now + 3_600_000
  })
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() }
})

describe("a dial by WebSocket", () => {
  it.live("says that a web server answers", () =>
    Effect.gen(function*() {
      says(yield* dial("ws", yield* standing(website)), "Other", "a web server answers there (status 404)")
    }).pipe(Effect.scoped))

  it.live("says that a node on TCP is there", () =>
    Effect.gen(function*() {
      const { mesh: { address } } = yield* start(NodeMesh.layer())

      says(yield* dial("ws", address.port), "Other", "an address of TCP or TLS has no ws:// before it")
    }).pipe(Effect.scoped))

  it.live("says that the other end has no TLS", () =>
    Effect.gen(function*() {
      says(yield* dial("wss", yield* standing(website)), "PlaintextPeer", "ws:// is for WebSockets without TLS")
    }).pipe(Effect.scoped))

  it.live("says that nobody it trusts has issued the certificate", () =>
    Effect.gen(function*() {
      const own = yield* selfSigned
      const port = yield* standing(() => Https.createServer(own))

      says(yield* dial("wss", port), "CertificateForeign", "NODE_EXTRA_CA_CERTS")
    }).pipe(Effect.scoped))

  it.live("does not say that nobody listens where somebody hangs up", () =>
    Effect.gen(function*() {
      const port = yield* standing(() => Net.createServer((socket) => socket.resetAndDestroy()))

      says(yield* dial("ws", port), "Other", "the other end closed the connection at once")
    }).pipe(Effect.scoped))
})

describe("a node on TCP", () => {
  it.live("says that a WebSocket is there", () =>
    Effect.gen(function*() {
      const port = yield* standing(website)
      const { mesh } = yield* start(NodeMesh.layer())

      const error = yield* Effect.flip(mesh.connect(`127.0.0.1:${port}`))

      assert.include(error.message, "which is HTTP: the address of a WebSocket begins with ws://")
    }).pipe(Effect.scoped))

  it.live("says that a browser has come", () =>
    Effect.gen(function*() {
      const { mesh } = yield* start(NodeMesh.layer())
      const refused = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(mesh.events, (event) => event._tag === "Rejected")),
        { startImmediately: true }
      )

      Http.get({ host: "127.0.0.1", port: mesh.address.port }).on("error", () => {})

      assert.include(JSON.stringify(yield* Fiber.join(refused)), "which is HTTP")
    }).pipe(Effect.scoped))

  it.live("says what to do when the process has no more descriptors", () =>
    Effect.sync(() => {
      const script = path.join(import.meta.dirname, "outOfFiles.ts")
      const node = [process.execPath, "--conditions=effect-p2p-source", script].map((word) => `'${word}'`).join(" ")

      const said = ChildProcess.execFileSync("sh", ["-c", `ulimit -n 64 && ${node}`], { encoding: "utf8" })

      const lines = said.trim().split("\n")
      assert.lengthOf(lines, 4)
      for (const line of lines) assert.match(line, /^could not .*\(EMFILE\): raise its limit, ulimit -n$/)
    }))
})
