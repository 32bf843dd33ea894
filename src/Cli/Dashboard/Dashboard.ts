/**
 * A page that shows a node as it runs: `p2p mesh --dashboard PORT`, or one Layer beside any node.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { Dashboard } from "effect-p2p/dashboard"
 * import { NodeMesh } from "effect-p2p/node"
 *
 * const node = Dashboard.layerMesh({ port: 8080 }).pipe(Layer.provideMerge(NodeMesh.layer({ port: 4444 })))
 *
 * NodeRuntime.runMain(Effect.provide(Effect.never, node))
 * ```
 *
 * It only reads, and listens on 127.0.0.1 unless told otherwise: whoever can reach the port sees ids,
 * addresses, the texts of messages and the names of keys.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Chord } from "../../Chord/Chord.ts"
import { toHost } from "../../Layers/AddressText.ts"
import { Mesh } from "../../Mesh/Mesh.ts"
import { fromParts, PeerAddress } from "../../Protocol/PeerAddress.ts"
import { ListenError } from "../../Transport/Transport.ts"
import * as ChordReport from "../ChordReport.ts"
import * as MeshReport from "../MeshReport.ts"
import { chordState, meshState } from "./DashboardState.ts"
import { Feed } from "./Feed.ts"
import type { ChordState, MeshState, PageState } from "./page/State.ts"
import * as PageFiles from "./PageFiles.ts"
import * as WebServer from "./WebServer.ts"

/**
 * Where the page is served.
 *
 * @category options
 * @since 0.1.0
 */
export interface DashboardOptions {
  /** 0 for any free one, which is logged. Default 8080. */
  readonly port?: number | undefined
  /** Whoever reaches it sees everything. Default 127.0.0.1. */
  readonly host?: string | undefined
}

/**
 * A page for the mesh node in the environment. Fails when it cannot listen there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMesh = (options: DashboardOptions = {}): Layer.Layer<never, ListenError, Mesh> =>
  Layer.effectDiscard(Effect.gen(function*() {
    yield* logWhere(yield* serveMesh(yield* Mesh, yield* toListen(options)))
  }))

/**
 * A page for the chord node in the environment. Fails when it cannot listen there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChord = (options: DashboardOptions = {}): Layer.Layer<never, ListenError, Chord> =>
  Layer.effectDiscard(Effect.gen(function*() {
    yield* logWhere(yield* serveChord(yield* Chord, yield* toListen(options)))
  }))

const logWhere = (address: PeerAddress) => Effect.logInfo(`the dashboard is at http://${address}/`)

const toListen = ({ host = "127.0.0.1", port = 8080 }: DashboardOptions): Effect.Effect<PeerAddress, ListenError> => {
  const address = fromParts(toHost(host), port)
  return address === undefined
    ? Effect.fail(
      new ListenError({
        address: new PeerAddress({ host: "127.0.0.1", port: 0 }),
        kind: "Other",
        cause: new Error(`${host}:${port} is no address`)
      })
    )
    : Effect.succeed(address)
}

/** Pages that share the port: `/metrics`. */
type Further = ReadonlyMap<string, WebServer.WebPage>

/**
 * Serves the page of a mesh node until the scope closes; gives where.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serveMesh = Effect.fnUntraced(function*(
  mesh: Mesh["Service"],
  listen: PeerAddress,
  further?: Further
): Effect.fn.Return<PeerAddress, ListenError, Scope.Scope> {
  const feed = new Feed()
  const clock = yield* Clock.Clock
  const add = (report: MeshReport.MeshReport, from?: string) =>
    // `packetsHex` says the same as `packets`.
    Effect.sync(() =>
      feed.add(clock.currentTimeMillisUnsafe(), { ...report, ...(from === undefined ? {} : { from, packetsHex: [] }) })
    )
  yield* mesh.events.pipe(
    Stream.runForEach((event) => add(MeshReport.fromEvent(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* mesh.messages.pipe(
    Stream.runForEach((message) => add(MeshReport.fromMessage(message), message.from)),
    Effect.forkScoped({ startImmediately: true })
  )
  return yield* serve(listen, feed, meshState(mesh), further)
})

/**
 * Serves the page of a chord node until the scope closes; gives where.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serveChord = Effect.fnUntraced(function*(
  chord: Chord["Service"],
  listen: PeerAddress,
  further?: Further
): Effect.fn.Return<PeerAddress, ListenError, Scope.Scope> {
  const feed = new Feed()
  const clock = yield* Clock.Clock
  yield* chord.events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => feed.add(clock.currentTimeMillisUnsafe(), ChordReport.fromEvent(chord.bits, event)))
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return yield* serve(listen, feed, chordState(chord), further)
})

/**
 * Serves the page with a recorded trace, and no node, until the scope closes; gives where.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serveTrace = Effect.fnUntraced(function*(
  text: string,
  listen: PeerAddress
): Effect.fn.Return<PeerAddress, ListenError, Scope.Scope> {
  const body = Effect.succeed(new TextEncoder().encode(text))
  const pages = yield* PageFiles.pages
  return yield* WebServer.serve(
    listen,
    new Map([
      ...pages,
      ["/state", { type: "application/json", body: () => Effect.succeed("null") }],
      ["/trace.jsonl", { type: "application/jsonl", body: () => body }]
    ])
  )
})

const serve = Effect.fnUntraced(function*(
  listen: PeerAddress,
  feed: Feed,
  state: Effect.Effect<MeshState | ChordState>,
  further: Further = new Map()
): Effect.fn.Return<PeerAddress, ListenError, Scope.Scope> {
  const pages = yield* PageFiles.pages
  const body = Effect.fnUntraced(function*(query: URLSearchParams) {
    const page: PageState = {
      nowMillis: yield* Clock.currentTimeMillis,
      node: yield* state,
      events: feed.since(Number(query.get("since")) || 0),
      seq: feed.seq
    }
    return JSON.stringify(page)
  })
  return yield* WebServer.serve(
    listen,
    new Map([...pages, ["/state", { type: "application/json", body }], ...further])
  )
})
