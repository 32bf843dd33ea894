/**
 * A run of `p2p chord`: one node, driven by the lines of standard input, told about on standard
 * output. It ends in order, handing over what it holds, on `quit`, at the end of the input, and on
 * SIGINT, SIGTERM and SIGHUP.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Chord } from "../Chord/Chord.ts"
import { ChordConfig } from "../Chord/ChordConfig.ts"
import * as NodeChord from "../Layers/NodeChord.ts"
import type { WireVersion } from "../Layers/WireVersion.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { ChordConsole, isQuit } from "./ChordConsole.ts"
import { ChordDisplay } from "./ChordDisplay.ts"
import { ChordNews, neighborsOf } from "./ChordNews.ts"
import { type ChordReport, fromError, toJsonLines } from "./ChordReport.ts"
import * as Discovery from "./Discovery.ts"
import * as Input from "./Input.ts"
import { flagText, invocation } from "./Invocation.ts"
import { LinesFailed } from "./LinesFailed.ts"
import * as Observe from "./Observe.ts"
import * as OtherKind from "./OtherKind.ts"
import * as Output from "./Output.ts"
import * as Prompt from "./Prompt.ts"
import * as SecurityFlags from "./SecurityFlags.ts"
import type { Security } from "./SecurityFlags.ts"
import * as Style from "./Style.ts"
import { sharedFlag } from "./WireFlag.ts"

/**
 * What the command line says.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChordSessionOptions extends Observe.ObserveOptions, Discovery.DiscoveryOptions {
  readonly listen: PeerAddress
  readonly announce: PeerAddress | undefined
  readonly dialNames: boolean
  readonly join: ReadonlyArray<PeerAddress>
  readonly subnet: string | undefined
  readonly bits: number | undefined
  readonly virtualNodes: number | undefined
  /** The directory of the node's share. */
  readonly data: string | undefined
  /** How often neighbors are asked, in milliseconds; the other periods grow and shrink with it. */
  readonly stabilizeMillis: number | undefined
  /** Whether nodes of the original program may take part. */
  readonly originals: boolean
  readonly protocol: WireVersion
  /** Who it is, and how its connections are secured. */
  readonly security: Security
  /** Whether to go on without input. */
  readonly stay: boolean
  readonly json: boolean
}

/**
 * The input is over, and the ring was never reached.
 *
 * @category errors
 * @since 0.1.0
 */
export class NeverJoined extends Schema.TaggedError<NeverJoined>()("NeverJoined", {
  /** What was in the way at each address; none when the time was too short to find out. */
  causes: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `nothing was read or written: ${this.causes.join("; ") || "the ring was not joined in time"}`
  }
}

/** How long input that is no terminal waits for the ring, so that its first lines find it. */
const firstJoinTimeout = "6 seconds"

/**
 * Runs a node until it is told to end. Fails when it cannot listen, when its directory cannot be
 * used, when standard input or output break, with `NeverJoined` and with `LinesFailed`.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(options: ChordSessionOptions) {
  const prompt = Prompt.isPossible() && !options.json ? yield* Prompt.make : undefined
  const output = yield* Output.makeLineWriter(prompt?.write)
  const display = new ChordDisplay(
    Style.make(Style.hasColors(process.stdout)),
    (address) => `${invocation()} chord --join ${address}${sharedFlags(options)}`
  )
  const toLines = options.json ? toJsonLines : display.toLines
  const report = (report: ChordReport) => output.print(toLines(report))
  yield* session(options, report, prompt?.lines ?? Input.lines).pipe(
    Effect.scoped,
    Effect.provide(toLayer(options)),
    Effect.provide(Observe.telemetry),
    Effect.tapError((error) => options.json ? report(fromError(error)) : Effect.void),
    Effect.raceFirst(output.closed),
    Effect.onInterrupt(() => Effect.sync(() => process.exitCode = 0))
  )
}, Effect.scoped)

/** TCP, TLS, or WebSockets where it listens on one. */
const toLayer = (options: ChordSessionOptions) => {
  const { identity, tls } = options.security
  const settings = toNodeOptions(options)
  if (options.listen.scheme !== "") return NodeChord.layerWebSocket(settings)
  return tls === undefined ? NodeChord.layer(settings) : NodeChord.layerTls({ ...settings, identity, tls })
}

