/**
 * How two nodes secure a connection, and what they say to each other then. In the pinned and in the
 * authority mode each end checks the other's certificate and tells its verdict in one byte: 0, or the
 * number of the fault (`TlsFault`). With TLS 1.3 a client is done before the server has seen its
 * certificate: without the verdict it would hear of nothing but an end.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as crypto from "node:crypto"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { fingerprint, toDer } from "../NodeIdentity.ts"
import { hostOf } from "../Source.ts"
import { refusedHere, TlsFault, type TlsRefused } from "../TlsFault.ts"
import type { NodeKnownPeers } from "./NodeKnownPeers.ts"
import { codeOf } from "./SystemErrors.ts"

/** How much the ends ask of each other. */
export type TlsMode = "compatible" | "pinned" | "authority"

/** What a node goes by in its handshakes. */
export interface TlsTerms {
  readonly mode: TlsMode
  /** The name of the mode in the handshake (ALPN); original nodes send none. */
  readonly protocol: string
  readonly known: NodeKnownPeers | undefined
  /** Fingerprints that are wanted at addresses, by `placeOf`. */
  readonly pins: ReadonlyMap<string, string>
}

/** One name for an address, however it is spelt: a pin that is under another one would be no pin. */
export const placeOf = ({ hostname, port }: PeerAddress): string => format({ host: hostOf(hostname), port })

/**
 * Agrees with the other end, once the connection is encrypted; gives the key it proved, which is
 * none in compatible mode. `address`: where it was dialed.
 */
export const agree = Effect.fnUntraced(function*(
  socket: Tls.TLSSocket,
  terms: TlsTerms,
  address: PeerAddress | undefined
): Effect.fn.Return<Uint8Array | undefined, TlsRefused> {
  // Whoever listens to a socket that is gone already hears nothing of its end.
  const gone = refusedHere("TlsFailed", "the other end closed the connection")
  if (terms.mode === "compatible") return socket.destroyed ? yield* refuse(gone) : undefined
  // Whoever names no mode, as original nodes do, does not wait for a verdict either.
  if (socket.alpnProtocol !== terms.protocol) return yield* refuse(refusedHere("OtherTlsMode"))
  const certificate = socket.getPeerX509Certificate()
  const now = yield* Clock.currentTimeMillis
  const fault = faultOf(terms, certificate, socket.authorizationError, now) ??
    (yield* changeOf(terms, certificate, address))
  yield* Effect.sync(() => socket.write(Uint8Array.of(fault === undefined ? 0 : numberOf(fault.fault))))
  if (fault !== undefined || certificate === undefined) {
    return yield* refuse(fault ?? refusedHere("NoCertificate"))
  }
  const verdict = yield* readByte(socket)
  if (verdict !== 0) return yield* refuse(verdictOf(verdict))
  const publicKey = toDer(certificate.publicKey)
  if (address !== undefined && terms.known !== undefined) {
    // A node that cannot write goes on; it only does not remember.
    yield* Effect.catch(terms.known.remember(address, publicKey), (error) => Effect.logWarning(error.message))
  }
  return socket.destroyed ? yield* refuse(gone) : publicKey
})

const refuse = (refused: TlsRefused) => Effect.fail(refused)

const numberOf = (fault: TlsFault): number => TlsFault.literals.indexOf(fault) + 1

const verdictOf = (verdict: number | undefined): TlsRefused => ({
  _tag: "TlsRefused",
  fault: TlsFault.literals[(verdict ?? 0) - 1] ?? "TlsFailed",
  by: "there",
  detail: verdict === undefined ? "it closed the connection" : ""
})

