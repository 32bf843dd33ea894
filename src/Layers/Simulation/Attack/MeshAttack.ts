/**
 * The attacks of the gossipsub evaluation (arXiv 2007.02754, PL-TechRep-2020-001) that apply to a flood
 * mesh, measured: a cold boot among sybils, a covert flash, the eclipse of one node, and the
 * degradation of a whole network; and a flood of broadcasts, which it does not have. Each runs twice from
 * one seed, with the sybils and without.
 *
 * It departs from the evaluation where a flood mesh has no counterpart: there are no scores to earn
 * and no topic meshes to be grafted to, so sybils want links, and places in address books.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { MeshOptions } from "../../../Mesh/MeshConfig.ts"
import type { Given } from "../../../Transport/Settings.ts"
import { rounded } from "../Figures.ts"
import { checkScenario } from "../OptionsCheck.ts"
import * as Simulations from "../Simulation.ts"
import type { HostileBehavior } from "./HostileMesh.ts"
import {
  drawTargets,
  type LimitFigures,
  type LinkFigures,
  MeshAttackField,
  type Protections
} from "./MeshAttackField.ts"
import type { AttackFigures, AttackName, AttackPhase, TargetSample } from "./MeshAttackFigures.ts"
import type { HonestNode } from "./MeshAttackRecord.ts"

export { describe } from "./MeshAttackDescription.ts"
export {
  type AttackFigures,
  type AttackName,
  attackNames,
  type AttackPhase,
  type TargetSample
} from "./MeshAttackFigures.ts"

/**
 * An attack, and the network it is made on. Honest nodes have the default settings, unless others are given.
 *
 * @category options
 * @since 0.1.0
 */
export interface MeshAttack {
  readonly attack: AttackName
  /** Honest nodes; 4 at least. */
  readonly honest: number
  /** Sybils for each honest node; the evaluation goes up to 40. */
  readonly sybilRatio: number
  readonly seed: string
  /** Honest nodes whose addresses all of them know from the start. Default 3. */
  readonly bootstraps?: number | undefined
  /** Honest nodes that each sybil dials, drawn by chance; in an eclipse the target and the bootstrap nodes. Default 10. */
  readonly sybilDegree?: number | undefined
  /** The chance, 0 to 1, that a sybil does not pass on a broadcast. Default 1; 0.5 in a degradation. */
  readonly swallowChance?: number | undefined
  /** How long a sybil keeps what it does pass on, in milliseconds. Default 0; 1000 in a degradation. */
  readonly delayMillis?: number | undefined
  /** In an eclipse: the sybils go by the ids of the honest nodes, which anybody can learn. Default false. */
  readonly claimsIds?: boolean | undefined
  /**
   * How fast a link is each way, in bytes a second. Default without a bound; 250,000 (2 Mbit/s) in a flood,
   * which takes all there is.
   */
  readonly bandwidth?: number | undefined
  /** Settings of the honest nodes that are not the default ones. Default none. */
  readonly settings?: Given<MeshOptions> | undefined
  /** The size of what a flood says, in bytes. Default 8000. */
  readonly floodBytes?: number | undefined
  /** Virtual seconds of each phase. Default 60; 20 in a flood. */
  readonly phaseSeconds?: number | undefined
  /** Broadcasts of 64 bytes in each phase, by honest nodes; in an eclipse every other one is the target's. Default 60. */
  readonly broadcastsPerPhase?: number | undefined
  /** The mean time from one node to another, in milliseconds; each send takes half to one and a half of it. Default 50. */
  readonly latencyMillis?: number | undefined
  /** Called now and then with the fraction of virtual time that is over. */
  readonly onProgress?: ((fraction: number) => void) | undefined
}

