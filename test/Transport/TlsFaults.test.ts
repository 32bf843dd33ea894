/** Whatever keeps a connection from being secured, as both ends hear of it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Queue, Scope, Stream } from "effect"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as Tls from "node:tls"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeCertificate from "../../src/Transport/NodeCertificate.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import type { TlsFault } from "../../src/Transport/TlsFault.ts"
import { type Connection, type RefusedConnection, Transport } from "../../src/Transport/Transport.ts"
import { makeAuthority } from "../utils/certificates.ts"
import { eventually } from "../utils/eventually.ts"
import { whileTaken } from "../utils/ports.ts"

const dayMillis = 86_400_000
const greeting = Buffer.from([0, 0, 1, 5, 1, 1, 1, 1])

/** A certificate of nobody's, valid for so many days from now, or until so many days ago. */
const certified = Effect.fnUntraced(function*(kind: "ed25519" | "ec", days: number) {
  const { privateKey, publicKey } = kind === "ec"
    ? crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
    : crypto.generateKeyPairSync("ed25519")
  const now = Date.now()
  const cert = yield* NodeCertificate.issue({
    name: "stranger",
    publicKey,
    issuer: { name: "stranger", privateKey },
    notBeforeMillis: now - 9 * dayMillis,
    notAfterMillis: now + days * dayMillis
  })
  const key = privateKey.export({ type: "pkcs8", format: "pem" })
  return { ALPNProtocols: ["effect-p2p/pinned"], key, cert }
})

const build = <E>(layer: Layer.Layer<Transport, E>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Transport))

/** Listens until the scope closes; what it takes and what it refuses. */
const listen = Effect.fnUntraced(function*<E>(
  layer: Layer.Layer<Transport, E>,
  handler: () => Effect.Effect<void> = () => Effect.never,
  port = 0
) {
  const transport = yield* build(layer)
  const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port }))
  const accepted = yield* Queue.unbounded<Connection>()
  const refused = yield* Queue.unbounded<RefusedConnection>()
  yield* Effect.forkScoped(listener.serve(
    (connection) => Effect.andThen(Queue.offer(accepted, connection), handler()),
    (one) => Queue.offerUnsafe(refused, one)
  ))
  return { address: listener.address, accepted, refused: Effect.map(Queue.take(refused), ({ reason }) => reason) }
})

const dialError = <E>(layer: Layer.Layer<Transport, E>, address: PeerAddress) =>
  Effect.scoped(Effect.flatMap(build(layer), (transport) => Effect.flip(transport.dial(address))))

/** A socket of Node's own, as a stranger would open it. */
const stranger = <S extends Net.Socket>(make: () => S) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = make()
      socket.on("error", () => {})
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** The host of the second of two that dial: the place of whoever made room for the first one is free, too. */
const secondLetIn = Effect.fnUntraced(function*(address: PeerAddress, accepted: Queue.Dequeue<Connection>) {
  const transport = yield* build(pinned)
  yield* transport.dial(address)
  yield* Queue.take(accepted)
  yield* eventually(transport.dial(address))
  const { remote } = yield* Queue.take(accepted)
  return remote.hostname
})

