/**
 * X.509 certificates for nodes, written by @peculiar/x509, which is loaded by who makes one: an
 * optional peer dependency. What a certificate says of itself is of no interest to our nodes: they
 * look at its key, its validity and its issuer.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import { IdentityError } from "./NodeIdentity.ts"

const dayMillis = 86_400_000

/** How long the certificates of nodes are valid: as long as those of the original nodes. */
const validDays = 3650

/**
 * What a certificate is to say, and who says so.
 *
 * @category options
 * @since 0.1.0
 */
export interface CertificateOptions {
  /** The common name of its subject. */
  readonly name: string
  readonly publicKey: crypto.KeyObject
  /** Who signs it. */
  readonly issuer: { readonly name: string; readonly privateKey: crypto.KeyObject }
  readonly notBeforeMillis: number
  readonly notAfterMillis: number
  /** Whether it may sign others. Default false. */
  readonly isAuthority?: boolean | undefined
}

/**
 * A certificate as PEM, for Ed25519 and P-256 keys. Fails with `LibraryMissing` when @peculiar/x509 or
 * reflect-metadata is not installed, with `LibraryBroken` when they cannot be loaded.
 *
 * @internal
 * @category constructors
 * @since 0.1.0
 */
export const issue: (options: CertificateOptions) => Effect.Effect<string, IdentityError> = Effect.fnUntraced(function*(
  options
) {
  const x509 = yield* library
  const serial = crypto.randomBytes(16)
  // Positive, and without a leading zero byte: some readers insist on either.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const { isAuthority = false, issuer, name, publicKey } = options
  const certificate = yield* Effect.promise(() =>
    x509.X509CertificateGenerator.create({
      serialNumber: serial.toString("hex"),
      subject: `CN=${name}`,
      issuer: `CN=${issuer.name}`,
      // Whole seconds: what is finer is not written, and must not be.
      notBefore: new Date(Math.floor(options.notBeforeMillis / 1000) * 1000),
      notAfter: new Date(Math.floor(options.notAfterMillis / 1000) * 1000),
      publicKey: publicKey.toCryptoKey(algorithmOf(publicKey), true, ["verify"]),
      signingKey: issuer.privateKey.toCryptoKey(algorithmOf(issuer.privateKey), true, ["sign"]),
      signingAlgorithm: algorithmOf(issuer.privateKey),
      extensions: [new x509.BasicConstraintsExtension(isAuthority, undefined, true)]
    }, crypto.webcrypto)
  )
  return certificate.toString("pem")
})

/**
 * The certificate of a node for its own key, valid from a day ago, for clocks that are behind.
 *
 * @category constructors
 * @since 0.1.0
 */
export const selfSigned = (privateKey: crypto.KeyObject): Effect.Effect<string, IdentityError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    issue({
      name: "effect-p2p",
      publicKey: crypto.createPublicKey(privateKey),
      issuer: { name: "effect-p2p", privateKey },
      notBeforeMillis: now - dayMillis,
      notAfterMillis: now + validDays * dayMillis
    }))

const load = <A>(name: string, run: () => Promise<A>): Effect.Effect<A, IdentityError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      // One of its own packages may be what is missing, or it is there and breaks.
      const isMissing = cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND" &&
        cause.message.includes(`'${name}'`)
      return new IdentityError({
        kind: isMissing ? "LibraryMissing" : "LibraryBroken",
        path: name,
        detail: String(cause)
      })
    }
  })

const library = Effect.andThen(
  load("reflect-metadata", () => import("reflect-metadata")),
  load("@peculiar/x509", () => import("@peculiar/x509"))
)

const algorithmOf = (key: crypto.KeyObject) =>
  key.asymmetricKeyType === "ed25519"
    ? { name: "Ed25519" }
    : { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
