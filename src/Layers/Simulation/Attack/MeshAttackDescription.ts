/** What came of an attack, for people: one row for each thing to know. */
import { percent, type Spread } from "../Figures.ts"
import type { AttackFigures, AttackPhase } from "./MeshAttackFigures.ts"
import type { DeliveryFigures } from "./MeshAttackRecord.ts"

/**
 * The figures as rows of a name and a text, in the order in which they are read.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describe = (figures: AttackFigures): ReadonlyArray<readonly [name: string, text: string]> => {
  const { attacked, baseline, protections } = figures
  return [
    ["attack", `${figures.attack}, ${figures.sybils} sybils on ${figures.honest} honest nodes, seed ${figures.seed}`],
    ["broadcasts", `${figures.broadcasts} in ${figures.virtualSeconds} s`],
    [
      "delivered",
      `${percent(attacked.deliveredFraction)} while attacked, ${percent(baseline.deliveredFraction)} without`
    ],
    ["honest paths", describePaths(attacked)],
    ["latency", describeSpread(attacked.latencyMillis, baseline.latencyMillis, " ms")],
    ["hops", describeSpread(attacked.hops, baseline.hops, "")],
    ...figures.phases.map((phase) => [`phase ${phase.name}`, describePhase(phase)] as const),
    [
      "joined again",
      figures.recoveryMillis === null ? "not within a minute" : `${figures.recoveryMillis} ms after the end`
    ],
    ["own links", describeOwnLinks(figures)],
    [
      "inbound slots",
      `${protections.inboundSlots} in all, ${lastAttacked(figures)?.links.inboundSybil ?? 0} taken by sybils, ` +
      `which came to nothing ${protections.sybilsRejected} times; ${protections.evicted} peers made room`
    ],
    [
      "bootstrap nodes",
      `${protections.bootstrapLinked} of ${figures.honest} linked with one; ${protections.bootstrapLinks} links made, ` +
      `${protections.bootstrapRefusals} dials found no slot`
    ],
    [
      "lists of peers",
      `${protections.listsTold} told by sybils, ${protections.entriesTold} entries; ` +
      `${protections.knownAddresses.p50} addresses known (median), ${
        percent(protections.poisonedFraction)
      } of all not honest`
    ],
    ["limits", describeLimits(figures)],
    ["hash", figures.hash]
  ]
}

const describePaths = ({ connectedFraction, doubled, missed }: DeliveryFigures): string =>
  `${percent(connectedFraction)} joined by honest links, of these ${missed} missed, ${doubled} doubled`

const describeSpread = (attacked: Spread, baseline: Spread, unit: string): string =>
  `${Math.round(attacked.p50)}${unit} median, ${Math.round(attacked.p99)}${unit} p99, ` +
  `${Math.round(attacked.max)}${unit} at most; without: ` +
  `${Math.round(baseline.p50)}, ${Math.round(baseline.p99)}, ${Math.round(baseline.max)}`

const describePhase = ({ attacked, links, target }: AttackPhase): string => {
  const whole =
    `${percent(attacked.deliveredFraction)} delivered, ${percent(links.sybilFraction)} of links to sybils, ` +
    `${links.isolated} isolated, ${Math.round(attacked.latencyMillis.p50)} ms median, ` +
    `${Math.round(attacked.latencyMillis.p99)} ms p99`
  return target === null
    ? whole
    : `${whole}; target got ${percent(target.got.deliveredFraction)}, sent ${percent(target.sent.deliveredFraction)}`
}

const describeOwnLinks = (figures: AttackFigures): string => {
  const links = lastAttacked(figures)?.links
  return `${links?.outboundHonest ?? 0} dialed to honest nodes, ${links?.outboundSybil ?? 0} to sybils`
}

const describeLimits = ({ limits }: AttackFigures): string =>
  `${limits.flooded} broadcasts of sybils; ${limits.dropped} frames found a queue full, ${limits.slow} times a peer was slow, ` +
  `${limits.tooSlow} links ended as too slow (${limits.tooSlowHonest} to honest nodes), ` +
  `${limits.throttled} reads put off, ${limits.banned} bans`

/** The last phase in which the sybils are there. */
const lastAttacked = (figures: AttackFigures): AttackPhase | undefined =>
  figures.phases.findLast((phase) => phase.name !== "after")
