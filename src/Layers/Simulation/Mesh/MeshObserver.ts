/**
 * Looks at a simulated mesh as a whole: which nodes live, who is linked with whom, what each user
 * got of each broadcast, and when.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Mesh } from "../../../Mesh/Mesh.ts"
import type { MeshEvent } from "../../../Mesh/MeshEvent.ts"
import type { MeshMessage } from "../../../Mesh/MeshMessage.ts"
import { describe } from "../../../Transport/CloseReason.ts"
import type { ListenError, Transport } from "../../../Transport/Transport.ts"
import type { MeshTrace } from "./MeshTrace.ts"

/**
 * One life of a node: started again, it is another one.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedNode {
  readonly name: string
  readonly mesh: Mesh["Service"]
  readonly startMillis: number
  isAlive: boolean
}

/**
 * A broadcast, and what became of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedBroadcast {
  readonly id: string
  /** The first one is 0. */
  readonly number: number
  readonly author: ObservedNode
  readonly atMillis: number
  /** The nodes that were connected to the author while it spread, by paths of links that lasted. */
  expected: ReadonlySet<ObservedNode>
  /** Links on the shortest way to the furthest of them. */
  furthest: number
  readonly deliveries: Map<ObservedNode, Delivery>
}

/**
 * What one node got of a broadcast.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery {
  readonly latencyMillis: number
  /** Links between the author and this node on the way it came. */
  readonly hops: number
  /** How often the user got it: once, if all is well. */
  count: number
}

/** Who is linked with whom, as both say. */
type Graph = ReadonlyMap<ObservedNode, ReadonlySet<ObservedNode>>

