/** Kinds of settings that several kinds of nodes read from `Config`. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { PeerAddress } from "../../Protocol/PeerAddress.ts"

/** What may be missing. */
export const optional = <A>(found: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(found), (value) => value._tag === "Some" ? value.value : undefined)

const whole = (name: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), name)

/** A whole number from `minimum` to `maximum`. */
export const between = (name: string, minimum: number, maximum: number, value: number): Config.Config<number> =>
  Config.withDefault(whole(name, minimum, maximum), value)

/** A whole number from 1, or from 0 where that means something. */
export const count = (name: string, value: number, minimum: 0 | 1 = 1): Config.Config<number> =>
  Config.withDefault(whole(name, minimum), value)

/** A whole number from 1 that may be missing. */
export const optionalCount = (name: string): Config.Config<number | undefined> => optional(whole(name, 1))

/** A time such as `"30 seconds"`. */
export const duration = (name: string, value: Duration.Input): Config.Config<Duration.Duration> =>
  Config.Duration(name).pipe(Config.withDefault(Duration.fromInputUnsafe(value)))

/** Where to listen, by `HOST` and `PORT`. */
export const listen = (value: PeerAddress): Config.Config<PeerAddress> =>
  Config.map(
    Config.all([
      Config.String("HOST").pipe(Config.withDefault(value.host)),
      Config.Port("PORT").pipe(Config.withDefault(value.port))
    ]),
    ([host, port]) => new PeerAddress({ host, port })
  )
