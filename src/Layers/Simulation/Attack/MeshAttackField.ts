/**
 * The two sides of an attack in one simulation: honest nodes with the default settings and a few
 * bootstrap addresses that all of them know, and sybils that know every honest address. What they
 * are linked with is counted from outside, by who really stands at the other end.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { Mesh } from "../../../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../../../Mesh/MeshConfig.ts"
import type { MeshEvent } from "../../../Mesh/MeshEvent.ts"
import type { MeshStats } from "../../../Mesh/MeshStats.ts"
import type { PeerEntry } from "../../../Protocol/Payload.ts"
import { PeerAddress } from "../../../Protocol/PeerAddress.ts"
import type { Given } from "../../../Transport/Settings.ts"
import * as MemoryMesh from "../../MemoryMesh.ts"
import { type Spread, spreadOf } from "../Figures.ts"
import { reach } from "../Mesh/MeshObserver.ts"
import type { Simulation } from "../Simulation.ts"
import * as HostileMesh from "./HostileMesh.ts"
import { AttackRecord, fraction, type HonestNode } from "./MeshAttackRecord.ts"

/**
 * With whom the honest nodes are linked at one time, both ends of a link between two of them counted.
 *
 * @category models
 * @since 0.1.0
 */
export interface LinkFigures {
  readonly honest: number
  readonly sybil: number
  /** The part of them that leads to sybils. */
  readonly sybilFraction: number
  /** Links that honest nodes dialed themselves, to honest nodes. */
  readonly outboundHonest: number
  /** Links that honest nodes dialed themselves, to sybils that lists of peers named. */
  readonly outboundSybil: number
  readonly inboundHonest: number
  readonly inboundSybil: number
  /** Honest nodes without a link to any other. */
  readonly isolated: number
}

/**
 * What the protections of the mesh did, when the attack was about to end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Protections {
  /** Slots for inbound links that all honest nodes have together. */
  readonly inboundSlots: number
  /** Inbound peers of honest nodes that made room for others, having passed on nothing. */
  readonly evicted: number
  /** Connections of sybils that came to nothing, most of them since all slots were taken. */
  readonly sybilsRejected: number
  /** Honest nodes that are linked with one of the bootstrap nodes, these among them. */
  readonly bootstrapLinked: number
  /** Links that honest nodes dialed to bootstrap nodes since the start. */
  readonly bootstrapLinks: number
  /** Their dials to bootstrap nodes that were refused, having no slot left. */
  readonly bootstrapRefusals: number
  /** Lists of peers that sybils told, and entries in them; of one list 64 are looked at. */
  readonly listsTold: number
  readonly entriesTold: number
  /** Addresses that an honest node knows; at most 1000 are kept. */
  readonly knownAddresses: Spread
  /** The part of the known addresses that cannot be of honest nodes, at least. */
  readonly poisonedFraction: number
}

/**
 * Limits that acted at the honest nodes, all together.
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitFigures {
  /** Broadcasts that sybils made of their own. */
  readonly flooded: number
  /** Frames that were dropped for newer ones, a peer's queue being full (`maxOutboxBytes`). */
  readonly dropped: number
  /** Times that a peer came to count as slow (`slowPatience`). */
  readonly slow: number
  /** Links that ended since the peer stayed slow (`slowTimeout`), to honest nodes and to sybils. */
  readonly tooSlow: number
  /** Of those, links to honest nodes. */
  readonly tooSlowHonest: number
  /** Times that a peer was read later (`maxMessagesPerSecond`). */
  readonly throttled: number
  /** Sources that were banned. */
  readonly banned: number
}

/** A sybil that runs. */
interface Sybil {
  readonly name: string
  readonly node: HostileMesh.HostileMesh["Service"]
}

/**
 * What the field is made with.
 *
 * @category options
 * @since 0.1.0
 */
export interface FieldOptions {
  /** Honest nodes that will be started, the bootstrap nodes among them and first. */
  readonly honest: number
  readonly bootstraps: number
  /** Sybils that will be started. */
  readonly sybils: number
  readonly seed: string
  /** Of the honest nodes, where they are not the default ones. */
  readonly settings: Given<MeshOptions>
}

