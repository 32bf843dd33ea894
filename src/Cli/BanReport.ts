/**
 * Whom a node has nothing to do with, and what it dials again later: as the JSON that programs read, and
 * in lines for people. `p2p mesh` and `p2p chord` tell it alike.
 */
import * as Duration from "effect/Duration"
import { format } from "../Protocol/PeerAddress.ts"
import { type Ban, targetText } from "../Transport/Admission/BanList.ts"
import type { GuardEvent } from "../Transport/Admission/GuardEvent.ts"
import type { Waiting } from "../Transport/Waiting.ts"
import { harmless, short } from "./Style.ts"

/** Whom a ban is for and why; `seconds` that are left of it, null for as long as the node runs. */
interface BannedReport {
  readonly event: "banned"
  readonly target: string
  readonly why: string
  /** Whether the node itself found reason for it. */
  readonly automatic: boolean
  readonly seconds: number | null
}

/** An address that failed `failures` times, and the `seconds` until it is dialed again. */
interface WaitingReport {
  readonly address: string
  readonly failures: number
  readonly seconds: number
}

/**
 * What is told of bans.
 *
 * @category models
 * @since 0.1.0
 */
export type BanReport =
  | BannedReport
  | { readonly event: "unbanned"; readonly target: string }
  | {
    readonly event: "bans"
    readonly bans: ReadonlyArray<Omit<BannedReport, "event">>
    readonly waiting: ReadonlyArray<WaitingReport>
  }

const seconds = (millis: number): number => Math.ceil(millis / 1000)
const secondsOrNull = (millis: number): number | null => Number.isFinite(millis) ? seconds(millis) : null

/**
 * The list of bans, and of addresses that are waited for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBans = (bans: ReadonlyArray<Ban>, waiting: ReadonlyArray<Waiting>): BanReport => ({
  event: "bans",
  bans: bans.map(({ isAutomatic, leftMillis, target, why }) => ({
    target: targetText(target),
    why,
    automatic: isAutomatic,
    seconds: secondsOrNull(leftMillis)
  })),
  waiting: waiting.map(({ address, failureCount, leftMillis }) => ({
    address: format(address),
    failures: failureCount,
    seconds: seconds(leftMillis)
  }))
})

/**
 * A ban that was made, or taken back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromGuardEvent = (event: GuardEvent): BanReport =>
  event._tag === "PeerUnbanned"
    ? { event: "unbanned", target: event.target }
    : {
      event: "banned",
      target: event.target,
      why: event.why,
      automatic: event.isAutomatic,
      seconds: secondsOrNull(event.forMillis)
    }

/**
 * The same for people.
 *
 * @category encoding
 * @since 0.1.0
 */
export const banLines = (report: BanReport): ReadonlyArray<string> => {
  if (report.event === "banned") return [`! ${banText(report)}`]
  if (report.event === "unbanned") return [`  ${harmless(report.target)} is not banned any more`]
  const bans = report.bans.length === 0 ? ["  nobody is banned"] : report.bans.map((ban) => `  ${banText(ban)}`)
  return [...bans, ...report.waiting.map((waiting) => `  ${waitingText(waiting)}`)]
}

const banText = (ban: Omit<BannedReport, "event">): string => {
  const howLong = ban.seconds === null ? "until this node stops" : `for ${timeText(ban.seconds)}`
  // A host is shown whole, an id by its first letters.
  const target = /[.:]/.test(ban.target) ? harmless(ban.target) : short(ban.target)
  return `${target} is banned ${howLong}: ${harmless(ban.why)}`
}

const waitingText = ({ address, failures, seconds }: WaitingReport): string => {
  const times = failures === 1 ? "once" : `${failures} times`
  const why = failures === 0 ? "" : `: it failed ${times}`
  return `${harmless(address)} is dialed again in ${timeText(seconds)}${why}`
}

const timeText = (seconds: number): string => Duration.format(Duration.seconds(seconds))
