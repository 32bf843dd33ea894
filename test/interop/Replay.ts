/**
 * Plays a recorded conversation between original nodes with our node in the place of one of them.
 * The others are scripted: they write the recorded bytes, frame by frame. Our node does what the
 * user of the node it replaces did, as far as its API has it.
 *
 * What the original said in that place is left out where it comes back by way of others, for our
 * node has an id of its own.
 */
import { Clock, Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { type Conversation, packetBytes, type RecordedFrame } from "../fixtures/Transcripts.ts"
import { dialAs, listenAs, type Played, startOurs } from "../utils/InteropNode.ts"

/** A connection between our node and the original node with this letter. */
interface Line {
  readonly letter: string
  readonly peer: Played
  /** Whether the handshake of the original was sent. */
  greeted: boolean
}

/** A message that the user of our node has to receive, or that our node has to pass on. */
interface Expected {
  readonly to: string
  readonly id: string
}

/** After each step: more than the latency, and than our node's own spreading of dials. */
const stepMillis = 100
/** A peer gets one list in this time for its requests. */
const listIntervalMillis = 1000

/** Plays the conversation to its end; what came of it. */
export const replay = Effect.fnUntraced(function*(conversation: Conversation, place: string) {
  const frames = conversation.frames.filter((entry): entry is RecordedFrame => "main" in entry)
  const first = frames[0]!
  const start = first.time * 1000 - Math.round(first.t * 1000)
  yield* TestClock.setTime(start)

  const own = conversation.nodes[place]!
  const ours = yield* startOurs(addressOf(conversation, place), { subnet: own.subnet ?? "mesh" })
  const lines = new Map<number, Line>()
  /** All connections, those that were not recorded as well. */
  const all: Array<Line> = []
  const accepting = new Map<string, Queue.Queue<Played>>()
  const delivered: Array<RecordedFrame> = []
  const relays: Array<Expected> = []
  const answers: Array<{ readonly to: string; readonly requestId: string; readonly nodeId: string }> = []
  const lists = new Map<string, number>()
  const listedAt = new Map<string, number>()
  const seen = new Set<string>()
  const failures: Array<unknown> = []

  const settle = TestClock.adjust(stepMillis)
  const inBackground = <E>(effect: Effect.Effect<unknown, E>) =>
    Effect.forkChild(Effect.catch(effect, (error) => Effect.sync(() => failures.push(error))))

  const open = Effect.fnUntraced(function*(letter: string) {
    accepting.set(letter, yield* listenAs(conversation.nodes[letter]!.id, addressOf(conversation, letter)))
  })
  const linked = () => new Set(all.filter((line) => line.greeted).map((line) => line.letter))

  /** Our node dialed: the original answers with the handshake it always has. */
  const accept = Effect.fnUntraced(function*() {
    for (const [letter, queue] of accepting) {
      for (const peer of yield* Queue.clear(queue)) {
        const handshake = frames.find((frame) => frame.from === letter && frame.sub === "handshake")!
        yield* peer.write(Buffer.from(handshake.hex, "hex"))
        all.push({ letter, peer, greeted: true })
      }
    }
  })

  const connection = Effect.fnUntraced(function*(conn: number, event: string) {
    const [, from, to] = /^connection opened by (.) to (.)$/.exec(event) ?? []
    if (to === place && from !== undefined && from in conversation.nodes && from !== place) {
      const peer = yield* dialAs(conversation.nodes[from]!.id, addressOf(conversation, place))
      const line = { letter: from, peer, greeted: false }
      all.push(line)
      lines.set(conn, line)
    } else if (from === place && to !== place) {
      const line = all.findLast((line) => line.letter === to && ![...lines.values()].includes(line))
      if (line !== undefined) lines.set(conn, line)
    }
    const closer = /^connection closed, first seen from (.)$/.exec(event)?.[1]
    const line = lines.get(conn)
    if (line === undefined || closer === undefined || closer === place) return
    lines.delete(conn)
    line.greeted = false
    yield* line.peer.close
  })

  const play = Effect.fnUntraced(function*(frame: RecordedFrame, line: Line) {
    if (frame.sender === own.id || (yield* line.peer.isEnded)) return
    const isAccepted = accepting.has(line.letter) && all.includes(line) && line.greeted
    if (frame.sub === "handshake" && isAccepted) return
    const isFlood = frame.main === "broadcast" || frame.main === "waterfall"
    const isNew = !isFlood || !seen.has(frame.id)
    if (isFlood) seen.add(frame.id)
    const now = yield* Clock.currentTimeMillis
    if (isNew && (frame.sub === "broadcast" || frame.sub === "whisper")) delivered.push(frame)
    if (isNew && isFlood) {
      for (const to of linked()) {
        if (to !== line.letter && conversation.nodes[to]!.id !== frame.sender) relays.push({ to, id: frame.id })
      }
    }
    if (isNew && frame.sub === "request") {
      const [requestId, nodeId] = frame.packets.map(String)
      const wanted = [...linked()].find((letter) => conversation.nodes[letter]!.id === nodeId)
      if (requestId !== "*" && wanted !== undefined) {
        answers.push({ to: line.letter, requestId: requestId!, nodeId: nodeId! })
      }
      if (requestId === "*" && now - (listedAt.get(line.letter) ?? 0) >= listIntervalMillis) {
        listedAt.set(line.letter, now)
        lists.set(line.letter, (lists.get(line.letter) ?? 0) + 1)
      }
    }
    yield* line.peer.write(Buffer.from(frame.hex, "hex"))
    if (frame.sub === "handshake") line.greeted = true
  })

  const act = Effect.fnUntraced(function*(what: string, index: number) {
    const { mesh, received } = ours
    const quoted = /"(.*)"/.exec(what)?.[1]
    const next = () =>
      conversation.frames.slice(index).find((entry): entry is RecordedFrame =>
        "main" in entry && entry.from === place && entry.main === "broadcast"
      )!
    if (what.startsWith("connects to")) {
      yield* inBackground(mesh.connect(addressOf(conversation, what.charAt("connects to ".length))))
    } else if (what.startsWith("broadcasts")) {
      yield* inBackground(mesh.broadcast(quoted ?? next().packets.map(packetBytes)))
    } else if (what.startsWith("answers that message")) {
      yield* inBackground(mesh.reply(received.at(-1)!, quoted!))
    } else if (/^whispers .* to its peers/.test(what)) {
      for (const peer of yield* mesh.peers) yield* inBackground(mesh.whisper(peer.id, quoted!))
    } else if (what.startsWith("drops its connection to")) {
      const letter = what.charAt("drops its connection to ".length)
      yield* mesh.disconnect(conversation.nodes[letter]!.id)
      for (const line of all) if (line.letter === letter) line.greeted = false
    }
  })

  const isLine = conversation.title.includes("in a line")
  for (const letter of Object.keys(conversation.nodes)) {
    if (letter !== place && !(isLine && letter === "A")) yield* open(letter)
  }
  for (const [index, entry] of conversation.frames.entries()) {
    if ("do" in entry) {
      if (entry.do === "the announced port of A is opened" && place !== "A") yield* open("A")
      if (entry.do.startsWith(`${place}: `)) yield* act(entry.do.slice(3), index)
    } else if ("event" in entry) {
      yield* connection(entry.conn, entry.event)
    } else if (entry.to === place) {
      const line = lines.get(entry.conn)
      if (line !== undefined && entry.from === line.letter) {
        if ("main" in entry) yield* play(entry, line)
        else {
          yield* line.peer.write(Buffer.from(entry.hex, "hex"))
          line.greeted = false
        }
      }
    }
    const behind = start + entry.t * 1000 - (yield* Clock.currentTimeMillis)
    if (behind > 0) yield* TestClock.adjust(behind)
    yield* settle
    yield* accept()
    yield* settle
  }
  return { ...ours, own, frames, all, delivered, relays, answers, lists, failures, linked: linked() }
})

export type Replayed = Effect.Success<ReturnType<typeof replay>>

/** Where the node with this letter can be dialed. */
const addressOf = (conversation: Conversation, letter: string): PeerAddress => {
  const [host, port] = conversation.nodes[letter]!.announces
  return new PeerAddress({ host, port })
}
