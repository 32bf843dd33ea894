/** Follows the node that serves this page: asks it twice a second what it knows and what happened. */
import { byId, elementOf, showLegend } from "./Dom.ts"
import { type NetworkLink, type NetworkNode, NetworkView, pulseMillis } from "./NetworkView.ts"
import { addLines, Chart, clearLines, showTable, showTiles } from "./Panels.ts"
import { isLookup, RingView, type ShownLookup } from "./RingView.ts"
import type { ChordState, MeshState, PageEvent, PageState } from "./State.ts"
import { bytes, count, short, tell, timeOfDay } from "./Words.ts"

const intervalMillis = 500

/** How long a node that left is still shown. */
const goneMillis = 10_000

export class Live {
  readonly #network: NetworkView
  readonly #ring: RingView
  readonly #chart = new Chart(elementOf("traffic", SVGSVGElement), ["peer", "warn"])
  readonly #gone = new Map<string, number>()
  #lookups: Array<ShownLookup> = []
  #seq = 0
  #last: PageState | undefined
  /** Ends the questions of one time that it was started. */
  #asking = new AbortController()

  constructor(stage: SVGSVGElement) {
    this.#network = new NetworkView(stage)
    this.#ring = new RingView(stage)
  }

  start(): void {
    this.#asking = new AbortController()
    this.#seq = 0
    this.#last = undefined
    clearLines()
    void this.#poll(this.#asking.signal)
  }

  stop(): void {
    this.#asking.abort()
    this.#network.isOn = false
  }