const faultOf = (
  terms: TlsTerms,
  certificate: crypto.X509Certificate | undefined,
  authorizationError: unknown,
  now: number
): TlsRefused | undefined => {
  if (certificate === undefined) return refusedHere("NoCertificate")
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
    return refusedHere("CertificateExpired", `valid from ${certificate.validFrom} to ${certificate.validTo}`)
  }
  if (terms.mode === "pinned") {
    const type = certificate.publicKey.asymmetricKeyType
    return type === "ed25519" ? undefined : refusedHere("CertificateUnsuitable", `this one is ${type}`)
  }
  // Node says so with a code, in an Error or by itself; undefined or null when the chain is sound.
  if (authorizationError === undefined || authorizationError === null) return undefined
  const code = codeOf(authorizationError) || String(authorizationError)
  const isTime = code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID"
  return refusedHere(isTime ? "CertificateExpired" : "CertificateForeign", code)
}

/** Where it cannot be told who was there before, nobody is let in. */
const changeOf = Effect.fnUntraced(function*(
  { known, pins }: TlsTerms,
  certificate: crypto.X509Certificate | undefined,
  address: PeerAddress | undefined
) {
  if (address === undefined || certificate === undefined) return undefined
  const wanted = pins.get(placeOf(address))
  if (wanted !== undefined && wanted !== fingerprint(toDer(certificate.publicKey))) {
    return refusedHere(
      "IdentityChanged",
      `${wanted} was to be there, it is ${fingerprint(toDer(certificate.publicKey))}`
    )
  }
  if (known === undefined) return undefined
  const before = yield* Effect.result(known.at(address))
  if (Result.isFailure(before)) return refusedHere("TlsFailed", before.failure.message)
  const found = fingerprint(toDer(certificate.publicKey))
  if (before.success === undefined || before.success === found) return undefined
  return refusedHere("IdentityChanged", `it was ${before.success}, now it is ${found}`)
})

/** The next byte; undefined when the connection ends before. */
const readByte = (socket: Net.Socket): Effect.Effect<number | undefined, TlsRefused> =>
  Effect.callback((resume) => {
    const look = () => {
      const byte: Uint8Array | null = socket.read(1)
      if (byte !== null) settle(Effect.succeed(byte[0]))
    }
    const ended = () => settle(Effect.succeed(undefined))
    const failed = (error: Error) => settle(refuse(fromError(error)))
    const stop = () => {
      socket.off("readable", look).off("end", ended).off("close", ended).off("error", failed)
    }
    const settle = (result: Effect.Effect<number | undefined, TlsRefused>) => {
      stop()
      resume(result)
    }
    socket.on("readable", look).once("end", ended).once("close", ended).once("error", failed)
    look()
    if (socket.closed) ended()
    return Effect.sync(stop)
  })

/** The first byte that came, which is left to be read; undefined when none does. */
export const peek = (socket: Net.Socket): Effect.Effect<number | undefined> =>
  Effect.callback((resume) => {
    const look = () => {
      const chunk: Uint8Array | null = socket.read()
      if (chunk === null) return
      settle(chunk[0])
      socket.unshift(chunk)
    }
    const ended = () => settle(undefined)
    const stop = () => {
      socket.off("readable", look).off("end", ended).off("close", ended)
    }
    const settle = (first: number | undefined) => {
      stop()
      resume(Effect.succeed(first))
    }
    socket.on("readable", look).once("end", ended).once("close", ended)
    look()
    return Effect.sync(stop)
  })

/** The first byte of whoever begins a TLS handshake. */
export const handshakeRecord = 0x16

/** A record that ends a handshake, "protocol version": what a plaintext node gets, and can recognize. */
export const alertRecord = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70)

/** What went wrong in the handshake, by the code that Node gives it. */
export const fromError = (error: Error): TlsRefused => {
  const code = codeOf(error)
  const known = faults[code]
  if (known !== undefined) return { _tag: "TlsRefused", ...known, detail: "" }
  return refusedHere("TlsFailed", code === "" ? error.message : code)
}

const faults: Readonly<Record<string, Pick<TlsRefused, "fault" | "by">>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: { fault: "PlaintextPeer", by: "here" },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: { fault: "PlaintextPeer", by: "here" },
  ERR_SSL_HTTP_REQUEST: { fault: "PlaintextPeer", by: "here" },
  ERR_SSL_NO_APPLICATION_PROTOCOL: { fault: "OtherTlsMode", by: "here" },
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: { fault: "OtherTlsMode", by: "there" }
}
