/**
 * What must hold in a mesh at all times, whatever happens to it, and what must hold again when all
 * faults are over.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { MeshOptions } from "../../../Mesh/MeshConfig.ts"
import * as Frame from "../../../Protocol/Frame.ts"
import type { KnownIds, MessageType } from "../../../Protocol/Message.ts"
import type { Protocol } from "../../../Protocol/Protocol.ts"
import { isWireFault } from "../../../Protocol/WireFault.ts"
import type { Simulation } from "../Simulation.ts"
import type { TraceEvent } from "../Trace.ts"
import { type MeshObserver, type ObservedNode, reach } from "./MeshObserver.ts"

/**
 * Watches for as long as the scope lasts that no user gets a broadcast twice or its own, that no node
 * says one twice to the same peer, that no link ends by a defect, and that queues, tables and caches keep to their bounds.
 *
 * @category running
 * @since 0.1.0
 */
export const watch = Effect.fnUntraced(function*(
  simulation: Simulation,
  observer: MeshObserver,
  relays: RelayCheck,
  settings: MeshOptions
): Effect.fn.Return<void, never, Scope.Scope> {
  yield* simulation.always("exactly once", Effect.sync(() => observer.wrong), { every: "1 second" })
  yield* simulation.always("no defect", Effect.sync(() => observer.defect), { every: "1 second" })
  yield* simulation.always("relayed once", Effect.sync(() => relays.wrong), { every: "1 second" })
  yield* simulation.always("within bounds", bounds(observer, settings, new Recent(settings)), { every: "1 second" })
})

/** How many broadcasts were said within the time that a node may remember one. */
class Recent {
  readonly #keptMillis: number
  #most = 0

  /** An id is kept for the window and the skew, from when it comes, which may be the window later. */
  constructor({ maxClockSkew, relayWindow }: MeshOptions) {
    this.#keptMillis = 2 * Duration.toMillis(relayWindow) + Duration.toMillis(maxClockSkew) + 5000
  }

