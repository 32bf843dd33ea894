/**
 * What happened in a simulation, as a fingerprint: a rolling hash for each host and each of its
 * peers, over all that it sent, received, dialed and closed there, with the times and the very
 * bytes. Equal seeds give equal fingerprints; the order in which different connections are served
 * at the same instant does not matter, for it depends on the scheduler.
 */
import type { NetworkEvent } from "../../Transport/MemoryNetwork.ts"

/**
 * An event of the trace: one of the network, or a node that was started, stopped or restarted.
 *
 * @category events
 * @since 0.1.0
 */
export interface TraceEvent extends Omit<NetworkEvent, "kind"> {
  readonly kind: NetworkEvent["kind"] | "start" | "stop" | "restart" | "skew"
}

/** Two lanes of 32 bits. */
interface Lanes {
  low: number
  high: number
}

const encoder = new TextEncoder()

/**
 * The trace of one run.
 *
 * @category models
 * @since 0.1.0
 */
export class Trace {
  /** By host, then by peer: a text of both would be made for each event. */
  readonly #lanes = new Map<string, Map<string, Lanes>>()
  readonly #maxEvents: number
  readonly #events: Array<TraceEvent> = []
  readonly #texts = new Map<string, Uint8Array>()
  #count = 0
  #sendCount = 0
  #sentBytes = 0

  /** `maxEvents`: how many of the last events are kept for reading; all count for the hash. */
  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents
  }

  /** How many events there were. */
  get count(): number {
    return this.#count
  }

  /** How many sends there were; one carries a frame, or several that left together. */
  get sendCount(): number {
    return this.#sendCount
  }

  /** How many bytes were sent, framing included. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** The last events, oldest first. */
  get events(): ReadonlyArray<TraceEvent> {
    return this.#events.slice(-this.#maxEvents)
  }

  /** The fingerprint of all that happened so far, in hex. */
  get hash(): string {
    const total: Lanes = { low: 0x811c9dc5, high: 0x9747b28c }
    const pairs = [...this.#lanes].flatMap(([host, peers]) =>
      Array.from(peers, ([peer, lanes]) => ({ pair: `${host} ${peer}`, lanes }))
    )
    for (const { lanes: { high, low }, pair } of pairs.sort((a, b) => a.pair < b.pair ? -1 : 1)) {
      mixBytes(total, encoder.encode(pair))
      mix(total, low)
      mix(total, high)
    }
    return [total.high, total.low].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("")
  }

  record(event: TraceEvent): void {
    this.#count++
    if (event.kind === "send") {
      this.#sendCount++
      this.#sentBytes += event.bytes?.length ?? 0
    }
    const lanes = this.#lanesOf(event.host, event.peer)
    mixBytes(lanes, this.#bytesOf(event.kind))
    // Microseconds: a sleep may end short of its time by the rounding of its length.
    mix(lanes, Math.round(event.atMillis * 1000) | 0)
    if (event.bytes !== undefined) mixBytes(lanes, event.bytes)
    if (this.#maxEvents === 0) return
    this.#events.push(event)
    if (this.#events.length >= 2 * this.#maxEvents) this.#events.splice(0, this.#maxEvents)
  }

  #lanesOf(host: string, peer: string): Lanes {
    let peers = this.#lanes.get(host)
    if (peers === undefined) {
      peers = new Map()
      this.#lanes.set(host, peers)
    }
    let lanes = peers.get(peer)
    if (lanes === undefined) {
      lanes = { low: 0x811c9dc5, high: 0x1b873593 }
      peers.set(peer, lanes)
    }
    return lanes
  }

  #bytesOf(text: string): Uint8Array {
    let bytes = this.#texts.get(text)
    if (bytes === undefined) {
      bytes = encoder.encode(text)
      this.#texts.set(text, bytes)
    }
    return bytes
  }
}

const mixBytes = (lanes: Lanes, bytes: Uint8Array): void => {
  let { high, low } = lanes
  for (let i = 0; i < bytes.length; i++) {
    low = Math.imul(low ^ bytes[i]!, 0x01000193)
    high = Math.imul(high ^ low, 0x85ebca6b) ^ (high >>> 15)
  }
  lanes.low = low
  lanes.high = high
  mix(lanes, bytes.length)
}

const mix = (lanes: Lanes, value: number): void => {
  lanes.low = Math.imul(lanes.low ^ value, 0x01000193) ^ (lanes.low >>> 13)
  lanes.high = Math.imul(lanes.high ^ lanes.low, 0x85ebca6b) ^ (lanes.high >>> 15)
}
