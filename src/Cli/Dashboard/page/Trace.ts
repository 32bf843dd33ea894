/** A recorded simulation: read from its lines, and as it was at any time. */
import { placeOf } from "./Words.ts"

interface TraceEvent {
  readonly at: number
  readonly event: string
  readonly node: string
  readonly peer: string
  readonly number: number
  readonly text: string
  /** The nodes by way of which a lookup went. */
  readonly path: ReadonlyArray<string>
  /** How far round the ring a position lies, from 0 to 1. */
  readonly place: number
}

export interface Trace {
  readonly kind: "mesh" | "chord"
  readonly nodes: number
  readonly seed: string
  readonly events: ReadonlyArray<TraceEvent>
  readonly endMillis: number
  readonly droppedCount: number
}

/** The network at a time. */
export interface Moment {
  /** Nodes that run, and those that ended, by name. */
  readonly nodes: Map<string, boolean>
  /** `node peer`: that end of the link. */
  readonly links: Set<string>
  /** Where nodes are on the ring, from 0 to 1. */
  readonly places: Map<string, number>
  /** The number of the last broadcast, or lookup. */
  broadcast: number
  /** Those that have it, or that it has passed. */
  readonly reached: Set<string>
}

/** Lines that are read at most. */
const maxLines = 1_000_000

/** Nodes that are read at most; no more are recorded (`EventTrace`). */
const maxNodes = 2000

const fieldsOf = (line: string): Map<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}

const text = (value: unknown): string => typeof value === "string" ? value.slice(0, 200) : ""
const number = (value: unknown): number => typeof value === "number" && Number.isFinite(value) ? value : -1

const nameIn = (value: unknown): string => text(value).slice(0, 40)
const namesIn = (value: unknown): ReadonlyArray<string> => Array.isArray(value) ? value.slice(0, 64).map(nameIn) : []

/** What the first line of a trace says that it is. */
const kinds: ReadonlyMap<unknown, Trace["kind"]> = new Map([
  ["effect-p2p/mesh", "mesh"],
  ["effect-p2p/chord", "chord"]
])

/** The trace in a text, or what is wrong with it, in a sentence. */
export const parse = (content: string): Trace | string => {
  const lines = content.split("\n").filter((line) => line !== "")
  if (lines.length > maxLines) return `this file has more than ${maxLines} lines`
  const first = fieldsOf(lines[0] ?? "")
  const kind = kinds.get(first?.get("trace"))
  if (first === undefined || kind === undefined) {
    return "this is no trace of a mesh or a ring: p2p simulate mesh --trace FILE records one"
  }
  const bits = number(first.get("bits"))
  const version = first.get("version")
  // As JSON: an object can say of itself that it has no text.
  if (version !== 1) return `this page reads version 1 of traces, not ${(JSON.stringify(version) ?? "").slice(0, 200)}`
  const events: Array<TraceEvent> = []
  const names = new Set<string>()
  let at = 0
  let droppedCount = 0
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue
    const fields = fieldsOf(line)
    const time = number(fields?.get("at"))
    if (fields === undefined || time < at) return `line ${index + 1} of this trace cannot be read`
    at = time
    const event = text(fields.get("event"))
    if (event === "end") droppedCount = Math.max(0, number(fields.get("dropped")))
    const node = nameIn(fields.get("node"))
    // A fault may hit the network, or several nodes.
    if (node !== "" && event !== "fault") names.add(node)
    if (names.size > maxNodes) return `this trace has more than ${maxNodes} nodes`
    const more = text(fields.get("reason")) || text(fields.get("kind"))
    const peer = nameIn(fields.get("peer"))
    const path = namesIn(fields.get("path"))
    const place = placeOf(bits, text(fields.get("position")))
    events.push({ at, event, node, peer, number: number(fields.get("number")), text: more, path, place })
  }
  return { kind, nodes: number(first.get("nodes")), seed: text(first.get("seed")), events, endMillis: at, droppedCount }
}

const beginning = (): Moment => ({
  nodes: new Map(),
  links: new Set(),
  places: new Map(),
  broadcast: -1,
  reached: new Set()
})

const copy = (moment: Moment): Moment => ({
  nodes: new Map(moment.nodes),
  links: new Set(moment.links),
  places: new Map(moment.places),
  broadcast: moment.broadcast,
  reached: new Set(moment.reached)
})

const sizeOf = ({ links, nodes, places, reached }: Moment): number =>
  nodes.size + links.size + places.size + reached.size

const apply = (moment: Moment, { event, node, number, path, peer, place }: TraceEvent): void => {
  switch (event) {
    case "start":
      moment.nodes.set(node, true)
      return
    case "stop":
      moment.nodes.set(node, false)
      for (const link of moment.links) {
        if (link.startsWith(`${node} `)) moment.links.delete(link)
      }
      return
    case "link":
      moment.links.add(`${node} ${peer}`)
      return
    case "unlink":
      moment.links.delete(`${node} ${peer}`)
      return
    case "broadcast":
      moment.broadcast = number
      moment.reached.clear()
      moment.reached.add(node)
      return
    case "join":
      moment.places.set(node, place)
      return
    case "lookup":
      moment.broadcast = number
      moment.reached.clear()
      for (const passed of [node, ...path, peer]) moment.reached.add(passed)
      return
    case "delivery":
      if (number === moment.broadcast) moment.reached.add(node)
  }
}

/** Events between two moments that are kept, at least. */
const stride = 2000

/** Goes to and fro in a trace. */
export class Playback {
  readonly trace: Trace
  /** The network before some of the events. Where it is large they lie farther apart: all of them hold no more than the trace. */
  readonly #kept: Array<{ readonly index: number; readonly moment: Moment }> = []
  #index = 0
  #moment = beginning()

  constructor(trace: Trace) {
    this.trace = trace
    const moment = beginning()
    let next = 0
    for (const [index, event] of trace.events.entries()) {
      if (index >= next) {
        this.#kept.push({ index, moment: copy(moment) })
        next = index + Math.max(stride, sizeOf(moment))
      }
      apply(moment, event)
    }
  }

  /** How much is kept of all moments: nodes, links and the like. */
  get keptSize(): number {
    return this.#kept.reduce((sum, { moment }) => sum + sizeOf(moment), 0)
  }

  /** The network at a time; what happened since the time asked for before, when that was earlier. */
  goTo(millis: number): { readonly moment: Moment; readonly passed: ReadonlyArray<TraceEvent> } {
    const { events } = this.trace
    const from = this.#index
    const to = countUntil(events, millis)
    const isFar = to < from || to - from > 2 * stride
    const kept = isFar ? this.#kept.findLast(({ index }) => index <= to) : undefined
    if (kept !== undefined && (to < from || kept.index > from)) {
      this.#moment = copy(kept.moment)
      this.#index = kept.index
    }
    for (; this.#index < to; this.#index++) apply(this.#moment, events[this.#index]!)
    return { moment: this.#moment, passed: isFar ? [] : events.slice(from, to) }
  }

  /** The last events up to a time. */
  before(millis: number, count: number): ReadonlyArray<TraceEvent> {
    const { events } = this.trace
    const found: Array<TraceEvent> = []
    for (let i = countUntil(events, millis) - 1; i >= 0 && found.length < count; i--) {
      if (events[i]!.event !== "delivery") found.unshift(events[i]!)
    }
    return found
  }
}

/** How many events there are up to a time. */
const countUntil = (events: ReadonlyArray<TraceEvent>, millis: number): number => {
  let [low, high] = [0, events.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (events[middle]!.at <= millis) low = middle + 1
    else high = middle
  }
  return low
}

export type { TraceEvent }
