/**
 * What can be wrong when a connection is secured by TLS, one name for each cause: the same at both
 * ends, whichever of them found it, in errors, events and on the wire.
 */
import * as Schema from "effect/Schema"

/**
 * The causes.
 *
 * - `PlaintextPeer`: the other end does not speak TLS.
 * - `TlsPeer`: the other end speaks TLS, this one does not.
 * - `OtherTlsMode`: both speak TLS, but not in the same mode.
 * - `NoCertificate`: no certificate was shown where one must be.
 * - `CertificateExpired`: a certificate that is not valid now.
 * - `CertificateForeign`: a certificate that the trusted authority has not issued.
 * - `CertificateUnsuitable`: a certificate whose key cannot be an identity.
 * - `IdentityChanged`: another key than the one that was at that address before.
 * - `TlsFailed`: anything else; the detail tells.
 *
 * Their order is that of their numbers on the wire: new ones go to the end.
 *
 * @category models
 * @since 0.1.0
 */
export const TlsFault = Schema.Literals([
  "PlaintextPeer",
  "TlsPeer",
  "OtherTlsMode",
  "NoCertificate",
  "CertificateExpired",
  "CertificateForeign",
  "CertificateUnsuitable",
  "IdentityChanged",
  "TlsFailed"
])

/**
 * @category models
 * @since 0.1.0
 */
export type TlsFault = typeof TlsFault.Type

/**
 * A connection that was not secured; `by` says which end found the fault with the other.
 *
 * @category models
 * @since 0.1.0
 */
export const TlsRefused = Schema.TaggedStruct("TlsRefused", {
  fault: TlsFault,
  by: Schema.Literals(["here", "there"]),
  detail: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type TlsRefused = typeof TlsRefused.Type

/**
 * A fault that this end found.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refusedHere = (fault: TlsFault, detail = ""): TlsRefused => ({
  _tag: "TlsRefused",
  fault,
  by: "here",
  detail
})

/**
 * Whether a word is the name of a fault.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isTlsFault: (word: string) => word is TlsFault = Schema.is(TlsFault)

/**
 * The fault behind a reason or an error, if that is one.
 *
 * @category getters
 * @since 0.1.0
 */
export const tlsFaultOf = (reason: object): TlsFault | undefined => {
  const word = "fault" in reason ? reason.fault : "kind" in reason ? reason.kind : undefined
  return typeof word === "string" && isTlsFault(word) ? word : undefined
}

const sameAtBothEnds = "use TLS at both ends or at neither"
const sameMode = "compatible, pinned or authority must be the same at both ends"

/** What this end found with the other. */
const foundHere: Readonly<Record<TlsFault, string>> = {
  PlaintextPeer: `the other end does not speak TLS: ${sameAtBothEnds}`,
  TlsPeer: `the other end speaks TLS, this node does not: ${sameAtBothEnds}`,
  OtherTlsMode: `the other end speaks TLS in another mode: ${sameMode}`,
  NoCertificate: "the other end showed no certificate, which this TLS mode needs",
  CertificateExpired: "the certificate of the other end is not valid now; renew it, or set the clocks right",
  CertificateForeign: "the certificate of the other end was not issued by the authority that this node trusts",
  CertificateUnsuitable: "the key of the other end's certificate cannot be an identity, which is an Ed25519 key",
  IdentityChanged:
    "the node at that address has another identity than it should; if that is right, forget the old one " +
    "(p2p identity --identity DIR --forget HOST:PORT) or ask for a new invitation",
  TlsFailed: "the TLS handshake failed"
}

/** What the other end found with this one. */
const foundThere: Readonly<Record<TlsFault, string>> = {
  PlaintextPeer: `the other end speaks TLS, this node does not: ${sameAtBothEnds}`,
  TlsPeer: `the other end does not speak TLS: ${sameAtBothEnds}`,
  OtherTlsMode: `the other end refused the TLS mode of this node: ${sameMode}`,
  NoCertificate: "the other end refused this node, which showed no certificate",
  CertificateExpired: "the other end refused this node's certificate, which is not valid now; renew it, or set the " +
    "clocks right",
  CertificateForeign: "the other end refused this node's certificate, which its authority has not issued",
  CertificateUnsuitable: "the other end refused this node's certificate, whose key cannot be an identity",
  IdentityChanged: "the other end knew another identity at this node's address, and has to forget that first",
  TlsFailed: "the other end gave up the TLS handshake"
}

/**
 * A fault in a sentence a person can act on.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describeTls = ({ by, detail, fault }: Omit<TlsRefused, "_tag">): string => {
  const said = by === "here" ? foundHere[fault] : foundThere[fault]
  return detail === "" ? said : `${said} (${detail})`
}