/**
 * The observer of one simulation.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshObserver {
  /** The nodes that live, by name, in the order of their starts. */
  readonly nodes = new Map<string, ObservedNode>()
  readonly broadcasts = new Map<string, ObservedBroadcast>()
  /** What happened that never should, first come. */
  wrong: string | undefined
  /** The first link that ended by a defect of a node. */
  defect: string | undefined
  readonly #clock: Clock.Clock
  readonly #fallen = new Set<string>()
  #endedMillis = 0
  readonly #byId = new Map<string, ObservedNode>()

  readonly #trace: MeshTrace | undefined
  /** Names by id, also of nodes that ended. */
  readonly #names = new Map<string, string>()

  /** What happens is recorded in `trace`, if there is one. */
  constructor(clock: Clock.Clock, trace?: MeshTrace) {
    this.#clock = clock
    this.#trace = trace
  }

  /** The names of nodes that ended and were not started again, in the order of their ends. */
  get fallen(): ReadonlyArray<string> {
    return [...this.#fallen]
  }

  /** How long nodes have lived so far, all together. */
  get livedMillis(): number {
    const now = this.#clock.currentTimeMillisUnsafe()
    return [...this.nodes.values()].reduce((sum, node) => sum + now - node.startMillis, this.#endedMillis)
  }

  /** The Layer of a node that is observed for as long as it lives. */
  watch(
    name: string,
    layer: Layer.Layer<Mesh, ListenError, Transport>
  ): Layer.Layer<Mesh, ListenError, Transport> {
    const watching = Effect.gen({ self: this }, function*() {
      const startMillis = this.#clock.currentTimeMillisUnsafe()
      const node: ObservedNode = { name, mesh: yield* Mesh, startMillis, isAlive: true }
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          this.#fallen.delete(name)
          this.nodes.delete(name)
          this.nodes.set(name, node)
          this.#byId.set(node.mesh.id, node)
          this.#names.set(node.mesh.id, name)
          this.#trace?.record(this.#clock.currentTimeMillisUnsafe(), { event: "start", node: name })
        }),
        () =>
          Effect.sync(() => {
            node.isAlive = false
            this.#endedMillis += this.#clock.currentTimeMillisUnsafe() - startMillis
            this.#byId.delete(node.mesh.id)
            this.#trace?.record(this.#clock.currentTimeMillisUnsafe(), { event: "stop", node: name })
            if (this.nodes.get(name) !== node) return
            this.nodes.delete(name)
            this.#fallen.add(name)
          })
      )
      yield* node.mesh.messages.pipe(
        Stream.runForEach((message) => Effect.sync(() => this.#deliver(node, message))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* node.mesh.events.pipe(
        Stream.runForEach((event) => Effect.sync(() => this.#note(name, event))),
        Effect.forkScoped({ startImmediately: true })
      )
    })
    return Layer.effectDiscard(watching).pipe(Layer.provideMerge(layer))
  }

  /** Has a node broadcast a text. `expected` is who is connected to it now. */
  readonly broadcast = Effect.fnUntraced(function*(this: MeshObserver, author: ObservedNode, text: string) {
    const graph = yield* this.graph
    const atMillis = this.#clock.currentTimeMillisUnsafe()
    const number = this.broadcasts.size
    this.#trace?.record(atMillis, { event: "broadcast", node: author.name, number })
    const id = yield* Effect.orDie(author.mesh.broadcast(text))
    const hops = hopsFrom(author, graph)
    const broadcast: ObservedBroadcast = {
      id,
      number,
      author,
      atMillis,
      expected: new Set(hops.keys()),
      furthest: [...hops.values()].at(-1) ?? 0,
      deliveries: new Map()
    }
    this.broadcasts.set(id, broadcast)
    return { broadcast, graph }
  }).bind(this)

  /**
   * Leaves out of `expected` whom no path of links leads to any more that were there at the time of
   * `before` and are there now.
   */
  readonly settle = Effect.fnUntraced(function*(this: MeshObserver, broadcast: ObservedBroadcast, before: Graph) {
    const now = yield* this.graph
    const lasting = new Map<ObservedNode, ReadonlySet<ObservedNode>>()
    for (const [node, peers] of before) {
      const linked = now.get(node)
      lasting.set(node, new Set([...peers].filter((peer) => linked?.has(peer))))
    }
    const hops = hopsFrom(broadcast.author, lasting)
    broadcast.expected = new Set(hops.keys())
    broadcast.furthest = [...hops.values()].at(-1) ?? 0
  }).bind(this)

  /** Who is linked with whom now. */
  readonly graph: Effect.Effect<Graph> = Effect.gen({ self: this }, function*() {
    const graph = new Map<ObservedNode, ReadonlySet<ObservedNode>>()
    for (const node of this.nodes.values()) {
      const linked = new Set<ObservedNode>()
      for (const { id } of yield* node.mesh.peers) {
        const peer = this.#byId.get(id)
        if (peer !== undefined) linked.add(peer)
      }
      graph.set(node, linked)
    }
    return graph
  })

  #note(node: string, event: MeshEvent): void {
    if ((event._tag === "PeerLeft" || event._tag === "Rejected") && event.reason._tag === "Defect") {
      this.defect ??= `node ${node} ended a link by a defect: ${event.reason.detail}`
    }
    if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
    const peer = this.#names.get(event.id)
    if (peer === undefined) return
    this.#trace?.record(
      this.#clock.currentTimeMillisUnsafe(),
      event._tag === "PeerJoined"
        ? { event: "link", node, peer }
        : { event: "unlink", node, peer, reason: describe(event.reason) }
    )
  }

  #deliver(node: ObservedNode, message: MeshMessage): void {
    const broadcast = this.broadcasts.get(message.id)
    if (broadcast === undefined) return
    if (node === broadcast.author) this.wrong ??= `node ${node.name} got its own broadcast ${message.text}`
    const known = broadcast.deliveries.get(node)
    if (known !== undefined) {
      known.count++
      this.wrong ??= `node ${node.name} got ${message.text} ${known.count} times`
      return
    }
    const from = this.#byId.get(message.from)
    const hops = 1 + (from === undefined ? 0 : broadcast.deliveries.get(from)?.hops ?? 0)
    const latencyMillis = this.#clock.currentTimeMillisUnsafe() - broadcast.atMillis
    broadcast.deliveries.set(node, { latencyMillis, hops, count: 1 })
    if (this.#trace === undefined) return
    const peer = from?.name ?? this.#names.get(message.from) ?? ""
    const { number } = broadcast
    this.#trace.record(this.#clock.currentTimeMillisUnsafe(), { event: "delivery", node: node.name, peer, number })
  }
}

/** The nodes that any path leads to, without where it begins. */
export const reach = <Node>(from: Node, graph: ReadonlyMap<Node, ReadonlySet<Node>>): ReadonlySet<Node> =>
  new Set(hopsFrom(from, graph).keys())

/** The same, with the links on the shortest way to each; the furthest come last. */
const hopsFrom = <Node>(from: Node, graph: ReadonlyMap<Node, ReadonlySet<Node>>): ReadonlyMap<Node, number> => {
  const found = new Map([[from, 0]])
  for (const [node, hops] of found) {
    for (const peer of graph.get(node) ?? []) if (!found.has(peer)) found.set(peer, hops + 1)
  }
  found.delete(from)
  return found
}
