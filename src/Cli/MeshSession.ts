/**
 * A run of `p2p mesh`: one node, driven by the lines of standard input, told about on standard
 * output. It ends in order, with a goodbye to its peers, on `/quit`, at the end of the input, and on
 * SIGINT, SIGTERM and SIGHUP.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as NodeMesh from "../Layers/NodeMesh.ts"
import type { WireVersion } from "../Layers/WireVersion.ts"
import { Mesh } from "../Mesh/Mesh.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { Backlog } from "./Backlog.ts"
import * as Discovery from "./Discovery.ts"
import * as Input from "./Input.ts"
import { flagText, invocation } from "./Invocation.ts"
import { KnownIds } from "./KnownIds.ts"
import { LinesFailed } from "./LinesFailed.ts"
import { isQuit, MeshConsole } from "./MeshConsole.ts"
import { MeshDisplay } from "./MeshDisplay.ts"
import { MeshLinks } from "./MeshLinks.ts"
import { fromError, fromEvent, fromMessage, type MeshReport, toJsonLines } from "./MeshReport.ts"
import * as Observe from "./Observe.ts"
import * as OtherKind from "./OtherKind.ts"
import * as Output from "./Output.ts"
import * as Prompt from "./Prompt.ts"
import { type Security, sharedFlags } from "./SecurityFlags.ts"
import * as Style from "./Style.ts"
import { sharedFlag } from "./WireFlag.ts"

/**
 * What the command line says.
 *
 * @category options
 * @since 0.1.0
 */
export interface MeshSessionOptions extends Observe.ObserveOptions, Discovery.DiscoveryOptions {
  /** Where to listen; the first is told in the handshake's own field. */
  readonly listen: Arr.NonEmptyReadonlyArray<PeerAddress>
  readonly announce: ReadonlyArray<PeerAddress>
  readonly connect: ReadonlyArray<PeerAddress>
  readonly subnet: string | undefined
  /** Links that the node dials of its own accord. */
  readonly links: number | undefined
  readonly protocol: WireVersion
  /** Who it is, and how its connections are secured. */
  readonly security: Security
  readonly sign: boolean
  readonly requireProof: "never" | "known" | "always"
  /** Whether to go on without input. */
  readonly stay: boolean
  readonly json: boolean
}

/**
 * The input is over, and none of the addresses could be reached: what was typed is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class NobodyReached extends Schema.TaggedError<NobodyReached>()("NobodyReached", {
  addresses: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `nobody got what was sent: no link to ${this.addresses.join(", ")} could be made`
  }
}

/** How long input that is no terminal waits for the first links, so that what it says reaches somebody. */
const firstLinksTimeout = "6 seconds"

/** The same for nodes that a file or the LAN may name: as long as a chord node looks for a ring there. */
const foundTimeout = "3 seconds"

const firstLinks = (attempts: ReadonlyArray<Effect.Effect<void>>) =>
  Effect.timeoutOption(Effect.all(attempts), firstLinksTimeout)

const firstFound = (mesh: Mesh["Service"], options: MeshSessionOptions) =>
  Effect.gen(function*() {
    if (!Discovery.mayFind(options)) return
    const peer = mesh.changes.pipe(Stream.filter((peers) => peers.length > 0), Stream.take(1), Stream.runDrain)
    yield* Effect.timeoutOption(peer, foundTimeout)
  })

/** The first and the longest wait before an address that failed is dialed again, in milliseconds. */
const firstRetryMillis = 500
const maxRetryMillis = 30_000

/**
 * Runs a node until it is told to end. Fails when it cannot listen, when standard input or output
 * break, with `NobodyReached` and with `LinesFailed`.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(options: MeshSessionOptions) {
  const prompt = Prompt.isPossible() && !options.json ? yield* Prompt.make : undefined
  const output = yield* Output.makeLineWriter(prompt?.write)
  const display = new MeshDisplay(
    Style.make(Style.hasColors(process.stdout)),
    (address) =>
      `${invocation()} mesh --connect ${address}${flagText("subnet", options.subnet)}` +
      sharedFlag(options.protocol) + sharedFlags(options.security)
  )
  const toLines = options.json ? toJsonLines : display.toLines
  const report = (report: MeshReport) => output.print(toLines(report))
  const { identity, tls } = options.security
  const settings = {
    ...toAddresses(options),
    ...(options.subnet === undefined ? {} : { subnet: options.subnet }),
    ...(options.links === undefined ? {} : { maxOutboundLinks: options.links }),
    protocol: options.protocol,
    identity,
    sign: options.sign,
    requireProof: options.requireProof
  }
  const node = tls === undefined ? NodeMesh.layer(settings) : NodeMesh.layerTls({ ...settings, tls })
  yield* session(options, report, prompt?.lines ?? Input.lines).pipe(
    Effect.scoped,
    Effect.provide(node),
    Effect.provide(Observe.telemetry),
    Effect.tapError((error) => options.json ? report(fromError(error, error.message)) : Effect.void),
    Effect.raceFirst(output.closed),
    Effect.onInterrupt(() => Effect.sync(() => process.exitCode = 0))
  )
}, Effect.scoped)

/** Where it listens, and which of the announced addresses stands for the first of them. */
const toAddresses = ({ announce, listen }: MeshSessionOptions): NodeMesh.NodeMeshOptions => {
  const [first, ...further] = listen
  const own = announce.find(({ scheme }) => (scheme === "") === (first.scheme === ""))
  const others = announce.filter((address) => address !== own)
  return {
    host: first.host,
    port: first.port,
    listenFurther: further.map(format),
    ...(own === undefined ? {} : { announce: format(own) }),
    ...(others.length === 0 ? {} : { announceFurther: others.map(format) })
  }
}

