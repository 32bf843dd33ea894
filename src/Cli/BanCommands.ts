/** What a user types to ban and to take it back, at `p2p mesh` and `p2p chord` alike. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { parse } from "../Protocol/PeerAddress.ts"
import { targetText } from "../Transport/Admission/BanList.ts"
import type { Banning, Whom } from "../Transport/Admission/Guard.ts"
import { reachOf } from "../Transport/Source.ts"
import { InvalidCommand } from "./InvalidCommand.ts"

/** Gives the id that a user shortened. */
type Resolve<E> = (text: string) => Effect.Effect<string, E>

/** A host or an address has a dot, a colon or brackets in it, an id has none; an id may be shortened. */
const whom = <E>(text: string, resolve: Resolve<E>): Effect.Effect<Whom, E | InvalidCommand> => {
  if (text === "localhost") return Effect.succeed({ host: "127.0.0.1" })
  if (!/[.:[]/.test(text)) return Effect.map(resolve(text), (id) => ({ id }))
  const address = parse(text) ?? parse(`${text}:0`) ?? parse(`[${text.replace("/64", "")}]:0`)
  const isHost = address !== undefined && ["loopback", "private", "public"].includes(reachOf(address.hostname))
  return !isHost
    ? Effect.fail(new InvalidCommand({ detail: `"${text}" is no host: write an IP address, or an id` }))
    : Effect.succeed({ host: address.hostname })
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `30m` and the like; undefined for what is no time. */
const readTime = (text: string): Duration.Duration | undefined => {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  if (match !== null) return Duration.seconds(Number(match[1]) * (units[match[2] ?? ""] ?? 1))
  return text === "forever" ? Duration.infinity : undefined
}

/**
 * Bans as `HOST|ID [TIME] [WHY]` says.
 *
 * @category commands
 * @since 0.1.0
 */
export const ban = Effect.fnUntraced(function*<E>(node: Banning, text: string, resolve: Resolve<E>) {
  const [name = "", first = "", ...others] = text.trim().split(/\s+/)
  const target = yield* whom(name, resolve)
  const time = readTime(first)
  const why = (time === undefined ? [first, ...others] : others).join(" ")
  yield* node.ban(target, { for: time, why: why === "" ? undefined : why })
})

/**
 * Ends a ban; of an id by its first letters.
 *
 * @category commands
 * @since 0.1.0
 */
export const unban = Effect.fnUntraced(function*<E>(node: Banning, text: string, resolve: Resolve<E>, list: string) {
  const bans = yield* node.bans
  const found = bans.find(({ target }) => targetText(target) === text || targetText(target).startsWith(text))
  const target = found?.target._tag === "Id" ? { id: found.target.id } : yield* whom(text, resolve)
  const isDone = yield* node.unban(target)
  if (!isDone) return yield* new InvalidCommand({ detail: `${text} is not banned; ${list} lists those who are` })
})

/** How a ban is written, and what that does. */
export const banUsage = {
  usage: "HOST|ID [TIME] [WHY]",
  about: "have nothing to do with a host or an id; TIME as in 30m, 12h, 7d, or forever (default 10m)"
}
/** What the list of bans shows. */
export const bansAbout = "list who is banned, for how long and why, and which addresses are dialed again, and when"
