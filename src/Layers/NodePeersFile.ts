/**
 * A file of addresses: a bootstrap list that somebody writes, and the memory of a node that was in the
 * network before. One address a line; those that the node wrote have the time behind it when they were
 * last linked (where they still are, a time of the last hour), and are forgotten when that is long ago.
 * Lines without a time are the user's, and stay.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { NodeMesh, NodePeersFile } from "effect-p2p/node"
 *
 * const node = NodePeersFile.layerMesh({ file: "peers.txt" }).pipe(Layer.provideMerge(NodeMesh.layer()))
 *
 * NodeRuntime.runMain(Effect.provide(Effect.never, node))
 * ```
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { Chord } from "../Chord/Chord.ts"
import { neighbors } from "../Chord/Membership.ts"
import { Mesh } from "../Mesh/Mesh.ts"
import { format, parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { checked } from "../Transport/Settings.ts"
import { enter } from "./internal/ringEntry.ts"

/**
 * Where addresses are kept, and which.
 *
 * @category options
 * @since 0.1.0
 */
export interface PeersFileOptions {
  /** Made when there is none. */
  readonly file: string
  /** Addresses that are remembered; past it the one that was linked longest ago goes. Default 200. */
  readonly maxPeers?: number | undefined
  /** Since when an address was not linked to be forgotten. Default 30 days. */
  readonly maxAge?: Duration.Input | undefined
  /** How often, at most, the file is written. Default 1 minute, and once at the end. */
  readonly saveInterval?: Duration.Input | undefined
}

/**
 * The file cannot be read, or holds something else; or a setting makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeersFileError extends Schema.TaggedError<PeersFileError>()("PeersFileError", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot use ${this.file} as a file of addresses: ${this.detail}`
  }
}

/** A file of the user's may have so many bytes; the node's own lines come on top of that, each of so many at most. */
const maxUserBytes = 256 * 1024
const maxLineBytes = 320

const defaults = {
  maxPeers: 200,
  maxAge: Duration.days(30) as Duration.Input,
  saveInterval: Duration.minutes(1) as Duration.Input
}

const maxPeersOf = (options: PeersFileOptions): number => options.maxPeers ?? defaults.maxPeers

const maxAgeOf = (options: PeersFileOptions): number => Duration.toMillis(options.maxAge ?? defaults.maxAge)

/** For links that merely stand the file is not written each minute: so old may their times get, in milliseconds. */
const maxHeldMillis = 3_600_000

/** An open file; change it by `note`. */
export class PeersFile {
  /** Lines of the user's, as they are. */
  readonly #lines: ReadonlyArray<string>
  readonly #seen: Map<string, number>
  readonly #options: PeersFileOptions
  #isChanged = false

  /** @internal */
  constructor(options: PeersFileOptions, lines: ReadonlyArray<string>, seen: Map<string, number>) {
    this.#options = options
    this.#lines = lines
    this.#seen = seen
  }