  async #poll(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (!document.hidden) {
      try {
        const response = await fetch(`state?since=${this.#seq}`, { signal })
        if (!response.ok) throw new Error(`status ${response.status}`)
        const state = (await response.json()) as PageState
        if (signal.aborted) return
        this.#show(state)
        status("live", "live")
      } catch {
        if (!signal.aborted) status("lost", "the node does not answer")
      }
    }
    setTimeout(() => void this.#poll(signal), intervalMillis)
  }

  #show(state: PageState): void {
    const before = this.#last
    // A node that was started anew counts from the beginning.
    const isNew = before === undefined || before.node.id !== state.node.id || state.seq < this.#seq
    if (isNew) this.#begin(state)
    this.#last = state
    this.#seq = isNew && before !== undefined ? 0 : state.seq
    if (isNew && before !== undefined) return
    const seconds = before === undefined ? 0 : (state.nowMillis - before.nowMillis) / 1000
    const rate = (name: string) =>
      before === undefined || seconds <= 0
        ? 0
        : Math.max(0, ((state.node.stats[name] ?? 0) - (before.node.stats[name] ?? 0)) / seconds)
    if (state.node.kind === "mesh") this.#showMesh(state, state.node, before?.node.stats, rate, isNew)
    else this.#showChord(state, state.node, rate, isNew)
    addLines(state.events.map((event) => ({ ...tell(event), when: timeOfDay(event.atMillis) })))
  }

  #begin({ node }: PageState): void {
    const isMesh = node.kind === "mesh"
    byId("title").textContent = `${isMesh ? "Mesh" : "Chord"} node ${short(node.id)}`
    byId("subtitle").textContent = `${node.addresses.join(", ")} · ${node.id}`
    document.title = `${short(node.id)} · p2p`
    byId("stage-title").textContent = isMesh ? "Network, as this node knows it" : "Ring, as this node knows it"
    byId("traffic-title").textContent = isMesh ? "Messages a second" : "Calls a second"
    this.#network.isOn = isMesh
    this.#ring.isOn = !isMesh
    showLegend(
      byId("legend"),
      isMesh
        ? [
          { text: "this node", color: "self" },
          { text: "peers", color: "peer" },
          { text: "their peers", color: "far" },
          { text: "just left", color: "bad" },
          { text: "messages", color: "warn" }
        ]
        : [
          { text: "this node, and what it answers for", color: "self" },
          { text: "neighbors", color: "peer" },
          { text: "fingers, met in lookups", color: "far" },
          { text: "keys held", color: "key" },
          { text: "lookups", color: "warn", form: "line" }
        ]
    )
    showLegend(
      byId("traffic-legend"),
      isMesh
        ? [{ text: "received", color: "peer", form: "line" }, { text: "sent and relayed", color: "warn", form: "line" }]
        : [{ text: "asked", color: "peer", form: "line" }, { text: "answered", color: "warn", form: "line" }]
    )
  }

  #showMesh(
    state: PageState,
    node: MeshState,
    before: Readonly<Record<string, number>> | undefined,
    rate: (name: string) => number,
    isNew: boolean
  ): void {
    const { stats } = node
    for (const event of state.events) {
      if (event.event === "peer-left" && !isNew) this.#gone.set(String(event["id"]), state.nowMillis + goneMillis)
    }
    const queued = node.peers.reduce((sum, peer) => sum + peer.queuedBytes, 0)
    const seen = (stats["received"] ?? 0) || 1
    showTiles([
      { name: "peers", value: count(node.peers.length) },
      { name: "received / s", value: count(rate("received")) },
      { name: "passed on / s", value: count(rate("sent") + rate("relayed")) },
      { name: "duplicates", value: `${Math.round(100 * (stats["duplicates"] ?? 0) / seen)} %` },
      { name: "queued", value: bytes(queued), isAlarm: node.peers.some((peer) => peer.isSlow) },
      { name: "links refused", value: count(stats["rejected"] ?? 0) }
    ])
    this.#chart.add([rate("received"), rate("sent") + rate("relayed")])
    showTable(
      `Peers (${node.peers.length})`,
      [
        { name: "id", kind: "mono" },
        { name: "address", kind: "wide" },
        { name: "dialed by" },
        { name: "queue", kind: "number" }
      ],
      node.peers.map((peer) => [
        short(peer.id),
        peer.address ?? "cannot be dialed",
        peer.direction === "outbound" ? "this node" : "it",
        peer.isSlow ? { text: `slow, ${bytes(peer.queuedBytes)}`, color: "warn" } : bytes(peer.queuedBytes)
      ]),
      "No peer is linked. Others join with p2p mesh --connect and this node's address."
    )
    this.#network.show(...this.#graph(state, node))
    if (!isNew) this.#pulse(state.events, node, (stats["sent"] ?? 0) > (before?.["sent"] ?? 0))
  }

  /** This node, its peers and theirs, and who has just left. */
  #graph(
    { nowMillis }: PageState,
    node: MeshState
  ): readonly [Array<NetworkNode>, Array<NetworkLink>] {
    const nodes = new Map<string, NetworkNode>([
      [node.id, { id: node.id, label: short(node.id), title: `this node\n${node.id}`, role: "self" }]
    ])
    const links: Array<NetworkLink> = []
    for (const peer of node.peers) {
      const title = `${peer.id}\n${peer.address ?? "cannot be dialed"}`
      nodes.set(peer.id, { id: peer.id, label: short(peer.id), title, role: "peer", isSlow: peer.isSlow })
      links.push({ a: node.id, b: peer.id, role: "own" })
    }
    for (const { id, peers } of node.survey) {
      for (const far of peers) {
        // It need not know yet that a node has left that this one has seen leaving.
        if (this.#gone.has(far) && !nodes.has(far)) continue
        if (!nodes.has(far)) {
          nodes.set(far, { id: far, label: short(far), title: `${far}\na peer of peers`, role: "far" })
        }
        if (far !== node.id) links.push({ a: id, b: far, role: "far" })
      }
    }
    for (const [id, untilMillis] of this.#gone) {
      if (untilMillis < nowMillis || nodes.get(id)?.role === "peer") this.#gone.delete(id)
      else {
        nodes.set(id, { id, label: short(id), title: `${id}\nleft`, role: "gone" })
        links.push({ a: node.id, b: id, role: "half" })
      }
    }
    return [[...nodes.values()], links]
  }

  #pulse(events: ReadonlyArray<PageEvent>, node: MeshState, hasSent: boolean): void {
    const messages = events.filter(({ event }) => event === "message")
    for (const [index, { from, kind, sender }] of messages.entries()) {
      const delay = index * (intervalMillis / messages.length)
      const [author, last] = [String(sender), String(from)]
      if (author !== last) this.#network.pulse(author, last, delay)
      const arrival = delay + (author === last ? 0 : pulseMillis)
      this.#network.pulse(last, node.id, arrival)
      if (kind === "whisper") continue
      for (const { id } of node.peers) {
        if (id !== last && id !== author) this.#network.pulse(node.id, id, arrival + pulseMillis)
      }
    }
    if (hasSent) { for (const { id } of node.peers) this.#network.pulse(node.id, id) }
  }

  #showChord(state: PageState, node: ChordState, rate: (name: string) => number, isNew: boolean): void {
    const { stats } = node
    const lookups = stats["lookups"] ?? 0
    const failed = stats["lookupsFailed"] ?? 0
    showTiles([
      { name: node.whole ? "members" : "members, ≈", value: count(node.size) },
      { name: "records held", value: count(stats["records"] ?? 0) },
      { name: "bytes held", value: bytes(stats["bytes"] ?? 0) },
      { name: "lookups", value: count(lookups) },
      { name: "hops a lookup", value: lookups === 0 ? "–" : ((stats["hops"] ?? 0) / lookups).toFixed(2) },
      { name: "lookups failed", value: count(failed), isAlarm: failed > 0 && failed > lookups / 50 }
    ])
    this.#chart.add([rate("calls"), rate("served")])
    for (const event of state.events) {
      if (!isLookup(event)) continue
      this.#lookups.unshift(event)
      this.#ring.meet(event)
    }
    this.#lookups = this.#lookups.slice(0, 30)
    showTable(
      `Keys (${count(stats["records"] ?? 0)} held here)`,
      [{ name: "key", kind: "wide" }, { name: "value", kind: "number" }],
      node.keys.map(({ bytes: size, isDeleted, key }) => [
        key,
        isDeleted ? { text: "deleted", color: "far" } : bytes(size)
      ]),
      "This node holds no keys yet."
    )
    this.#ring.show(node)
    const last = this.#lookups.find(({ path }) => path.length > 0) ?? this.#lookups[0]
    if (!isNew && last !== undefined && state.events.some(isLookup)) this.#ring.lookup(last)
  }
}

export const status = (state: "waiting" | "live" | "lost" | "trace", text: string): void => {
  const element = byId("status")
  element.dataset["state"] = state
  element.textContent = text
}