/** Three bootstrap nodes and a target. */
const minHonest = 4
/** What the harm is done in. */
const harmfulPhases: ReadonlyArray<string> = ["attack", "restarted"]
/** In which nodes start, one after the other. */
const startMillis = 10_000
/** Between a change and the broadcasts that show its effect, as in the evaluation. */
const settleMillis = 30_000
/** After the last broadcast of a phase, for it to arrive. */
const arrivalMillis = 10_000
/** 2 Mbit/s. */
const floodBandwidth = 250_000
/** For which the target of an eclipse is down. */
const downMillis = 10_000
/** After the attack, for the honest nodes to find each other; looked at in steps. */
const recoveryLimitMillis = 60_000
const recoveryStepMillis = 100
/** Lists of its accomplices that each sybil tells each of its peers, unasked. */
const listsPerSecond = 0.1
/** From the beginning of a flood to the broadcasts that show its effect: what is queued is full by then. */
const floodSettleMillis = 10_000
/** How long a sybil waits until it dials again where it was refused. */
const redialMillis = 10_000

const phasesOf: Readonly<Record<AttackName, ReadonlyArray<AttackPhase["name"]>>> = {
  "cold-boot": ["attack", "after"],
  "covert-flash": ["covert", "attack", "after"],
  eclipse: ["before", "attack", "restarted", "after"],
  degradation: ["before", "attack", "after"],
  flood: ["before", "attack", "after"]
}

/**
 * Runs an attack, and the same network without it; synchronous. Throws a `RangeError` when there are fewer than four
 * honest nodes, and for other numbers that no attack can have.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  attack: MeshAttack
): Exit.Exit<AttackFigures, Simulations.InvariantViolated | Simulations.LeftBehind> => {
  if (attack.honest < minHonest) throw new RangeError(`an attack needs ${minHonest} honest nodes, not ${attack.honest}`)
  const { broadcastsPerPhase = 0, delayMillis = 0, honest, latencyMillis = 0, phaseSeconds = 0 } = attack
  checkScenario({
    nodes: { honest },
    counts: { broadcastsPerPhase },
    chances: { swallowChance: attack.swallowChance ?? 1 },
    amounts: { delayMillis, latencyMillis, phaseSeconds, sybilRatio: attack.sybilRatio }
  })
  const sybils = Math.round(attack.honest * attack.sybilRatio)
  const quiet = runOnce(attack, 0, (part) => attack.onProgress?.(part / 2))
  if (Exit.isFailure(quiet)) return Exit.failCause(quiet.cause)
  const attacked = runOnce(attack, sybils, (part) => attack.onProgress?.((1 + part) / 2))
  return Exit.map(attacked, (result) => compare(attack, quiet.value, result))
}

/** What is seen of one run. */
interface Outcome {
  readonly field: MeshAttackField
  readonly hash: string
  readonly virtualSeconds: number
  readonly links: ReadonlyMap<string, LinkFigures>
  readonly targetLinks: ReadonlyArray<TargetSample>
  readonly protections: Protections
  readonly limits: LimitFigures
  readonly recoveryMillis: number | null
}

const runOnce = (attack: MeshAttack, sybils: number, onProgress: (part: number) => void) => {
  const { honest, latencyMillis = 50, seed } = attack
  const bootstraps = Math.min(honest - 1, attack.bootstraps ?? 3)
  return Simulations.run({
    seed,
    latency: (_from, _to, chance) => latencyMillis * (0.5 + chance),
    bandwidth: attack.bandwidth ?? (attack.attack === "flood" ? floodBandwidth : Number.POSITIVE_INFINITY),
    maxTraceEvents: 0,
    maxDuration: Number.POSITIVE_INFINITY
  }, (simulation) => {
    const field = new MeshAttackField(simulation, { honest, bootstraps, sybils, seed, settings: attack.settings ?? {} })
    return new Play(attack, field, onProgress).run(simulation)
  })
}

/** One run of an attack, step by step. */
class Play {
  readonly #attack: MeshAttack
  readonly #field: MeshAttackField
  readonly #onProgress: (part: number) => void
  readonly #links = new Map<string, LinkFigures>()
  readonly #targetLinks: Array<TargetSample> = []
  readonly #hostile: Partial<HostileBehavior>
  readonly #phaseMillis: number