/** One from elsewhere on this machine, that does not see how the other end closes. */
const staying = ({ port }: PeerAddress) =>
  stranger(() => Net.connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2", allowHalfOpen: true }))

/** TLS over that, as far as the handshake. */
const secured = (socket: Net.Socket, certificate: Effect.Success<ReturnType<typeof certified>>) =>
  stranger(() => Tls.connect({ socket, rejectUnauthorized: false, ...certificate }))

const compatible = NodeTls.layer({ mode: "compatible" })
const pinned = NodeTls.layer({ mode: "pinned" })
const member = (validDays?: number) =>
  Layer.unwrap(Effect.map(Effect.flatMap(ours, ({ admit }) => admit(validDays)), NodeTls.layer))
const ours = Effect.runSync(Effect.cached(makeAuthority("ours")))
const foreigner = Layer.unwrap(
  Effect.map(Effect.flatMap(makeAuthority("theirs"), ({ admit }) => admit()), NodeTls.layer)
)

/** One whom we trust with our authority, and who trusts it, but whose certificate is of another. */
const infiltrator = Layer.unwrap(Effect.gen(function*() {
  const { ca } = yield* ours
  const { admit } = yield* makeAuthority("theirs")
  return NodeTls.layer(yield* admit(30, ca))
}))

const directory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "effect-p2p-tls-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

const here = "here"
const there = "there"
type Found = readonly [fault: TlsFault, by: "here" | "there"]
type Secured = Layer.Layer<Transport, NodeIdentity.IdentityError>
type Row = readonly [what: string, listener: Secured, dialer: Secured, dialed: Found, accepted: Found]

const rows: ReadonlyArray<Row> = [
  ["pinned dials compatible", compatible, pinned, ["OtherTlsMode", there], ["OtherTlsMode", here]],
  ["compatible dials pinned", pinned, compatible, ["OtherTlsMode", there], ["OtherTlsMode", here]],
  ["pinned dials authority", member(), pinned, ["OtherTlsMode", there], ["OtherTlsMode", here]],
  ["an expired member dials", member(), member(-2), ["CertificateExpired", there], ["CertificateExpired", here]],
  ["a member dials an expired one", member(-2), member(), ["CertificateExpired", here], ["CertificateExpired", there]],
  ["a foreigner dials a member", member(), infiltrator, ["CertificateForeign", there], ["CertificateForeign", here]],
  ["a member dials a foreigner", infiltrator, member(), ["CertificateForeign", here], ["CertificateForeign", there]],
  ["both are foreign to each other", member(), foreigner, ["CertificateForeign", here], ["CertificateForeign", here]]
]

describe("TLS", () => {
  it.live.each(rows)(
    "tells both ends the cause when %s",
    ([, listener, dialer, dialed, accepted]) =>
      Effect.scoped(Effect.gen(function*() {
        const { address, refused } = yield* listen(listener)

        const error = yield* dialError(dialer, address)
        const reason = yield* refused

        assert.deepStrictEqual([error.kind, error.by], [...dialed])
        assert.include(error.message, String(address))
        assert.deepInclude(reason, { _tag: "TlsRefused", fault: accepted[0], by: accepted[1] })
      }))
  )

  it.live("says what it is when a plaintext node is dialed, and lets that see it, too", () =>
    Effect.gen(function*() {
      const plain = yield* listen(NodeTcp.layer())

      const dialing = yield* Effect.forkChild(dialError(pinned, plain.address))
      const connection = yield* Queue.take(plain.accepted)
      const [seen] = yield* connection.pull
      yield* connection.send([greeting])
      const error = yield* Fiber.join(dialing)

      assert.deepStrictEqual([error.kind, error.by], ["PlaintextPeer", "here"])
      assert.include(error.message, "use TLS at both ends or at neither")
      assert.deepStrictEqual([seen[0], seen[1]], [0x16, 3])
    }).pipe(Effect.scoped))

  it.live("tells of a plaintext node that dials, and answers it with a record that tells what it is", () =>
    Effect.gen(function*() {
      const secure = yield* listen(pinned)

      const raw = yield* stranger(() => Net.connect(secure.address.port, "127.0.0.1"))
      raw.write(greeting)
      const answer = yield* Effect.callback<Buffer>((resume) => {
        raw.once("data", (bytes) => resume(Effect.succeed(bytes)))
      })

      assert.deepStrictEqual([answer[0], answer[1]], [0x15, 3])
      assert.deepInclude(yield* secure.refused, { _tag: "TlsRefused", fault: "PlaintextPeer", by: "here" })
    }).pipe(Effect.scoped))

  it.live("gives up a dial to something that takes the connection and closes it", () =>
    Effect.gen(function*() {
      const plain = yield* listen(NodeTcp.layer(), () => Effect.void)

      const error = yield* dialError(pinned, plain.address)

      assert.deepStrictEqual([error.kind, error.by], ["TlsFailed", "here"])
    }).pipe(Effect.scoped))

  it.live.each(
    [
      ["names no mode", {}, "OtherTlsMode"],
      ["has no certificate", { ALPNProtocols: ["effect-p2p/pinned"] }, "NoCertificate"],
      ["has a key of another kind", { make: certified("ec", 1) }, "CertificateUnsuitable"],
      ["has an old certificate", { make: certified("ed25519", -1) }, "CertificateExpired"],
      ["wants an old TLS", { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }, "TlsFailed"]
    ] as const
  )("lets nobody in pinned mode in who %s", ([, options, fault]) =>
    Effect.gen(function*() {
      const { accepted, address, refused } = yield* listen(pinned)
      const shown = "make" in options ? yield* options.make : options

      yield* stranger(() => Tls.connect({ ...shown, port: address.port, host: "127.0.0.1", rejectUnauthorized: false }))

      assert.deepInclude(yield* refused, { _tag: "TlsRefused", fault, by: "here" })
      assert.strictEqual(yield* Queue.size(accepted), 0)
    }).pipe(Effect.scoped))

  it.live("remembers who was met at an address, over restarts, until told to forget", () =>
    whileTaken(
      Effect.gen(function*() {
        const own = path.join(yield* directory, "own")
        const dialer = NodeTls.layer({ identity: own })
        const scope = yield* Scope.fork(yield* Effect.scope)
        const first = yield* Scope.provide(listen(pinned), scope)
        yield* Effect.scoped(Effect.flatMap(build(dialer), (transport) => transport.dial(first.address)))
        yield* Effect.scoped(Effect.flatMap(build(dialer), (transport) => transport.dial(first.address)))
        yield* Scope.close(scope, Exit.void)
        const second = yield* listen(pinned, undefined, first.address.port)

        const error = yield* dialError(dialer, first.address)
        const reason = yield* second.refused
        const isForgotten = yield* NodeTls.forget(own, first.address)
        const again = yield* Effect.scoped(Effect.flatMap(build(dialer), (transport) => transport.dial(first.address)))

        assert.deepStrictEqual([error.kind, error.by], ["IdentityChanged", "here"])
        assert.include(error.message, `p2p identity --identity DIR --forget HOST:PORT`)
        assert.deepInclude(reason, { _tag: "TlsRefused", fault: "IdentityChanged", by: "there" })
        assert.isTrue(isForgotten)
        assert.isDefined(again.identity)
      }).pipe(Effect.scoped)
    ))

  it.live("remembers who was met at an address, however it is spelt", () =>
    whileTaken(
      Effect.gen(function*() {
        const own = path.join(yield* directory, "own")
        const dialer = NodeTls.layer({ identity: own })
        const scope = yield* Scope.fork(yield* Effect.scope)
        const { address: { port } } = yield* Scope.provide(listen(pinned), scope)
        const at = (host: string) => new PeerAddress({ host, port })
        yield* Effect.scoped(Effect.flatMap(build(dialer), (transport) => transport.dial(at("LocalHost"))))
        yield* Scope.close(scope, Exit.void)
        yield* listen(pinned, undefined, port)

        const error = yield* dialError(dialer, at("localhost"))

        assert.strictEqual(error.kind, "IdentityChanged")
        assert.isTrue(yield* NodeTls.forget(own, at("LOCALhost")))
      }).pipe(Effect.scoped)
    ))

  it.live("does not begin with what it could not use, and says so", () =>
    Effect.gen(function*() {
      const { admit } = yield* makeAuthority("an authority")
      const membership = yield* admit()
      const rubbish = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"
      const key = crypto.createPrivateKey(membership.key)
      const locked = key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" })
        .toString()
      const failing = (change: object) => Effect.flip(Effect.scoped(build(NodeTls.layer({ ...membership, ...change }))))

      const chain = yield* failing({ cert: `${membership.cert}${rubbish}` })
      const encrypted = yield* failing({ key: locked })

      assert.deepInclude(chain, { _tag: "IdentityError", kind: "Invalid", path: "cert" })
      assert.deepInclude(encrypted, { _tag: "IdentityError", kind: "Invalid", path: "key" })
      assert.include(encrypted.message, "it has a passphrase; write it without one")
    }))

  it.live("proves to each end the key of the other, which is the one of its directory", () =>
    Effect.gen(function*() {
      const own = path.join(yield* directory, "own")
      const { accepted, address } = yield* listen(NodeTls.layer({ identity: own }))
      const transport = yield* build(pinned)

      const dialed = yield* transport.dial(address)
      const taken = yield* Queue.take(accepted)

      assert.deepStrictEqual(dialed.identity, (yield* NodeIdentity.open(own)).identity.publicKey)
      assert.deepStrictEqual(taken.identity, transport.identity)
    }).pipe(Effect.scoped))

  it.live("closes who stays silent, and who comes when too many have", () =>
    Effect.gen(function*() {
      const layer = NodeTls.layer({ handshakeTimeout: "300 millis", maxPendingHandshakes: 2 })
      const { address, refused } = yield* listen(layer)

      for (let i = 0; i < 3; i++) yield* stranger(() => Net.connect(address.port, "127.0.0.1"))
      const reasons = [yield* refused, yield* refused, yield* refused]
      const transport = yield* build(pinned)
      const connection = yield* transport.dial(address)

      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["Full", "HandshakeTimeout", "HandshakeTimeout"])
      assert.isDefined(connection.identity)
    }).pipe(Effect.scoped))

  it.live("lets in who comes from elsewhere, when all places are taken by some that stay silent", () =>
    Effect.gen(function*() {
      const { accepted, address, refused } = yield* listen(
        NodeTls.layer({ handshakeTimeout: "1 minute", maxPendingHandshakes: 2 })
      )
      const silent = () => Net.connect({ host: "127.0.0.1", port: address.port, localAddress: "127.0.0.2" })
      for (let i = 0; i < 2; i++) yield* stranger(silent)

      const transport = yield* build(pinned)
      yield* transport.dial(address)
      const { remote } = yield* Queue.take(accepted)
      const reason = yield* refused

      assert.strictEqual(remote.hostname, "127.0.0.1")
      assert.deepStrictEqual(reason, { _tag: "Full", limit: 2 })
    }).pipe(Effect.scoped))

  it.live("has a place again at once where a connection in the middle of its handshake made room", () =>
    Effect.gen(function*() {
      const { accepted, address } = yield* listen(NodeTls.layer({
        handshakeTimeout: "1 minute",
        maxPendingHandshakes: 2,
        maxConnections: 3,
        lingerMillis: 60_000
      }))
      const options = { host: "127.0.0.1", port: address.port, localAddress: "127.0.0.2", rejectUnauthorized: false }
      const certificate = yield* certified("ed25519", 3)
      for (let i = 0; i < 2; i++) {
        const silent = yield* stranger(() => Tls.connect({ ...options, ...certificate }))
        // The verdict on its certificate; it never says one of its own.
        yield* Effect.callback<void>((resume) => void silent.once("data", () => resume(Effect.void)))
      }

      assert.strictEqual(yield* secondLetIn(address, accepted), "127.0.0.1")
    }).pipe(Effect.scoped))

  it.live("tells once of a connection whose handshake took too long, and that makes room as it is closed", () =>
    Effect.gen(function*() {
      const { accepted, address, refused } = yield* listen(
        NodeTls.layer({ handshakeTimeout: "500 millis", maxPendingHandshakes: 2, lingerMillis: 60_000 })
      )
      const certificate = yield* certified("ed25519", 3)
      // They never say their verdict.
      for (let i = 0; i < 2; i++) yield* secured(yield* staying(address), certificate)
      const reasons = [yield* refused, yield* refused]
      const transport = yield* build(pinned)
      yield* transport.dial(address)
      yield* Queue.take(accepted)
      const third = yield* Effect.timeoutOption(refused, "10 millis")

      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["HandshakeTimeout", "HandshakeTimeout"])
      assert.isTrue(Option.isNone(third))
    }).pipe(Effect.scoped))

  for (const what of ["speak no TLS", "are refused"]) {
    it.live(`lets in who comes from elsewhere, when all places are taken by some that ${what} and stay`, () =>
      Effect.gen(function*() {
        const { accepted, address, refused } = yield* listen(
          NodeTls.layer({ maxPendingHandshakes: 2, maxConnections: 3, lingerMillis: 60_000 })
        )
        const certificate = yield* certified("ec", 3)
        for (let i = 0; i < 4; i++) {
          const raw = yield* staying(address)
          if (what === "speak no TLS") raw.write(greeting)
          else yield* secured(raw, certificate)
          yield* refused
        }

        assert.strictEqual(yield* secondLetIn(address, accepted), "127.0.0.1")
      }).pipe(Effect.scoped))
  }

  it.live("lets in who comes from elsewhere, when all places are taken by some that were turned away and stay", () =>
    Effect.gen(function*() {
      const transport = yield* build(
        NodeTls.layer({ maxPendingHandshakes: 2, maxConnections: 3, lingerMillis: 60_000 })
      )
      const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
      const met = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        listener.serve(({ remote: { hostname } }) =>
          Effect.andThen(Queue.offer(met, hostname), hostname === "127.0.0.2" ? Effect.void : Effect.never)
        )
      )
      const certificate = yield* certified("ed25519", 3)
      for (let i = 0; i < 3; i++) {
        const raw = yield* staying(listener.address)
        const socket = yield* secured(raw, certificate)
        // Its verdict.
        socket.write(Uint8Array.of(0))
        const closed = Effect.callback<void>((resume) => void raw.once("close", () => resume(Effect.void)))
        yield* Effect.race(Queue.take(met), closed)
      }

      yield* transport.dial(listener.address)
      yield* eventually(transport.dial(listener.address))

      assert.deepStrictEqual([yield* Queue.take(met), yield* Queue.take(met)], ["127.0.0.1", "127.0.0.1"])
    }).pipe(Effect.scoped))

  it.live("lets many of one host hear its last words when they are closed at once", () =>
    Effect.gen(function*() {
      const parting = yield* Deferred.make<void>()
      const transport = yield* build(NodeTls.layer({ mode: "compatible", maxPendingHandshakes: 2 }))
      const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
      const met = yield* Queue.unbounded<void>()
      yield* Effect.forkScoped(listener.serve((connection) =>
        Queue.offer(met, undefined).pipe(
          Effect.andThen(Deferred.await(parting)),
          Effect.andThen(Effect.ignore(connection.send([greeting])))
        )
      ))
      const connections: Array<Connection> = []
      for (let i = 0; i < 6; i++) {
        connections.push(yield* transport.dial(listener.address))
        yield* Queue.take(met)
        // Nobody reads it: a connection that is cut with that in it is reset.
        yield* connections[i]!.send([greeting])
      }
      yield* Deferred.succeed(parting, undefined)
      const ends = yield* Effect.forEach(connections, ({ incoming }) => Effect.flip(Stream.runDrain(incoming)), {
        concurrency: "unbounded"
      })

      assert.deepStrictEqual(ends.map(({ detail }) => detail), Array.from(ends, () => "closed"))
    }).pipe(Effect.scoped))

  it.live("takes no more connections than it is told, those that it is closing included", () =>
    Effect.gen(function*() {
      const layer = NodeTls.layer({ mode: "compatible", maxConnections: 1, lingerMillis: 60_000 })
      const { accepted, address, refused } = yield* listen(layer)
      const transport = yield* build(compatible)
      // It is told that this is TLS, and neither reads that nor closes.
      const lingering = yield* stranger(() =>
        Net.connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true })
      )
      lingering.write(greeting)
      const first = yield* refused

      yield* Effect.flip(Effect.scoped(transport.dial(address)))
      const second = yield* refused
      lingering.destroy()
      yield* eventually(transport.dial(address))
      const { remote } = yield* Queue.take(accepted)

      assert.deepInclude(first, { _tag: "TlsRefused", fault: "PlaintextPeer" })
      assert.deepStrictEqual(second, { _tag: "Full", limit: 1 })
      assert.strictEqual(remote.hostname, "127.0.0.1")
    }).pipe(Effect.scoped))
})
