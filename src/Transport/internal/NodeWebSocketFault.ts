/** What `ws`, HTTP and OpenSSL say of a WebSocket that did not open, in words that tell what to do. */
import { DialError } from "../Transport.ts"
import { inWords } from "./NodeSockets.ts"
import { codeOf } from "./SystemErrors.ts"

/** Certificates that lead to no authority that Node trusts, by OpenSSL's words. */
const foreign: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

/** The same failure, named as the other transports name it. */
export const explain = (error: DialError): DialError => {
  const { cause } = error
  if (!(cause instanceof Error)) return error
  const code = codeOf(cause)
  const because = (kind: DialError["kind"], detail: string): DialError =>
    new DialError({ address: error.address, kind, cause: new Error(detail, { cause }), by: "here" })
  // Somebody took the connection: `Refused` would say that nobody is there.
  if (code === "ECONNRESET") {
    return because("Other", "the other end closed the connection at once: it has too many, or is no WebSocket")
  }
  if (error.kind !== "Other") return error
  if (inWords(cause) !== cause) return new DialError({ address: error.address, kind: "Other", cause: inWords(cause) })
  if (code.startsWith("HPE_")) {
    return because("Other", "no WebSocket answers there: an address of TCP or TLS has no ws:// before it")
  }
  const status = /^Unexpected server response: (\d+)$/.exec(cause.message)?.[1]
  if (status !== undefined) {
    return because(
      "Other",
      `a web server answers there (status ${status}), but not as a WebSocket of this kind: is it the right port, ` +
        "and does a proxy before it pass WebSockets on?"
    )
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return /wrong version number|packet length too long|http request/.test(cause.message)
      ? because("PlaintextPeer", "ws:// is for WebSockets without TLS")
      : because("TlsFailed", cause.message.trim())
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") return because("CertificateExpired", code)
  if (foreign.has(code)) {
    // Without what Node adds: a hint at one of the two ways.
    const said = cause.message.split(";")[0]!
    return because("CertificateForeign", `${said}: NODE_EXTRA_CA_CERTS=FILE adds an authority`)
  }
  return code === "ERR_TLS_CERT_ALTNAME_INVALID" ? because("TlsFailed", cause.message) : error
}
