/**
 * `p2p mesh` for people: a chat, one line for each thing that happens. Ids are shown by their first
 * letters, which commands take as well. What strangers wrote cannot control the terminal.
 */
import { parse } from "../Protocol/PeerAddress.ts"
import { banLines } from "./BanReport.ts"
import { Failures } from "./Failures.ts"
import { localAddress } from "./Invocation.ts"
import type { MeshReport } from "./MeshReport.ts"
import { harmless, short, type Style } from "./Style.ts"

/** Why a message is not shown. */
const refusals = new Map([
  ["Unproven", "its sender is not proven"],
  ["Forged", "its signature is wrong"],
  ["Replayed", "it is a copy of an old one"]
])

/** What a peer can send too many of. */
const throttledNames = new Map([
  ["messages", "messages: they are read later"],
  ["searches", "searches: they are not answered"],
  ["lists", "lists of peers: they are not read"]
])

/**
 * What to show to people. `invitation` is the command with which another terminal joins, given
 * the address to connect to.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshDisplay {
  readonly #style: Style
  readonly #invitation: (address: string) => string
  readonly #failures = new Failures()

  constructor(style: Style, invitation: (address: string) => string) {
    this.#style = style
    this.#invitation = invitation
  }

  /** The lines for a report; none for what is not worth one. */
  readonly toLines = (report: MeshReport): ReadonlyArray<string> => {
    const { bold, dim, red } = this.#style
    switch (report.event) {
      case "listening":
        return [
          `Listening on ${report.addresses.map((address) => bold(harmless(address))).join(" and ")} as ${
            bold(short(report.id))
          }. ` +
          `In a second terminal: ${bold(harmless(this.#invitation(localAddress(report.address))))}`,
          dim("What you type goes to everyone; /help lists commands, /quit leaves.")
        ]
      case "dashboard":
      case "metrics":
        return [dim(report.event === "metrics" ? `Metrics are at ${report.url}` : `The dashboard is at ${report.url}`)]
      case "peer-joined":
        if (report.address !== null) this.#failures.forget(report.address)
        return [dim(`+ ${short(report.id)} joined${report.address === null ? "" : ` (${harmless(report.address)})`}`)]
      case "peer-left":
        return [dim(`- ${short(report.id)} left: ${harmless(report.detail)}`)]
      case "message": {
        const proven = report.proof === undefined ? "" : `${dim("(proven)")} `
        const marks = report.kind === "whisper" ? `${proven}${dim("(whisper)")} ` : proven
        return [`${bold(`<${short(report.sender)}>`)} ${marks}${harmless(report.packets.join(" "))}`]
      }
      case "topic":
        return [
          `${bold(`[${harmless(report.name)}]`)} ${short(report.sender)}: ${harmless(JSON.stringify(report.value))}`
        ]
      case "peers":
        if (report.peers.length === 0) return [dim("  no peer is linked")]
        return report.peers.map(({ address, id }) =>
          dim(`  ${short(id)}  ${address === null ? "(cannot be dialed)" : harmless(address)}`)
        )
      case "subscribed":
        return [dim(`  values of ${harmless(report.name)} are shown from now on`)]
      case "rejected":
        // Its port changes with each attempt.
        return this.#failures.isNews(`${parse(report.address)?.host} ${report.detail}`)
          ? [dim(`! no link with ${harmless(report.address)}: ${harmless(report.detail)}`)]
          : []
      case "refused":
        return this.#failures.isNews(`${report.reason} ${report.from}`)
          ? [dim(`! not shown, ${refusals.get(report.reason)}: from ${short(report.sender)}, by ${short(report.from)}`)]
          : []
      case "dial-failed":
        return this.#failures.isNews(report.address) ? [dim(`! ${harmless(report.detail)}`)] : []
      case "slow":
        return [dim(`! ${short(report.id)} takes messages slowly; broadcasts no longer wait for it`)]
      case "banned":
      case "unbanned":
      case "bans":
        return banLines(report).map(dim)
      case "throttled":
        return this.#failures.isNews(`${report.what} ${report.id}`)
          ? [dim(`! ${short(report.id)} sends too many ${throttledNames.get(report.what)}`)]
          : []
      case "recovered":
        return [dim(`  ${short(report.id)} caught up; ${report.dropped} messages did not reach it`)]
      case "invite":
        return [bold(report.text)]
      case "error":
        return [red(`! ${harmless(report.message)}`)]
      case "help":
        return report.lines.map((line) => dim(`  ${line}`))
      case "note":
        return [dim(`  ${harmless(report.text)}`)]
      case "sent":
        return []
    }
  }
}
