/** What a user types to ban and to take it back, at `p2p mesh` and `p2p chord` alike. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { parse } from "../Protocol/PeerAddress.ts"
import type { Banning, Whom } from "../Transport/Admission/Guard.ts"
import { reachOf } from "../Transport/Source.ts"
import { InvalidCommand } from "./InvalidCommand.ts"
import { resolve } from "./KnownIds.ts"

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

/** Taken for a reason, `30min` would ban for the ten minutes of those who gave no time. */
const meantAsTime = /^[-+]?\d[\d.]*(?:ms|[smhdwy]|(?:sec|min|hour|hr|day|week|month|year)s?|(?:second|minute)s?)?$/i

/** `30m` and the like; undefined for what is no time. Fails for what was meant as one and says nothing. */
const readTime = (text: string): Effect.Effect<Duration.Duration | undefined, InvalidCommand> => {
  const match = /^0*([1-9]\d{0,5})([smhd])$/.exec(text)
  if (match !== null) return Effect.succeed(Duration.seconds(Number(match[1]) * (units[match[2] ?? ""] ?? 1)))
  if (text === "forever") return Effect.succeed(Duration.infinity)
  return meantAsTime.test(text)
    ? Effect.fail(new InvalidCommand({ detail: `no ban lasts ${text}: write a time such as 30m, 12h, 7d, or forever` }))
    : Effect.succeed(undefined)
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
  const time = yield* readTime(first)
  const why = (time === undefined ? [first, ...others] : others).join(" ")
  yield* node.ban(target, { for: time, why: why === "" ? undefined : why })
})

/**
 * Ends a ban; of an id by its first letters, if they are those of one banned id.
 *
 * @category commands
 * @since 0.1.0
 */
export const unban = Effect.fnUntraced(function*(node: Banning, text: string, list: string) {
  const hint = `${list} lists those who are`
  const ids = (yield* node.bans).flatMap(({ target }) => target._tag === "Id" ? [target.id] : [])
  // Whoever proves nothing may go by an id that looks like a host.
  const target = ids.includes(text) ? { id: text } : yield* whom(text, (start) => resolve(start, ids, hint)).pipe(
    Effect.catchTag("UnknownId", () => notBanned(text, hint))
  )
  const isDone = yield* node.unban(target)
  if (!isDone) return yield* notBanned(text, hint)
})

const notBanned = (text: string, hint: string): Effect.Effect<never, InvalidCommand> =>
  Effect.fail(new InvalidCommand({ detail: `${text} is not banned; ${hint}` }))

/** How a ban is written, and what that does. */
export const banUsage = {
  usage: "HOST|ID [TIME] [WHY]",
  about: "have nothing to do with a host or an id; TIME as in 30m, 12h, 7d, or forever (default 10m)"
}
/** What the list of bans shows. */
export const bansAbout = "list who is banned, for how long and why, and which addresses are dialed again, and when"
