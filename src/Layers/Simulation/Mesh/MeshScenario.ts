/**
 * A mesh under load, measured: nodes join one another, broadcast, some of them crash at once, come
 * and go, or are hit by faults, and the others heal and go on. What `p2p simulate mesh` runs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Mesh } from "../../../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../../../Mesh/MeshConfig.ts"
import type { PeerAddress } from "../../../Protocol/PeerAddress.ts"
import { Protocol } from "../../../Protocol/Protocol.ts"
import { type Given, withDefaults } from "../../../Transport/Settings.ts"
import type { ListenError } from "../../../Transport/Transport.ts"
import * as MemoryMesh from "../../MemoryMesh.ts"
import type { FaultSchedule } from "../Fault.ts"
import * as Faults from "../Faults.ts"
import { checkScenario } from "../OptionsCheck.ts"
import { drawingOf } from "../Picture/MeshDrawing.ts"
import type { HealStep, MeshPictureData } from "../Picture/MeshPicture.ts"
import type { InvariantViolated, LeftBehind, NodeNameError, NodeStartError, Simulation } from "../Simulation.ts"
import * as Simulations from "../Simulation.ts"
import { InvariantViolated as Violation } from "../SimulationError.ts"
import * as MeshChecks from "./MeshChecks.ts"
import { measure, type MeshFigures } from "./MeshFigures.ts"
import { MeshObserver, type ObservedNode } from "./MeshObserver.ts"
import type { MeshTrace } from "./MeshTrace.ts"

/**
 * The scenario.
 *
 * @category options
 * @since 0.1.0
 */
export interface MeshScenario {
  readonly nodes: number
  readonly seed: string
  /** Virtual seconds over which the broadcasts are spread. */
  readonly durationSeconds: number
  /** Broadcasts of 64 bytes, by nodes drawn by chance. */
  readonly broadcasts: number
  /** The fraction of the nodes, 0 to 1, that crash at once when half of the time is over. */
  readonly failFraction: number
  /** The chance, 0 to 1, that a send breaks its connection. */
  readonly lossChance: number
  /** The mean time from one node to another, in milliseconds; each send takes half to one and a half of it. */
  readonly latencyMillis: number
  /** A node crashes, and a new one joins, each so many milliseconds. Default never. */
  readonly churnMillis?: number | undefined
  /**
   * Faults from the first broadcast on: so many, drawn from the seed, or just these. With faults the
   * run is checked (see `MeshChecks`), and when they are over and the mesh was left in peace for two
   * minutes, without churn, all nodes must be connected again and get every broadcast. Default none.
   */
  readonly faults?: number | FaultSchedule | undefined
  /** What is set otherwise than by default in each node. */
  readonly settings?: Given<Omit<MeshOptions, "announce" | "bootstrap" | "listen">> | undefined
  /** Records what happens, without a change to it. Default nothing does. */
  readonly trace?: MeshTrace | undefined
  /** Called now and then with the fraction of virtual time that is over. */
  readonly onProgress?: ((fraction: number) => void) | undefined
}

/**
 * What a run gives: its figures, and what `MeshPicture.render` draws.
 *
 * @category models
 * @since 0.1.0
 */
export interface MeshResult {
  readonly figures: MeshFigures
  readonly picture: MeshPictureData
}

/**
 * Why a scenario did not come to its end.
 *
 * @category errors
 * @since 0.1.0
 */
export type MeshScenarioError = InvariantViolated | LeftBehind | ListenError | NodeNameError | NodeStartError

/** The most that a send takes, to the mean. */
const longestLatency = 1.5
/** Seconds before the first broadcast, for the nodes to find each other, and after the last. */
const settleSeconds = 10
/** Seconds in which the nodes start, one after the other. */
const startSeconds = 10
/** Seconds in which a mesh finds together again when faults are over: the longest wait for a redial, and for a silent peer. */
const peaceSeconds = 120

