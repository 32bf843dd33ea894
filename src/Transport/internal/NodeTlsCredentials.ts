/** What a node shows of itself in TLS, and what it asks of others, for each of the modes. */
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import * as Tls from "node:tls"
import { parse } from "../../Protocol/PeerAddress.ts"
import * as NodeCertificate from "../NodeCertificate.ts"
import * as NodeIdentity from "../NodeIdentity.ts"
import type { NodeTlsOptions } from "../NodeTls.ts"
import { NodeKnownPeers } from "./NodeKnownPeers.ts"
import { placeOf, type TlsMode, type TlsTerms } from "./NodeTlsHandshake.ts"

/** Ready for use: options of Node's for either end, and the terms. */
export interface NodeTlsCredentials extends TlsTerms {
  /** Part of the network id; "SSL" is the original's. */
  readonly encryption: string
  /** The public key that is proven to others. */
  readonly identity: Uint8Array | undefined
  readonly client: Tls.ConnectionOptions
  readonly server: Tls.TlsOptions
}

/** The names of the encryptions, for network ids. */
export const encryptions: Readonly<Record<TlsMode, string>> = {
  compatible: "SSL",
  pinned: "TLS pinned",
  authority: "TLS authority"
}

/** Loads or makes what the options name. */
export const make = (options: NodeTlsOptions): Effect.Effect<NodeTlsCredentials, NodeIdentity.IdentityError> => {
  switch (options.mode ?? "pinned") {
    case "compatible":
      return compatible
    case "pinned":
      return pinned(options)
    case "authority":
      return authority(options)
  }
}

/** A key that means nothing, new for each start; P-256, which every TLS since 1.0 can take. */
const compatible: Effect.Effect<NodeTlsCredentials, NodeIdentity.IdentityError> = Effect.gen(function*() {
  const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
  const cert = yield* NodeCertificate.selfSigned(privateKey)
  const shown = { key: toPem(privateKey), cert }
  const made = credentials("compatible", shown, undefined, undefined)
  // Original clients show none, and must not be asked.
  return { ...made, server: { ...made.server, requestCert: false }, client: { ...made.client, ...noneShown } }
})

const noneShown = { key: undefined, cert: undefined }

const pinned = Effect.fnUntraced(function*({ identity: wanted, pins = {} }: NodeTlsOptions) {
  const identity = wanted === undefined
    ? yield* NodeIdentity.generate
    : typeof wanted === "string"
    ? (yield* NodeIdentity.open(wanted)).identity
    : wanted
  const cert = yield* NodeCertificate.selfSigned(identity.privateKey)
  const known = identity.directory === undefined ? undefined : new NodeKnownPeers(identity.directory)
  const made = credentials("pinned", { key: toPem(identity.privateKey), cert }, identity.publicKey, known)
  return { ...made, pins: new Map(yield* Effect.forEach(Object.entries(pins), toPin)) }
})

const toPin = Effect.fnUntraced(function*([text, print]: readonly [string, string]) {
  const address = parse(text)
  if (address !== undefined) return [placeOf(address), print] as const
  return yield* new NodeIdentity.IdentityError({
    kind: "Invalid",
    path: "pins",
    detail: `${JSON.stringify(text)} is no address: write host:port`
  })
})

const authority = Effect.fnUntraced(function*(options: NodeTlsOptions) {
  const ca = yield* certificates("ca", options.ca)
  const cert = yield* certificates("cert", options.cert)
  const named = yield* given("key", options.key)
  const privateKey = isPem(named)
    ? yield* NodeIdentity.parsePrivateKey(named, "key")
    : yield* NodeIdentity.readPrivateKey(named)
  const certificate = new crypto.X509Certificate(cert)
  if (!certificate.checkPrivateKey(privateKey)) {
    const detail = `the certificate is for ${certificate.subject}`
    return yield* new NodeIdentity.IdentityError({ kind: "Mismatch", path: nameOf(named, "key"), detail })
  }
  const identity = NodeIdentity.toDer(certificate.publicKey)
  const made = credentials("authority", { key: toPem(privateKey), cert, ca }, identity, undefined)
  // Each connection would find out by itself: that the key is too weak, or that what is behind the certificate is none.
  yield* Effect.try({
    try: () => void Tls.createSecureContext(made.server),
    catch: (cause) =>
      new NodeIdentity.IdentityError({
        kind: "Invalid",
        path: nameOf(options.cert ?? "", "cert"),
        detail: refusalOf(cause)
      })
  })
  return made
})

const credentials = (
  mode: TlsMode,
  shown: { readonly key: string; readonly cert: string; readonly ca?: string },
  identity: Uint8Array | undefined,
  known: NodeKnownPeers | undefined
): NodeTlsCredentials => {
  const protocol = `effect-p2p/${mode}`
  const common = {
    ...shown,
    ALPNProtocols: [protocol],
    minVersion: "TLSv1.2",
    // Looked at after the handshake, by `agree`, so that the other end can be told why.
    rejectUnauthorized: false
  } as const
  return {
    mode,
    protocol,
    known,
    pins: new Map(),
    encryption: encryptions[mode],
    identity,
    // Peers are known by their keys; what their hosts are called is of no meaning.
    client: { ...common, checkServerIdentity: () => undefined },
    server: { ...common, requestCert: true }
  }
}

const certificates = Effect.fnUntraced(function*(name: string, value: string | undefined) {
  const named = yield* given(name, value)
  const text = isPem(named) ? named : yield* NodeIdentity.readText(named)
  return yield* Effect.try({
    try: () => {
      void new crypto.X509Certificate(text)
      return text
    },
    catch: () =>
      new NodeIdentity.IdentityError({ kind: "Invalid", path: nameOf(named, name), detail: "no certificate in PEM" })
  })
})

const given = (name: string, value: string | undefined) =>
  value !== undefined ? Effect.succeed(value) : Effect.fail(
    new NodeIdentity.IdentityError({
      kind: "Missing",
      path: name,
      detail: "TLS with an authority needs ca, the authority's certificate, and cert and key, this node's own"
    })
  )

/** What OpenSSL says, without its number. */
const refusalOf = (cause: unknown): string => {
  const said = cause instanceof Error && "reason" in cause ? cause.reason : cause
  return `TLS does not take it and what comes with it (${String(said)})`
}

const isPem = (text: string): boolean => text.includes("-----BEGIN ")

/** Not the key itself. */
const nameOf = (named: string, name: string): string => isPem(named) ? name : named

const toPem = (key: crypto.KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString()