  /** Those of the user, then those that were linked, the latest first. */
  get addresses(): ReadonlyArray<PeerAddress> {
    const own = this.#lines.map((line) => line.replace(/#.*/, "").trim())
    return [...own, ...[...this.#seen.keys()].reverse()].flatMap((text) => parse(text) ?? [])
  }

  /** An address was linked at that time. Not kept is one that reads as something else: strangers choose some. */
  note(address: PeerAddress, nowMillis: number): void {
    const text = format(address)
    if (parse(text) === undefined) return
    this.#seen.delete(text)
    this.#seen.set(text, nowMillis)
    this.forget(nowMillis)
    this.#isChanged = true
  }

  /** Links to these addresses stand: notes those that were noted so long ago, in milliseconds, or never. */
  hold(addresses: Iterable<PeerAddress>, nowMillis: number, afterMillis: number): void {
    for (const address of addresses) {
      const seenMillis = this.#seen.get(format(address)) ?? Number.NEGATIVE_INFINITY
      if (nowMillis - seenMillis >= afterMillis) this.note(address, nowMillis)
    }
  }

  /** Forgets what is too old, or too much. */
  forget(nowMillis: number): void {
    const oldest = nowMillis - maxAgeOf(this.#options)
    for (const [text, seenMillis] of this.#seen) {
      if (seenMillis < oldest || this.#seen.size > maxPeersOf(this.#options)) this.#seen.delete(text)
    }
  }

  /**
   * Writes what has changed, to a file that then takes the place of the last, in the same mode: nobody reads half of it.
   * Links to it stay.
   */
  readonly save: Effect.Effect<void, PeersFileError> = Effect.suspend(() => {
    if (!this.#isChanged) return Effect.void
    const file = behindLinks(this.#options.file)
    const draft = `${file}.${crypto.randomBytes(8).toString("hex")}`
    const seen = Array.from(this.#seen, ([text, millis]) => `${text} ${new Date(millis).toISOString()}`)
    return Effect.try({
      try: () => {
        const mode = fs.statSync(file, { throwIfNoEntry: false })?.mode
        const text = [...this.#lines, ...seen].map((line) => `${line}\n`).join("")
        fs.writeFileSync(draft, text, { flag: "wx", mode })
        // What is masked out of the modes of new files is not of one that was there.
        if (mode !== undefined) fs.chmodSync(draft, mode)
        fs.renameSync(draft, file)
        this.#isChanged = false
      },
      catch: (cause) => new PeersFileError({ file: this.#options.file, detail: String(cause) })
    }).pipe(Effect.tapError(() => Effect.ignore(Effect.try(() => fs.rmSync(draft, { force: true })))))
  })
}

/** Where a file is that links lead to, be it there or not: what is renamed to the name of a link takes its place. */
const behindLinks = (file: string, maxLinks = 40): string => {
  try {
    const target = fs.readlinkSync(file)
    return maxLinks === 0 ? file : behindLinks(path.resolve(fs.realpathSync(path.dirname(file)), target), maxLinks - 1)
  } catch {
    // No link, or nothing there.
    return file
  }
}

/**
 * Throws where something else than a file has that name: a pipe or a device may be read for ever, which no signal ends,
 * and what is written later would take its place.
 *
 * @internal
 */
export const mustBeFile = (file: string): void => {
  const found = fs.statSync(file, { throwIfNoEntry: false })
  if (found === undefined || found.isFile()) return
  throw new Error(found.isDirectory() ? "it is a directory" : "it is no file but a pipe or a device")
}

/**
 * Reads a file; one that is missing is empty. Fails when it cannot be read, has a line that is not an address, or
 * one and a time, or is larger than 256 KiB and the `maxPeers` longest lines of a node, and for a setting that makes no sense.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  options: PeersFileOptions
): Effect.fn.Return<PeersFile, PeersFileError> {
  const { file } = options
  const maxBytes = maxUserBytes + maxLineBytes * maxPeersOf(options)
  const text = yield* Effect.try({
    try: () => {
      checked(defaults, options)
      if (!fs.existsSync(file)) return ""
      mustBeFile(file)
      if (fs.statSync(file).size > maxBytes) {
        throw new Error(`it has more than ${maxBytes} bytes, which is the most for ${maxPeersOf(options)} addresses`)
      }
      return fs.readFileSync(file, "utf8")
    },
    catch: (cause) => new PeersFileError({ file, detail: cause instanceof Error ? cause.message : String(cause) })
  })
  const lines: Array<string> = []
  const seen: Array<readonly [string, number]> = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [address = "", time, ...rest] = line.replace(/#.*/, "").trim().split(/\s+/)
    const seenMillis = time === undefined ? undefined : Date.parse(time)
    if (address !== "" && (parse(address) === undefined || Number.isNaN(seenMillis) || rest.length > 0)) {
      const detail = `line ${index + 1} is no address: write host:port, and # before what is none`
      return yield* new PeersFileError({ file, detail })
    }
    if (seenMillis !== undefined) seen.push([address, seenMillis])
    else if (line !== "") lines.push(line)
  }
  const opened = new PeersFile(options, lines, new Map(seen.sort(([, a], [, b]) => a - b)))
  opened.forget(yield* Clock.currentTimeMillis)
  return opened
})

/**
 * Has the `Mesh` in the environment know the addresses of a file, and remembers there whom it dialed: what
 * others only say of themselves is not kept. A file that cannot be written is a warning in the log.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMesh = (options: PeersFileOptions): Layer.Layer<never, PeersFileError, Mesh> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const mesh = yield* Mesh
    const opened = yield* open(options)
    yield* mesh.learn(opened.addresses)
    const dialed = new Map<string, PeerAddress>()
    yield* remember(opened, options, {
      events: mesh.events,
      addressOf: (event) => {
        if (event._tag === "PeerJoined" && event.dialed !== undefined) dialed.set(event.id, event.dialed)
        if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return undefined
        const address = dialed.get(event.id)
        if (event._tag === "PeerLeft") dialed.delete(event.id)
        return address
      },
      standing: Effect.map(mesh.peers, (peers) => {
        // By the peers there are: an event that a slow reader lost must not keep an address for ever.
        const linked = new Set(peers.map(({ id }) => id))
        for (const id of dialed.keys()) if (!linked.has(id)) dialed.delete(id)
        return dialed.values()
      })
    })
  }))

/**
 * The same for the `Chord` in the environment: it joins the ring of a node of the file, and remembers there the
 * neighbors that it comes to have. Where it knows no one else, the layer waits up to three seconds for that ring, so
 * that what is read next is read there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChord = (options: PeersFileOptions): Layer.Layer<never, PeersFileError, Chord> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const chord = yield* Chord
    const opened = yield* open(options)
    yield* remember(opened, options, {
      events: chord.events,
      addressOf: (event) => {
        if (event._tag === "Joined") return event.successor?.address
        return event._tag === "NeighborCame" || event._tag === "NeighborWent" ? event.contact.address : undefined
      },
      standing: Effect.map(chord.ring, (members) => {
        const own = format(chord.address)
        return members.flatMap(({ membership }) => neighbors(membership))
          .flatMap(({ address }) => format(address) === own ? [] : [address])
      })
    })
    if (opened.addresses.length > 0) yield* enter(chord, chord.learn(opened.addresses))
  }))

/** What a node tells of its links. */
interface Remembered<Event> {
  readonly events: Stream.Stream<Event>
  /** Where a link began or ended. */
  readonly addressOf: (event: Event) => PeerAddress | undefined
  /** Where there are links now. */
  readonly standing: Effect.Effect<Iterable<PeerAddress>>
}

/** Notes in a file the addresses of links, until the scope closes. */
const remember = <Event>(opened: PeersFile, options: PeersFileOptions, told: Remembered<Event>) =>
  Effect.gen(function*() {
    // A link may stand for longer than addresses are remembered, and nothing would tell of it meanwhile.
    const save = Effect.fnUntraced(function*(heldMillis: number) {
      opened.hold(yield* told.standing, yield* Clock.currentTimeMillis, heldMillis)
      yield* Effect.catch(opened.save, (error) => Effect.logWarning(error.message))
    })
    yield* Effect.addFinalizer(() => save(0))
    yield* told.events.pipe(
      Stream.runForEach((event) => {
        const address = told.addressOf(event)
        return address === undefined
          ? Effect.void
          : Effect.map(Clock.currentTimeMillis, (now) => opened.note(address, now))
      }),
      Effect.forkScoped({ startImmediately: true })
    )
    const saveLater = Effect.andThen(
      Effect.sleep(options.saveInterval ?? defaults.saveInterval),
      save(Math.min(maxHeldMillis, maxAgeOf(options) / 10))
    )
    yield* Effect.forkScoped(Effect.forever(saveLater))
  })
