/**
 * Plays a recorded conversation between original chord nodes with our node in the place of one of
 * them. The others are scripted: they write the recorded bytes, frame by frame. Our node does what the
 * user of the node it replaces did.
 */
import { Clock, Context, Effect, Exit, Layer, Option, Queue, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Chord } from "../../src/Chord/Chord.ts"
import { ChordConfig, type ChordOptions } from "../../src/Chord/ChordConfig.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { type RecordedFrame as Frame, transcripts } from "../fixtures/Vectors.ts"
import { dialAs, listenAs, type Played } from "../utils/InteropNode.ts"
import * as ScriptedPeer from "../utils/ScriptedPeer.ts"

interface RecordedFrame extends Frame {
  readonly t: number
}

type Entry =
  | RecordedFrame
  | { readonly t: number; readonly do: string }
  | { readonly t: number; readonly conn: number; readonly event: string }

/** One conversation; nodes go by letters. */
export interface ChordConversation {
  readonly title: string
  readonly nodes: Readonly<
    Record<string, {
      readonly implementation: string
      readonly k: number
      readonly id: string
      readonly announces: readonly [host: string, port: number]
    }>
  >
  readonly frames: ReadonlyArray<Entry>
}

/** The conversations of the chord. */
export const conversations = transcripts.chord as ReadonlyArray<unknown> as ReadonlyArray<ChordConversation>

/** Starts our chord node, with real digests and compressions, on the network in memory. */
export const startChord = Effect.fnUntraced(function*(listen: PeerAddress, options: Partial<ChordOptions> = {}) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = Chord.layer.pipe(Layer.provide([
    ChordConfig.layer({ originals: true, drainTimeout: 0, leaveTimeout: 0, ...options, listen }),
    ChordStorage.layerMemory(),
    MemoryNetwork.transport(listen.host),
    NodeHashing.layer,
    ScriptedPeer.wire
  ]))
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope).pipe(Random.withSeed(String(listen)))
  return { chord: Context.get(context, Chord), stop: Scope.close(scope, Exit.void) }
})

/** A connection between our node and the original node with this letter. */
interface Line {
  readonly letter: string
  readonly peer: Played
  readonly isDialed: boolean
  /** Whether the handshake of the original was sent. */
  greeted: boolean
}

const opened = /^connection opened by (.) to (.)$/

/** After each step: more than the latency. */
const stepMillis = 20
/** A peer gets one list in this time for its requests. */
const listIntervalMillis = 1000

/** Plays the conversation to its end; what came of it. */
export const replay = Effect.fnUntraced(function*(conversation: ChordConversation, place: string) {
  const own = conversation.nodes[place]!
  const first = conversation.frames.find((entry) => "main" in entry)!
  yield* TestClock.setTime(first.time * 1000)
  const { chord } = yield* startChord(addressOf(conversation, place), {
    subnet: "chord",
    bits: own.k,
    connectTimeout: "1 minute",
    handshakeTimeout: "1 minute",
    idleTimeout: "1 hour"
  })
  const lines = new Map<number, Line>()
  const all: Array<Line> = []
  const accepting = new Map<string, Queue.Queue<Played>>()
  const lists = new Map<string, number>()
  const listedAt = new Map<string, number>()
  const got: Array<string> = []
  const joins: Array<string> = []
  const early: Array<string> = []
  const settle = TestClock.adjust(stepMillis)

  const connection = Effect.fnUntraced(function*(conn: number, event: string) {
    const [, from, to] = opened.exec(event) ?? []
    if (to === place) {
      const peer = yield* dialAs(conversation.nodes[from!]!.id, addressOf(conversation, place))
      const line = { letter: from!, peer, isDialed: false, greeted: false }
      all.push(line)
      lines.set(conn, line)
    }
    const line = lines.get(conn)
    if (line === undefined || !event.startsWith("connection closed")) return
    // Ours has no reason to close: the original does it then, when all is said.
    if (event.endsWith(place) && !conversation.title.endsWith("different size")) return
    lines.delete(conn)
    yield* line.peer.close
  })

  const play = Effect.fnUntraced(function*(frame: RecordedFrame, line: Line) {
    if (yield* line.peer.isEnded) return
    if (!line.greeted && !line.isDialed) early.push(...line.peer.received.map((one) => one.says?._tag ?? "?"))
    const now = yield* Clock.currentTimeMillis
    const isList = frame.sub === "request" && frame.packets[0] === "*" && line.greeted
    if (isList && now - (listedAt.get(line.letter) ?? 0) >= listIntervalMillis) {
      listedAt.set(line.letter, now)
      lists.set(line.letter, (lists.get(line.letter) ?? 0) + 1)
    }
    yield* line.peer.write(Buffer.from(frame.hex, "hex"))
    if (frame.sub === "handshake") line.greeted = true
  })

  const act = Effect.fnUntraced(function*(what: string) {
    const [, key, value] = /"(.*?)"(?: = "(.*)")?/.exec(what) ?? []
    if (what.includes("joins")) {
      const address = addressOf(conversation, "A")
      yield* Effect.forkChild(Effect.matchEffect(chord.join(address), {
        onFailure: (error) => Effect.sync(() => joins.push(error.message)),
        onSuccess: () => Effect.sync(() => joins.push("joined"))
      }))
    } else if (what.startsWith("stores")) yield* chord.set(key!, value!)
    else if (what.startsWith("looks")) {
      got.push(Option.getOrElse(yield* chord.get(key!), () => "nothing"))
    }
  })

  /** Our node dialed: the connection that the original in its place opened first. */
  const accept = (letter: string, peer: Played) => {
    const line = { letter, peer, isDialed: true, greeted: false }
    all.push(line)
    const recorded = conversation.frames.find((entry) =>
      "event" in entry && opened.exec(entry.event)?.slice(1).join(" ") === `${place} ${letter}`
    )
    if (recorded !== undefined && "event" in recorded) lines.set(recorded.conn, line)
  }

  for (const [letter, node] of Object.entries(conversation.nodes)) {
    if (letter !== place) accepting.set(letter, yield* listenAs(node.id, addressOf(conversation, letter)))
  }
  for (const entry of conversation.frames) {
    if ("do" in entry) {
      if (entry.do.startsWith(`${place}: `)) yield* act(entry.do.slice(3))
    } else if ("event" in entry) yield* connection(entry.conn, entry.event)
    else if (entry.to === place) {
      const line = lines.get(entry.conn)
      if (line !== undefined) yield* play(entry, line)
    }
    yield* settle
    for (const [letter, queue] of accepting) {
      for (const peer of yield* Queue.clear(queue)) accept(letter, peer)
    }
  }
  yield* TestClock.adjust("1 second")
  return { chord, own, all, lists, got, joins, early }
})

export type Replayed = Effect.Success<ReturnType<typeof replay>>

/** Where the node with this letter can be dialed. */
export const addressOf = (conversation: ChordConversation, letter: string): PeerAddress => {
  const [host, port] = conversation.nodes[letter]!.announces
  return new PeerAddress({ host, port })
}
