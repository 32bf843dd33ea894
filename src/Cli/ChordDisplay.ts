/**
 * `p2p chord` for people: one line for each thing that happens. Ids and positions are shown by their
 * first letters. What strangers wrote cannot control the terminal.
 */
import type { ChordStats } from "../Chord/ChordStats.ts"
import { parse } from "../Protocol/PeerAddress.ts"
import { banLines } from "./BanReport.ts"
import type { ChordReport, MemberReport } from "./ChordReport.ts"
import { Failures } from "./Failures.ts"
import { localAddress } from "./Invocation.ts"
import { harmless, short, type Style } from "./Style.ts"

/**
 * What to show to people. `invitation` is the command with which another terminal joins, given the
 * address to join at.
 *
 * @category models
 * @since 0.1.0
 */
export class ChordDisplay {
  readonly #style: Style
  readonly #invitation: (address: string) => string
  /** A node with several places joins with each of them; people are told once. */
  #isJoined = false
  readonly #failures = new Failures()

  constructor(style: Style, invitation: (address: string) => string) {
    this.#style = style
    this.#invitation = invitation
  }

  /** The lines for a report; none for what is not worth one. */
  readonly toLines = (report: ChordReport): ReadonlyArray<string> => {
    const { bold, dim, red } = this.#style
    switch (report.event) {
      case "listening":
        return [
          `Listening on ${bold(harmless(report.address))} as ${bold(short(report.id))}. ` +
          `In a second terminal: ${bold(harmless(this.#invitation(localAddress(report.address))))}`,
          dim("set KEY VALUE and get KEY write and read; help lists commands, quit leaves.")
        ]
      case "dashboard":
      case "metrics":
        return [dim(report.event === "metrics" ? `Metrics are at ${report.url}` : `The dashboard is at ${report.url}`)]
      case "get":
      case "set":
      case "deleted":
      case "has":
      case "lookup":
        return this.#toAnswer(report)
      case "ring":
        return toRingLines(report).map(dim)
      case "stats":
        return toStatsLines(report).map(dim)
      case "invite":
        return [bold(report.text)]
      case "error":
        return [red(`! ${harmless(report.message)}`)]
      case "help":
        return report.lines.map((line) => dim(`  ${line}`))
      case "note":
        return [dim(`  ${harmless(report.text)}`)]
      case "looked-up":
        return []
      case "joined": {
        const isNews = !this.#isJoined
        this.#isJoined = true
        return isNews ? [dim(toNews(report))] : []
      }
      case "alone":
        this.#isJoined = false
        return [dim(toNews(report))]
      case "banned":
      case "unbanned":
      case "bans":
        return banLines(report).map(dim)
      case "throttled":
        return this.#failures.isNews(`throttled ${report.id}`)
          ? [dim(`! ${short(report.id)} sends too many messages: they are read later`)]
          : []
      case "rejected":
        // Its port changes with each attempt.
        return this.#failures.isNews(`${parse(report.address)?.host} ${report.detail}`)
          ? [dim(`! no link with ${harmless(report.address)}: ${harmless(report.detail)}`)]
          : []
      default:
        return [dim(toNews(report))]
    }
  }

  #toAnswer(report: Answer): ReadonlyArray<string> {
    const { bold, dim } = this.#style
    const key = harmless(report.key)
    switch (report.event) {
      case "get": {
        if (report.value === null) return [dim(`  ${key} is not set`)]
        const mark = report.degraded === true ? dim("  (some copies are missing, or on their way)") : ""
        return [`  ${key} = ${bold(harmless(report.value))}${mark}`]
      }
      case "set":
        return [dim(`  ${key} is set`)]
      case "deleted":
        return [dim(`  ${key} is deleted`)]
      case "has":
        return [`  ${key} ${report.value ? "is set" : "is not set"}`]
      case "lookup": {
        const way = report.path.map(({ address }) => harmless(address)).join(", ")
        const hops = report.hops === 0 ? "" : `, found over ${way}`
        return [`  ${key} is with ${bold(short(report.owner))} (${harmless(report.address)})${hops}`]
      }
    }
  }
}