  constructor(attack: MeshAttack, field: MeshAttackField, onProgress: (part: number) => void) {
    const isDegradation = attack.attack === "degradation"
    this.#attack = attack
    this.#field = field
    this.#onProgress = onProgress
    this.#phaseMillis = 1000 * (attack.phaseSeconds ?? (attack.attack === "flood" ? 20 : 60))
    this.#hostile = {
      swallowChance: attack.swallowChance ?? (isDegradation ? 0.5 : 1),
      delayMillis: attack.delayMillis ?? (isDegradation ? 1000 : 0),
      accomplices: field.accomplices,
      listsPerSecond,
      redialMillis
    }
  }

  readonly run = Effect.fnUntraced(function*(
    this: Play,
    simulation: Simulations.Simulation
  ): Effect.fn.Return<Outcome, never, Scope.Scope> {
    yield* this.#plans[this.#attack.attack]
    const protections = yield* this.#field.protections
    const limits = yield* this.#field.limits
    yield* this.#field.endAttack()
    const recoveryMillis = yield* recover(this.#field)
    yield* this.#phase("after")
    this.#onProgress(1)
    return {
      field: this.#field,
      hash: simulation.trace.hash,
      virtualSeconds: rounded((yield* Clock.currentTimeMillis) / 1000),
      links: this.#links,
      targetLinks: this.#targetLinks,
      protections,
      limits,
      recoveryMillis
    }
  }).bind(this)

  readonly #coldBoot = Effect.gen({ self: this }, function*() {
    yield* Effect.all([this.#startHonest, this.#startSybils(this.#hostile)], { concurrency: 2, discard: true })
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("attack")
  })

  readonly #covertFlash = Effect.gen({ self: this }, function*() {
    const covert = { redialMillis }
    yield* Effect.all([this.#startHonest, this.#startSybils(covert)], { concurrency: 2, discard: true })
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("covert")
    yield* this.#field.behave(this.#hostile)
    yield* this.#phase("attack")
  })

  readonly #degradation = Effect.gen({ self: this }, function*() {
    yield* this.#startHonest
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("before")
    yield* this.#startSybils(this.#hostile)
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("attack")
  })

  readonly #flood = Effect.gen({ self: this }, function*() {
    yield* this.#startHonest
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("before")
    yield* this.#startSybils({ redialMillis })
    const broadcastBytes = this.#attack.floodBytes ?? 8000
    yield* this.#field.behave({ ...this.#hostile, broadcastsPerSecond: Number.POSITIVE_INFINITY, broadcastBytes })
    yield* Effect.sleep(floodSettleMillis)
    yield* this.#phase("attack")
  })

  readonly #eclipse = Effect.gen({ self: this }, function*() {
    yield* this.#startHonest
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("before")
    yield* Effect.forkScoped(this.#watchTarget)
    yield* this.#startSybils(this.#hostile)
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("attack")
    yield* this.#field.crash(this.#target)
    yield* Effect.sleep(downMillis)
    yield* this.#field.restart(this.#target)
    yield* Effect.sleep(settleMillis)
    yield* this.#phase("restarted")
  })

  readonly #plans: Readonly<Record<AttackName, Effect.Effect<void, never, Scope.Scope>>> = {
    "cold-boot": this.#coldBoot,
    "covert-flash": this.#covertFlash,
    eclipse: this.#eclipse,
    degradation: this.#degradation,
    flood: this.#flood
  }

  /** Not a bootstrap node, as most are not. */
  get #target(): HonestNode {
    return this.#field.honest.at(-1)!
  }

  /** The bootstrap nodes at once, the others one after the other. */
  get #startHonest(): Effect.Effect<void, never, Scope.Scope> {
    const { bootstraps, honest } = this.#field.options
    return Effect.gen({ self: this }, function*() {
      for (let index = 0; index < honest; index++) {
        yield* this.#field.startHonest
        if (index >= bootstraps) yield* Effect.sleep(startMillis / (honest - bootstraps))
      }
    })
  }

  #startSybils(behavior: Partial<HostileBehavior>): Effect.Effect<void, never, Scope.Scope> {
    const { bootstraps, honest, seed, sybils } = this.#field.options
    const isEclipse = this.#attack.attack === "eclipse"
    const chosen = isEclipse
      ? Effect.succeed([honest - 1, ...Array.from({ length: bootstraps }, (_, index) => index)])
      : drawTargets(this.#attack.sybilDegree ?? 10, honest)
    return Effect.gen({ self: this }, function*() {
      for (let index = 0; index < sybils; index++) {
        // Draws of their own: the broadcasts of both runs have the same authors.
        const targets = yield* Random.withSeed(chosen, `${seed} sybil ${index}`)
        const claim = isEclipse && this.#attack.claimsIds === true
          ? this.#field.honest[index % (honest - 1)]!.mesh.id
          : undefined
        yield* this.#field.startSybil(behavior, targets, claim)
        yield* Effect.sleep(startMillis / sybils)
      }
      if (sybils === 0) yield* Effect.sleep(startMillis)
    })
  }

  readonly #phase = Effect.fnUntraced(function*(this: Play, name: AttackPhase["name"]) {
    const count = this.#attack.broadcastsPerPhase ?? 60
    const others = this.#attack.attack === "eclipse" ? this.#field.honest.slice(0, -1) : this.#field.honest
    for (let number = 0; number < count; number++) {
      const drawn = others[yield* Random.nextIntBetween(0, others.length - 1)]!
      const isTargets = this.#attack.attack === "eclipse" && number % 2 === 0
      yield* this.#field.broadcast(isTargets ? this.#target : drawn, name)
      yield* Effect.sleep(this.#phaseMillis / count)
      this.#onProgress((yield* Clock.currentTimeMillis) / this.#totalMillis)
    }
    yield* Effect.sleep(arrivalMillis)
    this.#links.set(name, yield* this.#field.links(this.#field.honest))
  }).bind(this)

  get #totalMillis(): number {
    const phases = phasesOf[this.#attack.attack].length * (this.#phaseMillis + arrivalMillis)
    return phases + startMillis * 2 + settleMillis * 3 + downMillis + recoveryLimitMillis
  }

  readonly #watchTarget = Effect.gen({ self: this }, function*() {
    for (let atSeconds = 0;; atSeconds += 5) {
      const { honest, sybil } = yield* this.#field.links([this.#target])
      this.#targetLinks.push({ atSeconds, honest, sybil })
      yield* Effect.sleep("5 seconds")
    }
  })
}

