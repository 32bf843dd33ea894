/**
 * What became of each broadcast in a mesh under attack: who should have got it, who did, after how
 * long and over how many links, those of sybils counted as well.
 */
import type { Mesh } from "../../../Mesh/Mesh.ts"
import { type Spread, spreadOf } from "../Figures.ts"

/**
 * An honest node: one host, and the node that runs on it now.
 *
 * @category models
 * @since 0.1.0
 */
export interface HonestNode {
  readonly name: string
  readonly isBootstrap: boolean
  mesh: Mesh["Service"]
  isUp: boolean
}

/**
 * How broadcasts fared among the honest nodes.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveryFigures {
  /** Of all deliveries to the honest nodes that were up, the fraction that came. */
  readonly deliveredFraction: number
  /** The fraction of the honest nodes that a path of honest links joined to the author all the while: these need nobody else. */
  readonly connectedFraction: number
  /** Deliveries that did not come though there was a path of honest links. None, or the mesh breaks its promise. */
  readonly missed: number
  /** Broadcasts that a user got twice. */
  readonly doubled: number
  readonly latencyMillis: Spread
  readonly hops: Spread
}

/** One broadcast. */
interface Sent {
  readonly phase: string
  readonly author: HonestNode
  readonly atMillis: number
  readonly expected: ReadonlySet<HonestNode>
  connected: ReadonlySet<HonestNode>
  /** How many links it took to each node that has it, by id. */
  readonly hops: Map<string, number>
  readonly delivered: Map<HonestNode, { readonly latencyMillis: number; readonly hops: number; count: number }>
}

/**
 * The broadcasts of one run.
 *
 * @category models
 * @since 0.1.0
 */
export class AttackRecord {
  readonly #sent = new Map<string, Sent>()

  get count(): number {
    return this.#sent.size
  }

  /** Notes a broadcast; `connected` are the nodes that a path of honest links leads to. */
  sent(
    id: string,
    message: Pick<Sent, "phase" | "author" | "atMillis" | "expected" | "connected">
  ): void {
    this.#sent.set(id, { ...message, hops: new Map([[message.author.mesh.id, 0]]), delivered: new Map() })
  }

  /** Notes that by now a path of links which stood all the while leads to these only. */
  settled(id: string, connected: ReadonlySet<HonestNode>): void {
    const message = this.#sent.get(id)
    if (message !== undefined) message.connected = connected
  }

  /** A user of an honest node has it. */
  delivered(id: string, node: HonestNode, from: string, nowMillis: number): void {
    const message = this.#sent.get(id)
    if (message === undefined) return
    const known = message.delivered.get(node)
    if (known !== undefined) {
      known.count++
      return
    }
    const hops = this.passed(id, node.mesh.id, from) ?? 0
    message.delivered.set(node, { latencyMillis: nowMillis - message.atMillis, hops, count: 1 })
  }

  /** A node has it from another; how many links it took so far. */
  passed(id: string, to: string, from: string): number | undefined {
    const message = this.#sent.get(id)
    if (message === undefined) return undefined
    const hops = message.hops.get(to) ?? (message.hops.get(from) ?? 0) + 1
    message.hops.set(to, hops)
    return hops
  }

  /** The figures of the broadcasts of some phases, of one author and to one receiver if they are given. */
  figures(
    phases: ReadonlyArray<string>,
    only: { readonly author?: HonestNode; readonly receiver?: HonestNode } = {}
  ): DeliveryFigures {
    const latencies: Array<number> = []
    const hops: Array<number> = []
    let expected = 0
    let connected = 0
    let missed = 0
    let doubled = 0
    for (const message of this.#sent.values()) {
      if (!phases.includes(message.phase) || (only.author ?? message.author) !== message.author) continue
      for (const node of message.expected) {
        if ((only.receiver ?? node) !== node) continue
        const delivery = message.delivered.get(node)
        const isConnected = message.connected.has(node)
        expected++
        if (isConnected) connected++
        if (delivery === undefined) {
          if (isConnected) missed++
          continue
        }
        doubled += delivery.count - 1
        latencies.push(delivery.latencyMillis)
        hops.push(delivery.hops)
      }
    }
    return {
      deliveredFraction: fraction(latencies.length, expected),
      connectedFraction: fraction(connected, expected),
      missed,
      doubled,
      latencyMillis: spreadOf(latencies),
      hops: spreadOf(hops)
    }
  }
}

/** A part of a whole, to five decimals and never rounded up: a part is not 1. All of nothing is 1. */
export const fraction = (part: number, whole: number): number =>
  whole === 0 ? 1 : Math.floor(100_000 * part / whole) / 100_000