type Named<Event extends ChordReport["event"]> = Extract<ChordReport, { readonly event: Event }>
type Answer = Named<"get" | "set" | "deleted" | "has" | "lookup">
type News = Named<
  "joined" | "neighbor-came" | "neighbor-went" | "other-ring" | "alone" | "repaired" | "handed-over"
>

const toNews = (report: News): string => {
  switch (report.event) {
    case "joined":
      return report.successor === null
        ? "+ joined a ring of one"
        : `+ joined the ring; next in it is ${name(report.successor)}`
    case "neighbor-came":
      return `+ ${name(report)} is a neighbor now`
    case "neighbor-went":
      return `- ${name(report)} is no neighbor any more`
    case "other-ring":
      return `+ ${name(report)} is of another part of the ring; the parts join`
    case "alone":
      return report.last
        ? "- all others went: this node holds everything alone"
        : "! nobody else of the ring can be reached; trying to find it again"
    case "repaired":
      return `  copies made up: ${report.sent} sent, ${report.received} received`
    case "handed-over":
      return `  ${counted(report.count, "record")} handed over to the nodes that answer for them now`
  }
}

const name = ({ address, id }: MemberReport): string => `${short(id)} (${harmless(address)})`

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** Letters of a position that tell it from others. */
const shortPosition = (position: string): string => position.slice(0, 8)

/** Places of a ring that are shown. */
const maxPlaces = 32

/** All places that are known, once each and clockwise from this node's first one. */
const toRingLines = ({ address, id, members, size, whole }: Named<"ring">): ReadonlyArray<string> => {
  const places = new Map<string, MemberReport>()
  for (const { position, predecessor, successors } of members) {
    for (const member of [{ id, address, position }, ...successors, ...(predecessor === null ? [] : [predecessor])]) {
      places.set(member.position, member)
    }
  }
  const first = members[0]?.position ?? ""
  const sorted = [...places.values()].sort((a, b) =>
    Number(a.position < first) - Number(b.position < first) || (a.position < b.position ? -1 : 1)
  )
  const nodeCount = new Set(sorted.map((member) => member.id)).size
  const title = !whole
    ? `a ring of about ${counted(Math.max(size, sorted.length), "place")}, of which this node knows ${sorted.length}:`
    : nodeCount > 1
    ? `a ring of ${nodeCount} nodes:`
    : "a ring of this node alone:"
  const syncing = members.some((member) => member.syncing) ? ["  (this node is still getting its records)"] : []
  const more = sorted.length > maxPlaces ? [`  and ${sorted.length - maxPlaces} more`] : []
  const lines = sorted.slice(0, maxPlaces).map((member) => {
    const mark = member.id === id ? "  (this node)" : ""
    return `  ${shortPosition(member.position)}  ${short(member.id)}  ${harmless(member.address)}${mark}`
  })
  return [`  ${title}`, ...lines, ...more, ...syncing]
}

const toStatsLines = (stats: ChordStats): ReadonlyArray<string> => {
  const { calls, storage } = stats
  const hops = stats.lookups === 0 ? "" : ` of ${(stats.hops / stats.lookups).toFixed(1)} hops`
  const deleted = storage.tombstones === 0 ? "" : `, ${storage.tombstones} of them marks of what was deleted`
  return [
    `  here: ${counted(storage.records, "record")}, ${counted(storage.bytes, "byte")}${deleted}`,
    `  asked for: ${counted(stats.gets, "read")} (${stats.degraded} with copies missing), ${
      counted(stats.sets, "write")
    }`,
    `  lookups: ${stats.lookups}${hops}, ${stats.lookupsFailed} failed, ${stats.timeouts} nodes did not answer`,
    `  copies made up: ${stats.recordsSent} sent, ${stats.recordsReceived} received, ${stats.readRepairs} after reads`,
    `  calls: ${calls.calls} made (${calls.timeouts + calls.lost} without an answer), ${calls.served} answered; ` +
    `${counted(calls.outboundLinks + calls.inboundLinks, "link")}`
  ]
}