/** How long it takes until honest links join all honest nodes; null for not in time. Always takes the same time. */
const recover = Effect.fnUntraced(function*(field: MeshAttackField) {
  let recoveryMillis: number | null = null
  for (let millis = 0; millis < recoveryLimitMillis; millis += recoveryStepMillis) {
    if (recoveryMillis === null && (yield* field.isWhole)) recoveryMillis = millis
    yield* Effect.sleep(recoveryStepMillis)
  }
  return recoveryMillis
})

const compare = (attack: MeshAttack, quiet: Outcome, attacked: Outcome): AttackFigures => {
  const { field } = attacked
  const target = attack.attack === "eclipse" ? field.honest.at(-1)! : undefined
  const phases = phasesOf[attack.attack].map((name): AttackPhase => ({
    name,
    attacked: field.record.figures([name]),
    baseline: quiet.field.record.figures([name]),
    links: attacked.links.get(name)!,
    target: target === undefined ? null : {
      got: field.record.figures([name], { receiver: target }),
      sent: field.record.figures([name], { author: target })
    }
  }))
  return {
    attack: attack.attack,
    honest: attack.honest,
    sybils: field.options.sybils,
    seed: attack.seed,
    virtualSeconds: attacked.virtualSeconds,
    hash: attacked.hash,
    broadcasts: field.record.count,
    attacked: field.record.figures(harmfulPhases),
    baseline: quiet.field.record.figures(harmfulPhases),
    phases,
    recoveryMillis: attacked.recoveryMillis,
    protections: attacked.protections,
    limits: attacked.limits,
    targetLinks: attacked.targetLinks
  }
}
