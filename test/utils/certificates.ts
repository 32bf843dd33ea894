/** Authorities, and the certificates that they issue, for nodes of tests. */
import { Effect } from "effect"
import * as crypto from "node:crypto"
import * as NodeCertificate from "../../src/Transport/NodeCertificate.ts"

const dayMillis = 86_400_000

/** A node's certificate and key, as PEM; the options of TLS with an authority. */
export interface Membership {
  readonly mode: "authority"
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** An authority. `admit` gives a new node what it needs; `validDays` from now on, or from then to now when negative. */
export const makeAuthority = Effect.fnUntraced(function*(name: string) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
  const issuer = { name, privateKey }
  const now = Date.now()
  const ca = yield* NodeCertificate.issue({
    name,
    publicKey,
    issuer,
    notBeforeMillis: now - 90 * dayMillis,
    notAfterMillis: now + 90 * dayMillis,
    isAuthority: true
  })
  const admit = Effect.fnUntraced(function*(validDays = 30, trusted = ca) {
    const keys = crypto.generateKeyPairSync("ed25519")
    const cert = yield* NodeCertificate.issue({
      name: "member",
      publicKey: keys.publicKey,
      issuer,
      notBeforeMillis: now + Math.min(-1, validDays) * dayMillis,
      notAfterMillis: now + (validDays > 0 ? validDays : -0.5) * dayMillis
    })
    const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    return { mode: "authority", ca: trusted, cert, key } satisfies Membership
  })
  return { ca, admit }
})
