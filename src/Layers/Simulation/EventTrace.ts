/**
 * What happened in a simulation, in lines of JSON, for whoever wants to see it again: the dashboard plays it
 * back. docs/simulation.md says what the lines hold. Bounded: past `maxLines`, or from one node more than `maxNodes` on,
 * nothing more is recorded, and the last line says how much there would have been.
 */
import { toMicros } from "../../Transport/internal/Micros.ts"
import type { TraceEvent } from "./Trace.ts"

/**
 * Lines that each kind of trace has. A line begins with `at`, the virtual time in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type CommonTraceEvent =
  /** A node started, or was started again. */
  | { readonly event: "start"; readonly node: string }
  /** A node ended, in order or not. */
  | { readonly event: "stop"; readonly node: string }
  /** A node took up a link with a peer, or gave it up; the peer tells of its own end. */
  | { readonly event: "link"; readonly node: string; readonly peer: string }
  | { readonly event: "unlink"; readonly node: string; readonly peer: string; readonly reason: string }
  /** The network, or a machine, was hit; `kind` as in `TraceEvent`. */
  | { readonly event: "fault"; readonly kind: string; readonly node: string; readonly peer: string }

/** The version of the format. */
const version = 1

/** Enough for 100 nodes and 1,000 broadcasts; 12 MB or so. */
const defaultMaxLines = 200_000

/**
 * Nodes of a recorded simulation, with those that come in the course of it: no more are played back.
 *
 * @category options
 * @since 0.1.0
 */
export const maxNodes = 2000

/** What is no part of the ordinary traffic of a network. Where a host crashes, each of its connections has a `reset`. */
const isFault: Readonly<Record<TraceEvent["kind"], boolean>> = {
  start: false,
  stop: false,
  restart: false,
  connect: false,
  refuse: false,
  send: false,
  receive: false,
  close: false,
  reset: false,
  loss: false,
  late: false,
  resetLater: true,
  crash: true,
  vanish: true,
  revive: true,
  pause: true,
  resume: true,
  skew: true,
  shut: true,
  open: true,
  cut: true,
  mend: true,
  stall: true,
  unstall: true,
  partition: true,
  heal: true,
  conditions: true
}

/**
 * A recorder; synchronous.
 *
 * @category models
 * @since 0.1.0
 */
export class EventTrace<Event extends { readonly event: string }> {
  readonly #kind: string
  readonly #lines: Array<string> = []
  readonly #maxLines: number
  readonly #names = new Set<string>()
  #droppedCount = 0
  #lastMillis = 0
  #isOver = false

  /** `kind` is what the first line says that the file is. */
  constructor(kind: "effect-p2p/mesh" | "effect-p2p/chord", maxLines: number = defaultMaxLines) {
    this.#kind = kind
    this.#maxLines = maxLines
  }

  /** Lines that were not recorded, for want of room. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /** The run is over: that its nodes are taken down now is no part of it. */
  end(): void {
    this.#isOver = true
  }

  record(atMillis: number, event: CommonTraceEvent | Event): void {
    if (this.#isOver) return
    this.#lastMillis = toMicros(atMillis)
    if (isStart(event)) this.#names.add(event.node)
    if (this.#lines.length >= this.#maxLines || this.#names.size > maxNodes) {
      this.#droppedCount++
      return
    }
    this.#lines.push(JSON.stringify({ at: this.#lastMillis, ...event }))
  }

  /** Records an event of the simulation if it is a fault. */
  recordFault({ atMillis, host, kind, peer }: TraceEvent): void {
    if (isFault[kind]) this.record(atMillis, { event: "fault", kind, node: host, peer })
  }

  /** The whole file. */
  toText(run: { readonly nodes: number; readonly seed: string; readonly bits?: number }): string {
    const first = { trace: this.#kind, version, ...run }
    const last = { at: this.#lastMillis, event: "end", dropped: this.#droppedCount }
    return `${[JSON.stringify(first), ...this.#lines, JSON.stringify(last)].join("\n")}\n`
  }
}

const isStart = (event: { readonly event: string }): event is Extract<CommonTraceEvent, { readonly event: "start" }> =>
  event.event === "start"