/**
 * Runs a scenario to its end; synchronous. Throws a `RangeError` for numbers that no scenario can have.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (scenario: MeshScenario): Exit.Exit<MeshResult, MeshScenarioError> => {
  const { broadcasts, churnMillis, durationSeconds, failFraction, latencyMillis, lossChance, nodes, seed, trace } =
    scenario
  checkScenario({
    nodes: { nodes },
    counts: { broadcasts },
    chances: { failFraction, lossChance },
    amounts: { durationSeconds, latencyMillis },
    churnMillis
  })
  const latency = (_from: string, _to: string, chance: number) => latencyMillis * (0.5 + chance)
  const totalMillis = 1000 * (startSeconds + 2 * settleSeconds + scenario.durationSeconds +
    (scenario.faults === undefined ? 0 : peaceSeconds))
  const protocol = Effect.runSync(Effect.provide(Protocol, MemoryMesh.layerProtocol))
  const relays = new MeshChecks.RelayCheck(protocol)
  const breaks = new MeshChecks.Breaks()
  return Simulations.run({
    seed,
    latency,
    lossChance,
    stallMillis: 2000,
    maxTraceEvents: 0,
    maxDuration: Number.POSITIVE_INFINITY,
    onEvent: scenario.faults === undefined && trace === undefined ? undefined : (event) => {
      if (scenario.faults !== undefined) {
        relays.record(event)
        breaks.record(event)
      }
      trace?.recordFault(event)
    }
  }, (simulation, clock) => {
    clock.onStep((now) => scenario.onProgress?.(Math.min(1, now / totalMillis)))
    const play = new Play(scenario, simulation, new MeshObserver(clock, trace))
    return play.run(relays, breaks)
  })
}

/**
 * The faults of a scenario: those it names, or those its seed draws.
 *
 * @category running
 * @since 0.1.0
 */
export const scheduleOf = ({ durationSeconds, faults = [], nodes, seed }: MeshScenario): FaultSchedule =>
  typeof faults === "number"
    ? Faults.random({ seed, nodes: namesOf(nodes), count: faults, fromMillis: 0, toMillis: 1000 * durationSeconds })
    : faults

const namesOf = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, index) => `${index}`)

/** One run of a scenario. */
class Play {
  readonly #scenario: MeshScenario
  readonly #settings: MeshOptions
  readonly #simulation: Simulation
  readonly #observer: MeshObserver
  readonly #healing: Array<HealStep> = []
  /** Whom each node was told to keep to when it started last. */
  readonly #kept = new Map<string, ReadonlyArray<string>>()
  #startCount = 0
  #healMillis: number | null = null
  /** The faults are over, and the mesh is left in peace. */
  #isAtPeace = false

  constructor(scenario: MeshScenario, simulation: Simulation, observer: MeshObserver) {
    this.#scenario = scenario
    this.#settings = withDefaults<MeshOptions>(MeshConfig.defaults, scenario.settings ?? {})
    this.#simulation = simulation
    this.#observer = observer
  }