const toNodeOptions = (options: ChordSessionOptions): NodeChord.NodeChordWithStorage => {
  const { announce, bits, data, dialNames, listen, originals, protocol, stabilizeMillis, subnet, virtualNodes } =
    options
  return {
    host: listen.hostname,
    port: listen.port,
    bootstrap: others(options).map(format),
    data,
    dialNames,
    originals,
    protocol,
    ...(announce === undefined ? {} : { announce: format(announce) }),
    ...(subnet === undefined ? {} : { subnet }),
    ...(bits === undefined ? {} : { bits }),
    ...(virtualNodes === undefined ? {} : { virtualNodes }),
    ...(stabilizeMillis === undefined ? {} : periods(stabilizeMillis))
  }
}

/** What all nodes of a ring are given alike. */
const sharedFlags = ({ bits, dialNames, originals, protocol, security, subnet }: ChordSessionOptions): string =>
  `${flagText("subnet", subnet)}${flagText("bits", bits)}${originals ? " --originals" : ""}` +
  (dialNames ? " --dial-names" : "") +
  sharedFlag(protocol) + SecurityFlags.sharedFlags(security)

/** Where to join: not at this node itself, so that all nodes can be given one list. */
const others = ({ announce, join, listen }: ChordSessionOptions): ReadonlyArray<PeerAddress> => {
  const own = new Set([listen, ...(announce === undefined ? [] : [announce])].map(format))
  return join.filter((address) => !own.has(format(address)))
}

/** All periods, in the proportions of the defaults. */
const periods = (stabilizeMillis: number) => {
  const { fingerInterval, probeInterval, repairInterval, stabilizeInterval } = ChordConfig.defaults
  const factor = stabilizeMillis / Duration.toMillis(stabilizeInterval)
  return {
    stabilizeInterval: stabilizeMillis,
    fingerInterval: factor * Duration.toMillis(fingerInterval),
    repairInterval: factor * Duration.toMillis(repairInterval),
    probeInterval: factor * Duration.toMillis(probeInterval)
  }
}

const session = Effect.fnUntraced(function*(
  options: ChordSessionOptions,
  report: (report: ChordReport) => Effect.Effect<void>,
  lines: Stream.Stream<string, Input.InputFailed>
) {
  const chord = yield* Chord
  const explain = yield* OtherKind.make({ kind: "chord", ...options })
  const news = new ChordNews(chord, others(options), explain)
  const { identity, tls } = options.security
  const invitation = Effect.flatMap(Effect.promise(() => import("./Invitation.ts")), ({ make }) =>
    make({
      kind: "chord",
      addresses: [chord.address],
      subnet: options.subnet,
      tls: tls?.mode,
      identity,
      protocol: options.protocol,
      bits: options.bits,
      originals: options.originals,
      dialNames: options.dialNames
    })).pipe(Effect.tap(() => Effect.forEach(Discovery.inviteNotes([chord.address]), report)))
  const console = new ChordConsole(chord, report, () => news.unreached, invitation, explain)
  yield* Discovery.check(options)
  const served = yield* Observe.serve(
    options,
    Observe.layerChord,
    (listen, further) =>
      Effect.flatMap(
        Effect.promise(() => import("./Dashboard/Dashboard.ts")),
        ({ serveChord }) => serveChord(chord, listen, further)
      )
  )
  // Last, so that a node that cannot do what it was asked for never says that it runs.
  yield* report({ event: "listening", id: chord.id, address: format(chord.address) })
  yield* Effect.forEach([...served, ...Discovery.lanNotes(options, [chord.address])], report)
  yield* chord.events.pipe(
    Stream.runForEach((event) =>
      Effect.flatMap(news.see(event), (reports) => Effect.forEach(reports, report, { discard: true }))
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Discovery.start(options, { file: ({ layerChord }) => layerChord, lan: ({ layerChord }) => layerChord })
  yield* Effect.addFinalizer(() => tellOfHandover(chord, report))
  if (!process.stdin.isTTY) yield* Effect.timeoutOption(news.settled, firstJoinTimeout)

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
  if (!news.isPresent) return yield* new NeverJoined({ causes: news.failures })
  if (!process.stdin.isTTY && console.failedCount > 0) return yield* new LinesFailed({ count: console.failedCount })
})

/** Handing over takes its time: somebody who waits for the end wants to know for what. */
const tellOfHandover = (chord: Chord["Service"], report: (report: ChordReport) => Effect.Effect<void>) =>
  Effect.flatMap(chord.ring, (members) =>
    neighborsOf(chord.id, members).size === 0
      ? Effect.void
      : report({ event: "note", text: "leaving: the others get what this node holds" }))
