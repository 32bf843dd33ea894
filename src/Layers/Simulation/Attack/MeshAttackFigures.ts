/** What came of an attack on a mesh, in numbers. */
import type { LimitFigures, LinkFigures, Protections } from "./MeshAttackField.ts"
import type { DeliveryFigures } from "./MeshAttackRecord.ts"

/**
 * The attacks by name.
 *
 * @category models
 * @since 0.1.0
 */
export const attackNames = ["cold-boot", "covert-flash", "eclipse", "degradation", "flood"] as const

/**
 * `cold-boot`: sybils and honest nodes start together, and the sybils swallow all. `covert-flash`: they
 * start together, the sybils behave until all of them go silent at once. `degradation`: sybils join a
 * standing network, swallow a part and delay the rest. `eclipse`: sybils take the links of one node,
 * which is started again in the middle of it, and of the bootstrap nodes. `flood`: sybils join a standing
 * network and broadcast as fast as their links take, over links of a bounded rate.
 *
 * @category models
 * @since 0.1.0
 */
export type AttackName = typeof attackNames[number]

/**
 * One phase: `before` the sybils come, `covert` while they behave, `attack`, `restarted` when the
 * target of an eclipse has been started again, and `after` the sybils are gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttackPhase {
  readonly name: "before" | "covert" | "attack" | "restarted" | "after"
  readonly attacked: DeliveryFigures
  /** The same without sybils. */
  readonly baseline: DeliveryFigures
  /** The links of the honest nodes at the end of the phase, under attack. */
  readonly links: LinkFigures
  /** What the target got and sent, under attack; null where there is none. */
  readonly target: { readonly got: DeliveryFigures; readonly sent: DeliveryFigures } | null
}

/**
 * The target's links at one time.
 *
 * @category models
 * @since 0.1.0
 */
export interface TargetSample {
  /** Seconds since the sybils began to come. */
  readonly atSeconds: number
  readonly honest: number
  readonly sybil: number
}

/**
 * What came of an attack.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttackFigures {
  readonly attack: AttackName
  readonly honest: number
  readonly sybils: number
  readonly seed: string
  readonly virtualSeconds: number
  /** The fingerprint of the run under attack. */
  readonly hash: string
  readonly broadcasts: number
  /** Of the phases in which the sybils do harm. */
  readonly attacked: DeliveryFigures
  /** The same phases without sybils. */
  readonly baseline: DeliveryFigures
  readonly phases: ReadonlyArray<AttackPhase>
  /** From the end of the attack until honest links join all honest nodes; null when that did not come within a minute. */
  readonly recoveryMillis: number | null
  readonly protections: Protections
  /** What acted at honest nodes until the attack was about to end. */
  readonly limits: LimitFigures
  /** The links of the target, each five seconds; empty but for an eclipse. */
  readonly targetLinks: ReadonlyArray<TargetSample>
}