  readonly run = Effect.fnUntraced(function*(
    this: Play,
    relays: MeshChecks.RelayCheck,
    breaks: MeshChecks.Breaks
  ): Effect.fn.Return<MeshResult, MeshScenarioError, Scope.Scope> {
    const { broadcasts, churnMillis, durationSeconds, failFraction, faults, nodes, seed, trace } = this.#scenario
    for (let index = 0; index < nodes; index++) {
      yield* this.#startNode()
      yield* Effect.sleep(1000 * startSeconds / nodes)
    }
    yield* Effect.sleep(1000 * settleSeconds)
    const schedule = scheduleOf(this.#scenario)
    let playing: Fiber.Fiber<void, NodeStartError> | undefined
    let playedMillis = 0
    if (faults !== undefined) {
      yield* MeshChecks.watch(
        this.#simulation,
        this.#observer,
        relays,
        this.#settings
      )
      playedMillis = yield* Clock.currentTimeMillis
      playing = yield* Effect.forkScoped(Faults.play(this.#simulation, schedule))
    }
    if (churnMillis !== undefined) yield* Effect.forkScoped(this.#churn(churnMillis))

    const crashAt = failFraction > 0 ? broadcasts >> 1 : -1
    for (let number = 0; number < broadcasts; number++) {
      if (number === crashAt) yield* Effect.forkScoped(this.#heal(yield* this.#crashSome(failFraction)))
      yield* this.#broadcast(number)
      yield* Effect.sleep(1000 * durationSeconds / broadcasts)
    }
    yield* Effect.sleep(1000 * settleSeconds)
    if (playing !== undefined) {
      yield* Fiber.join(playing)
      yield* this.#mustConverge()
      const lost = MeshChecks.lost(
        this.#observer,
        longestLatency * this.#scenario.latencyMillis,
        (from, to) => !breaks.hasAny(from, to) && isCalm(schedule, from - playedMillis, to - playedMillis)
      )
      if (lost !== undefined) return yield* this.#violation("loses nothing", lost)
    }
    const virtualSeconds = (yield* Clock.currentTimeMillis) / 1000
    const healMillis = this.#healMillis
    const given = { nodes, seed, virtualSeconds, healMillis, faults: schedule.length }
    trace?.end()
    const figures = yield* measure(this.#observer, this.#simulation.trace, given)
    return { figures, picture: yield* drawingOf(this.#observer, figures, this.#healing) }
  }).bind(this)

  readonly #startNode = Effect.fnUntraced(function*(this: Play) {
    const name = `${this.#startCount++}`
    const entry = yield* this.#anyNode()
    const known = entry === undefined ? [] : [entry.mesh.address]
    let isAgain = false
    const layer = Layer.suspend(() => {
      const bootstrap = isAgain ? [...known, ...this.#newcomers] : known
      isAgain = true
      this.#kept.set(name, bootstrap.map(({ hostname }) => hostname))
      return MemoryMesh.layerTransport({ ...this.#scenario.settings, host: name, bootstrap })
    })
    return Context.get(yield* this.#simulation.start(name, this.#observer.watch(name, layer)), Mesh)
  }).bind(this)

  /** Whom a node is told of that starts again, where the one that it knew may have gone for good. */
  get #newcomers(): ReadonlyArray<PeerAddress> {
    const { churnMillis, failFraction } = this.#scenario
    const living = churnMillis === undefined && failFraction === 0 ? [] : [...this.#observer.nodes.values()]
    return living.slice(-3).map(({ mesh }) => mesh.address)
  }

  /** A living node, drawn by chance. */
  #anyNode(): Effect.Effect<ObservedNode | undefined> {
    const alive = [...this.#observer.nodes.values()]
    return alive.length < 2
      ? Effect.succeed(alive[0])
      : Effect.map(Random.nextIntBetween(0, alive.length - 1), (index) => alive[index])
  }

  readonly #broadcast = Effect.fnUntraced(function*(this: Play, number: number) {
    const author = yield* this.#anyNode()
    if (author === undefined) return
    const { broadcast, graph } = yield* this.#observer.broadcast(author, `broadcast ${number}`.padEnd(64, "."))
    const { churnMillis, faults, lossChance } = this.#scenario
    if (churnMillis === undefined && faults === undefined && lossChance === 0) return
    // Links come and go: who was cut off while it spread is not expected to have it.
    yield* Effect.forkScoped(Effect.delay(this.#observer.settle(broadcast, graph), MeshChecks.spreadMillis))
  }).bind(this)

  /** One leaves without a word, one joins, again and again, until there is peace: who is new or gone gets nothing. */
  readonly #churn = Effect.fnUntraced(function*(this: Play, everyMillis: number) {
    while (true) {
      yield* Effect.sleep(everyMillis)
      if (this.#isAtPeace) return
      const doomed = yield* this.#anyNode()
      if (doomed !== undefined) yield* Effect.orDie(this.#simulation.crash(doomed.name))
      yield* Effect.orDie(this.#startNode())
    }
  }).bind(this)

  /** Crashes nodes drawn by chance; gives how many outbound links each survivor had, of its share: a spare one is not made up. */
  readonly #crashSome = Effect.fnUntraced(function*(this: Play, fraction: number) {
    const nodes = [...this.#observer.nodes.values()]
    const outbound = new Map<ObservedNode, number>()
    const { maxOutboundLinks } = this.#settings
    for (const node of nodes) outbound.set(node, Math.min(maxOutboundLinks, yield* outboundCount(node)))
    for (const node of (yield* Random.shuffle(nodes)).slice(0, Math.floor(nodes.length * fraction))) {
      outbound.delete(node)
      yield* Effect.orDie(this.#simulation.crash(node.name))
    }
    return outbound
  }).bind(this)

  /** Notes how long it takes until each survivor has its outbound links again, or one to each other, to 50 ms. */
  readonly #heal = Effect.fnUntraced(function*(this: Play, outbound: ReadonlyMap<ObservedNode, number>) {
    for (let millis = 0;; millis += 50) {
      let wanted = 0
      let found = 0
      for (const [node, count] of outbound) {
        wanted += count
        // Who is linked with everybody needs no more.
        const isFull = (yield* node.mesh.peers).length >= outbound.size - 1
        found += isFull ? count : Math.min(count, yield* outboundCount(node))
      }
      this.#healing.push({ millis, linkFraction: wanted === 0 ? 1 : found / wanted })
      if (found === wanted) {
        this.#healMillis = millis
        return
      }
      yield* Effect.sleep(50)
    }
  }).bind(this)

  /** All faults are over: left in peace, the mesh finds together, and everyone gets what is said. */
  readonly #mustConverge = Effect.fnUntraced(function*(this: Play): Effect.fn.Return<void, Violation> {
    this.#isAtPeace = true
    yield* Effect.sleep(1000 * peaceSeconds)
    const apart = yield* MeshChecks.convergence(this.#observer, this.#kept)
    if (apart !== undefined) return yield* this.#violation("converges", apart)
    let leaks = yield* MeshChecks.leaks(this.#simulation, this.#observer)
    for (const author of [...this.#observer.nodes.values()].slice(-3)) {
      const { broadcast } = yield* this.#observer.broadcast(author, `at last, from ${author.name}`)
      yield* Effect.sleep(1000 * settleSeconds)
      const missed = [...broadcast.expected].filter((node) => !broadcast.deliveries.has(node))
      if (missed.length > 0) {
        const names = missed.map((node) => node.name).join(", ")
        return yield* this.#violation("reaches all", `what node ${author.name} said did not come to ${names}`)
      }
      // A mesh in which some find no room for their links goes on dialing: a leak stays.
      const still = leaks.size === 0 ? leaks : yield* MeshChecks.leaks(this.#simulation, this.#observer)
      leaks = new Set([...leaks].filter((pair) => still.has(pair)))
    }
    if (leaks.size > 0) {
      const pairs = [...leaks].join(", ")
      return yield* this.#violation("leaves no connection", `not all connections are links between nodes ${pairs}`)
    }
  }).bind(this)

  readonly #violation = Effect.fnUntraced(function*(this: Play, invariant: string, detail: string) {
    const atMillis = yield* Clock.currentTimeMillis
    return yield* new Violation({ invariant, atMillis, detail, seed: this.#scenario.seed })
  }).bind(this)
}

/** Whether no fault of a schedule stands at any time from the one to the other. */
const isCalm = (schedule: FaultSchedule, fromMillis: number, toMillis: number): boolean =>
  schedule.every(({ atMillis, forMillis }) => atMillis > toMillis || atMillis + forMillis < fromMillis)

const outboundCount = (node: ObservedNode): Effect.Effect<number> =>
  Effect.map(node.mesh.peers, (peers) => peers.filter((peer) => peer.direction === "outbound").length)
