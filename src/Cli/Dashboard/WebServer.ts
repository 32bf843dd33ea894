/**
 * A small HTTP server of pages that only read, for the dashboard and for metrics. It answers GET and HEAD
 * on fixed paths and nothing else.
 *
 * Whoever can reach its port can read it, so it listens on 127.0.0.1 unless told otherwise. A page
 * elsewhere must not read it through a visitor's browser: a name in the `Host` header other than
 * `localhost` and the one that the user gave is refused, which is what DNS rebinding comes with, and so are
 * requests that a browser says are for another site.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as net from "node:net"
import { fromParts, PeerAddress } from "../../Protocol/PeerAddress.ts"
import { codeOf, listenErrorKinds } from "../../Transport/internal/SystemErrors.ts"
import { ListenError } from "../../Transport/Transport.ts"

/**
 * What a path gives: its type, and the text or bytes that there are at the time of the request.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebPage {
  readonly type: string
  readonly body: (query: URLSearchParams) => Effect.Effect<string | Uint8Array>
}

/** What strangers may have of the server. */
interface WebServerLimits {
  /** Connections at once; a browser takes six, a scraper one. */
  readonly maxConnections: number
  /**
   * How long nothing may move on a connection, in milliseconds; up to twice that for who takes no more of an answer, and would
   * keep one of few places for ever.
   */
  readonly idleMillis: number
}

/** The page loads nothing from elsewhere, and is shown in no other page. */
const headers = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store"
}

/**
 * Serves pages by their paths until the scope closes; gives where. Fails with `ListenError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function*(
  listen: PeerAddress,
  pages: ReadonlyMap<string, WebPage>,
  { idleMillis, maxConnections }: WebServerLimits = { idleMillis: 20_000, maxConnections: 64 }
): Effect.fn.Return<PeerAddress, ListenError, Scope.Scope> {
  const server = Http.createServer({ maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 10_000 })
  server.maxConnections = maxConnections
  // Whoever asks on without waiting for an answer would have all of them made and kept: a thousand questions are one packet.
  server.maxRequestsPerSocket = 1
  server.timeout = idleMillis
  const { address, serve } = yield* NodeHttpServer.make(() => server, {
    host: listen.hostname,
    port: listen.port,
    disablePreemptiveShutdown: true
  }).pipe(
    Effect.mapError(({ cause }) =>
      new ListenError({ address: listen, kind: listenErrorKinds[codeOf(cause)] ?? "Other", cause })
    )
  )
  // Browsers keep connections open; the node does not wait for them.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  const answer = Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) => respond(request, listen.hostname, pages)
  )
  yield* serve(answer)
  const port = "port" in address ? address.port : listen.port
  return fromParts(listen.host, port) ?? new PeerAddress({ host: listen.host, port })
})

const respond = (
  request: HttpServerRequest.HttpServerRequest,
  named: string,
  pages: ReadonlyMap<string, WebPage>
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const refusal = refuse(request, named)
  if (refusal !== undefined) return Effect.succeed(refusal)
  const [path = "/", query = ""] = request.url.split("?", 2)
  const page = pages.get(path)
  if (page === undefined) return Effect.succeed(plain(404, "There is no such page."))
  return Effect.map(page.body(new URLSearchParams(query)), (body) => {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
    return HttpServerResponse.uint8Array(bytes, { headers, contentType: page.type })
  })
}

const refuse = (
  { headers, method }: HttpServerRequest.HttpServerRequest,
  named: string
): HttpServerResponse.HttpServerResponse | undefined => {
  if (method !== "GET" && method !== "HEAD") return plain(405, "This server only reads: GET and HEAD.")
  if (!isHost(headers["host"] ?? "", named)) {
    return plain(403, "Open this page by its IP address or as localhost: other names are refused.")
  }
  const site = headers["sec-fetch-site"]
  return site === "cross-site" && headers["sec-fetch-mode"] !== "navigate"
    ? plain(403, "This page is not for other sites.")
    : undefined
}

/** An address cannot be rebound, a name can: only names that were meant are taken. */
const isHost = (header: string, named: string): boolean => {
  const host = header.replace(/:\d{1,5}$/, "").replace(/^\[(.*)\]$/, "$1").toLowerCase()
  return host === "localhost" || host === named.toLowerCase() || net.isIP(host) !== 0
}

const plain = (status: number, text: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(`${text}\n`, { status, headers })