/**
 * The honest nodes, the sybils and the record of one run.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshAttackField {
  readonly honest: Array<HonestNode> = []
  readonly record = new AttackRecord()
  readonly options: FieldOptions
  /** All sybils, as lists of peers name them; also those that are yet to start. */
  readonly accomplices: ReadonlyArray<PeerEntry>
  readonly #simulation: Simulation
  readonly #sybils: Array<Sybil> = []
  readonly #sybilIds = new Set<string>()
  readonly #byId = new Map<string, HonestNode>()
  readonly #bootstraps: ReadonlyArray<PeerAddress>
  readonly #slow = { slow: 0, tooSlow: 0, tooSlowHonest: 0 }
  /** What honest nodes had counted when they crashed: started again they count from zero. */
  readonly #ended: Array<MeshStats> = []
  readonly #bootstrapDials = { linked: 0, refused: 0 }

  constructor(simulation: Simulation, options: FieldOptions) {
    this.options = options
    this.#simulation = simulation
    this.accomplices = Array.from({ length: options.sybils }, (_, index) => ({
      id: sybilName(index),
      address: addressOf(sybilName(index))
    }))
    this.#bootstraps = Array.from({ length: options.bootstraps }, (_, index) => addressOf(honestName(index)))
  }

  /** Starts the next honest node. */
  readonly startHonest = Effect.gen({ self: this }, function*() {
    const index = this.honest.length
    const name = honestName(index)
    const mesh = yield* this.#startMesh(name)
    const node: HonestNode = { name, mesh, isBootstrap: index < this.options.bootstraps, isUp: true }
    this.honest.push(node)
    yield* this.#observe(node)
  })

  readonly crash = Effect.fnUntraced(function*(this: MeshAttackField, node: HonestNode) {
    node.isUp = false
    this.#ended.push(yield* node.mesh.stats)
    yield* Effect.orDie(this.#simulation.crash(node.name))
  }).bind(this)

  /** Starts a crashed node again: with another id, as any node has after a start. */
  readonly restart = Effect.fnUntraced(function*(this: MeshAttackField, node: HonestNode) {
    node.mesh = yield* this.#startMesh(node.name)
    node.isUp = true
    yield* this.#observe(node)
  }).bind(this)

  readonly #startMesh = (name: string): Effect.Effect<Mesh["Service"]> =>
    this.#simulation.start(
      name,
      MemoryMesh.layerTransport({ ...this.options.settings, host: name, bootstrap: this.#bootstraps })
    ).pipe(
      Effect.map(Context.get(Mesh)),
      Effect.orDie
    )

  readonly #observe = Effect.fnUntraced(function*(this: MeshAttackField, node: HonestNode) {
    const { mesh } = node
    const clock = yield* Clock.Clock
    this.#byId.set(mesh.id, node)
    const messages = Stream.runForEach(
      mesh.messages,
      ({ from, id }) => Effect.sync(() => this.record.delivered(id, node, from, clock.currentTimeMillisUnsafe()))
    )
    const events = Stream.runForEach(mesh.events, (event) =>
      Effect.sync(() => {
        this.#countDial(event)
        this.#countSlow(event)
      }))
    yield* Effect.forkScoped(messages, { startImmediately: true })
    yield* Effect.forkScoped(events, { startImmediately: true })
  }).bind(this)

  /** Counts what came of a dial to a bootstrap node. */
  #countDial(event: MeshEvent): void {
    if (event._tag === "PeerJoined" && event.direction === "outbound" && this.#isBootstrap(event.address)) {
      this.#bootstrapDials.linked++
    } else if (event._tag === "Rejected" && event.direction === "outbound" && this.#isBootstrap(event.remote)) {
      if (event.reason._tag === "Goodbye" && event.reason.reason === "Full") this.#bootstrapDials.refused++
    }
  }

  #countSlow(event: MeshEvent): void {
    if (event._tag === "PeerSlow") this.#slow.slow++
    else if (event._tag === "PeerLeft" && event.reason._tag === "TooSlow") {
      this.#slow.tooSlow++
      if (this.#byId.has(event.id)) this.#slow.tooSlowHonest++
    }
  }

  #isBootstrap(address: PeerAddress | undefined): boolean {
    return this.#bootstraps.some((bootstrap) => bootstrap.host === address?.host)
  }

  /** Starts the next sybil, which dials these honest nodes. It goes by `claim`, the id of a node, if given. */
  readonly startSybil = Effect.fnUntraced(function*(
    this: MeshAttackField,
    behavior: Partial<HostileMesh.HostileBehavior>,
    targets: ReadonlyArray<number>,
    claim?: string
  ) {
    const name = sybilName(this.#sybils.length)
    const id = claim ?? name
    const layer = HostileMesh.layerTransport({
      host: name,
      id,
      behavior,
      firstLinkNumber: claim === undefined ? 1 : claimedLinkNumber,
      // Under a borrowed id it would count for its owner.
      onBroadcast: claim === undefined ? (message, from) => void this.record.passed(message.id, id, from) : undefined
    })
    const node = Context.get(yield* Effect.orDie(this.#simulation.start(name, layer)), HostileMesh.HostileMesh)
    this.#sybils.push({ name, node })
    if (claim === undefined) this.#sybilIds.add(id)
    for (const target of targets) yield* node.connect(addressOf(honestName(target)))
  }).bind(this)

  /** Changes what every sybil does. */
  readonly behave = (changes: Partial<HostileMesh.HostileBehavior>): Effect.Effect<void> =>
    Effect.forEach(this.#sybils, ({ node }) => node.behave(changes), { discard: true })

  /** All sybils are gone at once. */
  readonly endAttack = Effect.fnUntraced(function*(this: MeshAttackField) {
    for (const { name } of this.#sybils) yield* Effect.orDie(this.#simulation.crash(name))
    this.#sybils.length = 0
  }).bind(this)

  /**
   * Has a node broadcast 64 bytes. Owed to those that are joined to it by links which stand until it has
   * spread: a link that is evicted while the broadcast is on its way to it does not count.
   */
  readonly broadcast = Effect.fnUntraced(function*(
    this: MeshAttackField,
    author: HonestNode,
    phase: string
  ) {
    const expected = new Set(this.honest.filter((node) => node.isUp && node !== author))
    const before = yield* this.#graph
    const atMillis = yield* Clock.currentTimeMillis
    const id = yield* Effect.orDie(author.mesh.broadcast(`${phase} ${this.record.count}`.padEnd(64, ".")))
    const connected = reach(author, before)
    this.record.sent(id, { phase, author, atMillis, expected, connected })
    const settle = Effect.map(this.#graph, (after) => this.record.settled(id, reach(author, common(before, after))))
    yield* Effect.forkScoped(Effect.delay(settle, spreadMillis))
  }).bind(this)

  /** Whether a path of honest links joins all honest nodes that are up. */
  readonly isWhole: Effect.Effect<boolean> = Effect.gen({ self: this }, function*() {
    const up = this.honest.filter((node) => node.isUp)
    return up.length === 0 || reach(up[0]!, yield* this.#graph).size === up.length - 1
  })

  /** The links of these honest nodes. */
  readonly links = Effect.fnUntraced(function*(
    this: MeshAttackField,
    nodes: ReadonlyArray<HonestNode>
  ): Effect.fn.Return<LinkFigures> {
    const claims = yield* this.#claims
    const graph = yield* this.#graph
    const counts = { outboundHonest: 0, outboundSybil: 0, inboundHonest: 0, inboundSybil: 0, isolated: 0 }
    for (const node of nodes) {
      const linked = graph.get(node) ?? new Set()
      for (const peer of node.isUp ? yield* node.mesh.peers : []) {
        if (linked.has(this.#byId.get(peer.id)!)) counts[`${peer.direction}Honest`]++
        else if (this.#isSybil(node, peer.id, claims)) counts[`${peer.direction}Sybil`]++
      }
      if (linked.size === 0) counts.isolated++
    }
    const honest = counts.outboundHonest + counts.inboundHonest
    const sybil = counts.outboundSybil + counts.inboundSybil
    return { honest, sybil, sybilFraction: honest + sybil === 0 ? 0 : fraction(sybil, honest + sybil), ...counts }
  }).bind(this)

  /** What acted so far. */
  readonly limits: Effect.Effect<LimitFigures> = Effect.gen({ self: this }, function*() {
    const counts = { flooded: 0, dropped: 0, throttled: 0, banned: 0 }
    for (const { node } of this.#sybils) counts.flooded += (yield* node.stats).flooded
    for (const { banned, droppedOutbound, throttled } of yield* this.#honestStats) {
      counts.banned += banned
      counts.dropped += droppedOutbound
      counts.throttled += throttled
    }
    return { ...counts, ...this.#slow }
  })

  /** What the protections did so far. */
  readonly protections: Effect.Effect<Protections> = Effect.gen({ self: this }, function*() {
    const told = { sybilsRejected: 0, listsTold: 0, entriesTold: 0 }
    for (const { node } of this.#sybils) {
      const stats = yield* node.stats
      told.sybilsRejected += stats.rejected
      told.listsTold += stats.listsTold
      told.entriesTold += stats.entriesTold
    }
    const known: Array<number> = []
    let poisoned = 0
    let bootstrapLinked = 0
    const graph = yield* this.#graph
    for (const node of this.honest) {
      const { knownAddresses } = yield* node.mesh.stats
      known.push(knownAddresses)
      poisoned += Math.max(0, knownAddresses - (this.honest.length - 1))
      if ([...graph.get(node) ?? []].some((peer) => peer.isBootstrap)) bootstrapLinked++
    }
    const { maxInboundLinks = MeshConfig.defaults.maxInboundLinks } = this.options.settings
    return {
      ...told,
      inboundSlots: this.honest.length * maxInboundLinks,
      evicted: (yield* this.#honestStats).reduce((sum, { evicted }) => sum + evicted, 0),
      bootstrapLinked,
      bootstrapLinks: this.#bootstrapDials.linked,
      bootstrapRefusals: this.#bootstrapDials.refused,
      knownAddresses: spreadOf(known),
      poisonedFraction: fraction(poisoned, Math.max(1, known.reduce((sum, count) => sum + count, 0)))
    }
  })

  /** What honest nodes have counted, each life of one by itself. */
  get #honestStats(): Effect.Effect<ReadonlyArray<MeshStats>> {
    const standing = this.honest.filter((node) => node.isUp)
    return Effect.map(Effect.forEach(standing, ({ mesh }) => mesh.stats), (stats) => [...this.#ended, ...stats])
  }

  /** Links that sybils hold, or contend for, under the id of another: the id of the honest end, and the one that is claimed. */
  get #claims(): Effect.Effect<ReadonlySet<string>> {
    return Effect.gen({ self: this }, function*() {
      const claims = new Set<string>()
      for (const { node } of this.#sybils) {
        if (this.#sybilIds.has(node.id)) continue
        for (const id of yield* node.peers) claims.add(`${id} ${node.id}`)
      }
      return claims
    })
  }

  #isSybil(node: HonestNode, id: string, claims: ReadonlySet<string>): boolean {
    return this.#sybilIds.has(id) || claims.has(`${node.mesh.id} ${id}`)
  }

  /**
   * Who is linked with whom as both ends say, sybils left out: a link that one of them claims is its
   * own when the owner of the id does not have it, or is deceived likewise.
   */
  get #graph(): Effect.Effect<Graph> {
    return Effect.gen({ self: this }, function*() {
      const claims = yield* this.#claims
      const said = new Map<HonestNode, Set<HonestNode>>()
      for (const node of this.honest) {
        const peers = new Set<HonestNode>()
        for (const { id } of node.isUp ? yield* node.mesh.peers : []) {
          const other = this.#byId.get(id)
          if (other?.mesh.id !== id || !other.isUp) continue
          const isClaimed = this.#isSybil(node, id, claims) && this.#isSybil(other, node.mesh.id, claims)
          if (!isClaimed) peers.add(other)
        }
        said.set(node, peers)
      }
      for (const [node, peers] of said) {
        for (const other of peers) {
          if (said.get(other)?.has(node) !== true) peers.delete(other)
        }
      }
      return said
    })
  }
}

type Graph = ReadonlyMap<HonestNode, ReadonlySet<HonestNode>>

/** What both have. */
const common = (before: Graph, after: Graph): Graph =>
  new Map(Array.from(before, ([node, peers]) => [
    node,
    new Set([...peers].filter((peer) => after.get(node)?.has(peer) === true))
  ]))

/** In which a broadcast has gone everywhere, in milliseconds. */
const spreadMillis = 1000

/** Higher than any number an honest node gives a link. */
const claimedLinkNumber = 1_000_000_000

const honestName = (index: number): string => `honest ${index}`
const sybilName = (index: number): string => `sybil ${index}`
const addressOf = (name: string): PeerAddress => new PeerAddress({ host: name, port: 4444 })

/** So many of the honest nodes by chance, each at most once. */
export const drawTargets = (count: number, honest: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(Random.shuffle(Array.from({ length: honest }, (_, index) => index)), (all) => [...all].slice(0, count))