  /** The most so far: a node that hears of no new one forgets none. */
  mostOf(observer: MeshObserver, nowMillis: number): number {
    let count = 0
    for (const { atMillis } of observer.broadcasts.values()) if (atMillis >= nowMillis - this.#keptMillis) count++
    return this.#most = Math.max(this.#most, count)
  }
}

const bounds = Effect.fnUntraced(function*(observer: MeshObserver, settings: MeshOptions, recent: Recent) {
  const maxIds = Math.min(settings.maxSeenIds, recent.mostOf(observer, yield* Clock.currentTimeMillis))
  for (const { mesh, name } of observer.nodes.values()) {
    const stats = yield* mesh.stats
    // Where all together keep to the bound of one, each does.
    const isClear = stats.queuedBytes <= settings.maxOutboxBytes && stats.peers <= settings.maxInboundLinks
    const peers = isClear ? [] : yield* mesh.peers
    const queuedBytes = peers.reduce((most, peer) => Math.max(most, peer.queuedBytes), 0)
    const sizes = [
      ["ids of broadcasts", stats.seenIds, maxIds],
      ["addresses", stats.knownAddresses, settings.maxKnownAddresses],
      ["inbound links", peers.filter((peer) => peer.direction === "inbound").length, settings.maxInboundLinks],
      ["bytes in a queue", queuedBytes, settings.maxOutboxBytes]
    ] as const
    for (const [what, size, bound] of sizes) {
      if (size > bound) return `node ${name} holds ${size} ${what}, more than ${bound}`
    }
  }
  return undefined
})

/**
 * What is wrong with a mesh that has been left in peace, if anything: nodes that no path of links leads to, though somebody
 * is to keep to one on the other side. `kept` gives whom each node was told to keep to, by name: where all of them have gone
 * for good while a partition stood, nobody knows of the other side any more.
 *
 * @category predicates
 * @since 0.1.0
 */
export const convergence = Effect.fnUntraced(function*(
  observer: MeshObserver,
  kept: ReadonlyMap<string, ReadonlyArray<string>>
) {
  const graph = yield* observer.graph
  const ways = new Map(Array.from(graph, ([node, peers]) => [node, new Set(peers)]))
  for (const [node, ends] of ways) {
    for (const name of kept.get(node.name) ?? []) {
      const other = observer.nodes.get(name)
      if (other === undefined) continue
      ends.add(other)
      ways.get(other)?.add(node)
    }
  }
  const looked = new Set<ObservedNode>()
  for (const node of graph.keys()) {
    if (looked.has(node)) continue
    const found = reach(node, graph)
    const apart = [...reach(node, ways)].filter((other) => looked.add(other) && !found.has(other))
    if (apart.length > 0) return `no path from node ${node.name} to ${apart.map(({ name }) => name).join(", ")}`
  }
  return undefined
})

/**
 * Broadcasts said while nothing was wrong, nor went wrong as they spread, that did not come to somebody who was connected
 * to the author and lives on. `isCalm` tells whether no fault stood in that time: at least `spreadMillis`, and for each
 * link on its way the `linkMillis` that it may take.
 *
 * @category predicates
 * @since 0.1.0
 */
export const lost = (
  observer: MeshObserver,
  linkMillis: number,
  isCalm: (fromMillis: number, toMillis: number) => boolean
): string | undefined => {
  for (const { atMillis, author, deliveries, expected, furthest, number } of observer.broadcasts.values()) {
    if (!isCalm(atMillis, atMillis + Math.max(spreadMillis, furthest * linkMillis))) continue
    const missed = [...expected].find((node) => node.isAlive && !deliveries.has(node))
    if (missed !== undefined) {
      return `broadcast ${number}, said by node ${author.name} at ${
        atMillis / 1000
      } s, did not come to node ${missed.name}`
    }
  }
  return undefined
}

/** Who is expected to get a broadcast is known so many milliseconds after it was said. */
export const spreadMillis = 1000

/**
 * Pairs of nodes with connections that are nobody's link, or links without one. What a node gave up it has to close: a pair
 * that stays among them, where a mesh has been left in peace, leaks. Others are on the way to become links, or to be closed.
 *
 * @category predicates
 * @since 0.1.0
 */
export const leaks = Effect.fnUntraced(function*(
  simulation: Simulation,
  observer: MeshObserver
): Effect.fn.Return<ReadonlySet<string>> {
  const ends = new Map<string, number>()
  const add = (one: string, other: string, count: number): void => {
    const pair = one < other ? `${one} and ${other}` : `${other} and ${one}`
    ends.set(pair, (ends.get(pair) ?? 0) + count)
  }
  for (const { dialer, listener } of yield* simulation.network.connections) add(dialer, listener, 2)
  for (const [node, peers] of yield* observer.graph) for (const peer of peers) add(node.name, peer.name, -1)
  return new Set([...ends].filter(([, count]) => count !== 0).map(([pair]) => pair))
})

/** What is passed on: 0.4 has a word of its own for what is not from its author any more. */
const isFlooded = (type: MessageType): boolean => type === "broadcast" || type === "waterfall"

/** The node that gets a message checks its id. */
const unchecked: KnownIds = { has: () => true }

/**
 * When connections broke: a link that is made anew at once is no path for what was on its way.
 *
 * @category models
 * @since 0.1.0
 */
export class Breaks {
  readonly #times: Array<number> = []

  /** Takes an event of the trace. */
  readonly record = ({ atMillis, kind }: TraceEvent): void => {
    if (kind === "reset" || kind === "loss") this.#times.push(atMillis)
  }

  /** Whether one broke at any time from the one to the other. */
  hasAny(fromMillis: number, toMillis: number): boolean {
    return this.#times.some((atMillis) => atMillis >= fromMillis && atMillis <= toMillis)
  }
}

/**
 * Reads what is sent, and notices when a node says the same broadcast to the same peer again.
 *
 * @category models
 * @since 0.1.0
 */
export class RelayCheck {
  /** The first relay too many. */
  wrong: string | undefined
  readonly #protocol: Protocol["Service"]
  /** What each host said to whom since it was started. */
  readonly #said = new Map<string, Set<string>>()

  constructor(protocol: Protocol["Service"]) {
    this.#protocol = protocol
  }

  /** Takes an event of the trace. Frames begin where sends begin. */
  readonly record = (event: TraceEvent): void => {
    // Whatever ended it, a node that starts again has said nothing.
    if (event.kind === "revive") this.#said.delete(event.host)
    if (event.kind !== "send" || event.bytes === undefined) return
    const bytes = event.bytes
    for (let start = 0; start + Frame.headerBytes < bytes.length;) {
      const end = start + Frame.headerBytes + Frame.readHeader(bytes, start)
      if (end > bytes.length) return
      const message = this.#protocol.decode(bytes.subarray(start + Frame.headerBytes, end), unchecked)
      if (!isWireFault(message) && isFlooded(message.type)) this.#note(event, message.id)
      start = end
    }
  }

  #note({ host, peer }: TraceEvent, id: string): void {
    let said = this.#said.get(host)
    if (said === undefined) this.#said.set(host, said = new Set())
    const key = `${peer} ${id}`
    if (said.has(key)) this.wrong ??= `node ${host} said broadcast ${id} to node ${peer} twice`
    said.add(key)
  }
}