const session = Effect.fnUntraced(function*(
  options: MeshSessionOptions,
  report: (report: MeshReport) => Effect.Effect<void>,
  lines: Stream.Stream<string, Input.InputFailed>
) {
  const mesh = yield* Mesh
  const known = new KnownIds()
  const links = new MeshLinks(mesh, yield* OtherKind.make({ kind: "mesh", ...options }))
  const { identity, tls } = options.security
  const invitation = Effect.flatMap(Effect.promise(() => import("./Invitation.ts")), ({ make }) =>
    make({
      kind: "mesh",
      addresses: mesh.addresses,
      subnet: options.subnet,
      tls: tls?.mode,
      identity,
      protocol: options.protocol
    })).pipe(Effect.tap(() => Effect.forEach(Discovery.inviteNotes(mesh.addresses), report)))
  const console = new MeshConsole(mesh, known, (address) => links.connect(address), report, invitation, links.waiting)
  yield* Discovery.check(options)
  const served = yield* Observe.serve(
    options,
    Observe.layerMesh,
    (listen, further) =>
      Effect.flatMap(
        Effect.promise(() => import("./Dashboard/Dashboard.ts")),
        ({ serveMesh }) => serveMesh(mesh, listen, further)
      )
  )
  // Last, so that a node that cannot do what it was asked for never says that it runs.
  yield* report({
    event: "listening",
    id: mesh.id,
    address: format(mesh.address),
    addresses: mesh.addresses.map(format)
  })
  yield* Effect.forEach([...served, ...Discovery.lanNotes(options, mesh.addresses)], report)
  yield* Discovery.start(options, { file: ({ layerMesh }) => layerMesh, lan: ({ layerMesh }) => layerMesh })
  const backlog = new Backlog()
  yield* mesh.events.pipe(
    Stream.filter((event) => links.isNews(event)),
    Stream.runForEach((event) =>
      Effect.andThen(event._tag === "PeerLeft" ? backlog.settled : Effect.void, report(fromEvent(event)))
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* mesh.messages.pipe(
    Stream.runForEachArray((messages) => {
      for (const message of messages) known.remember(message)
      return backlog.handle(Effect.forEach(messages, (message) => report(fromMessage(message)), { discard: true }))
    }),
    Effect.forkScoped({ startImmediately: true })
  )
  const firstAttempts = yield* Effect.forEach(options.connect, (address) => keepDialing(links, address, report))
  if (!process.stdin.isTTY) yield* Effect.andThen(firstLinks(firstAttempts), firstFound(mesh, options))

  let hasQuit = false
  yield* lines.pipe(
    Stream.takeWhile((line) => !(hasQuit = isQuit(line))),
    Stream.runForEach((line) => console.run(line))
  )
  // What the last lines led to is told: the fiber that tells of events has its turn.
  yield* Effect.yieldNow
  // At a terminal somebody has seen what was not done.
  if (hasQuit && process.stdin.isTTY) return
  if (!hasQuit && (options.stay || (yield* Input.isAbsent))) return yield* Effect.never
  const asked = [...options.connect.map(format), ...Discovery.places(options)]
  if (asked.length > 0 && console.unheardCount > 0 && !links.hadPeer) {
    return yield* new NobodyReached({ addresses: asked })
  }
  if (!process.stdin.isTTY && console.failedCount > 0) return yield* new LinesFailed({ count: console.failedCount })
})

/**
 * Dials until there is a link, which the mesh then keeps; a failure is told when it is another than
 * the last. Gives an effect that waits for the first attempt.
 */
const keepDialing = Effect.fnUntraced(function*(
  links: MeshLinks,
  address: PeerAddress,
  report: (report: MeshReport) => Effect.Effect<void>
) {
  const attempted = yield* Latch.make(false)
  yield* Effect.gen(function*() {
    let told: string | undefined
    let waitMillis = firstRetryMillis
    let failureCount = 0
    while (true) {
      const result = yield* Effect.result(links.connect(format(address)))
      yield* attempted.open
      if (Result.isSuccess(result)) return
      const { message } = result.failure
      if (message !== told) yield* report(fromError(result.failure, message))
      const isSelf = result.failure._tag === "ConnectError" && result.failure.reason._tag === "SelfConnection"
      // Behind one name there may be several nodes, and whoever has met one of the others knows enough.
      if (isSelf && !(yield* links.isAlone)) return
      if (told === undefined) yield* report({ event: "note", text: `trying ${address} again in the background` })
      told = message
      yield* links.wait(address, ++failureCount, waitMillis * (0.8 + 0.4 * (yield* Random.next)))
      waitMillis = Math.min(maxRetryMillis, waitMillis * 2)
    }
  }).pipe(Effect.forkScoped)
  return attempted.await
})
