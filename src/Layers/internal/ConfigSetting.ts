/** Kinds of settings that several kinds of nodes read from `Config`. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { format, parse, PeerAddress } from "../../Protocol/PeerAddress.ts"
import { toHost } from "../AddressText.ts"

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

const Span = Schema.DurationFromString.check(
  Schema.makeFilter((time) => !Duration.isNegative(time) || "no time is below zero: write one such as \"10 seconds\"")
)

/** A node that did something without end in no time would do nothing else. */
const Interval = Schema.DurationFromString.check(
  Schema.makeFilter((time) => Duration.isPositive(time) || "write a time above zero, such as \"10 seconds\"")
)

/** A time such as `"30 seconds"`, or none at all. */
export const duration = (name: string, value: Duration.Input): Config.Config<Duration.Duration> =>
  Config.schema(Span, name).pipe(Config.withDefault(Duration.fromInputUnsafe(value)))

/** The same that may be missing. */
export const optionalDuration = (name: string): Config.Config<Duration.Duration | undefined> =>
  optional(Config.schema(Span, name))

/** A time above zero, after which something is done again. */
export const interval = (name: string, value: Duration.Input): Config.Config<Duration.Duration> =>
  Config.schema(Interval, name).pipe(Config.withDefault(Duration.fromInputUnsafe(value)))

const Host = Schema.String.check(
  Schema.makeFilter((host) =>
    parse(format({ host: toHost(host), port: 0 })) !== undefined || "no host: write one such as \"0.0.0.0\""
  )
)

/** Where to listen, by `HOST` and `PORT`. */
export const listen = (value: PeerAddress): Config.Config<PeerAddress> =>
  Config.map(
    Config.all([
      Config.schema(Host, "HOST").pipe(Config.withDefault(value.host)),
      // Port 0 is any free one, which `Config.Port` does not take.
      between("PORT", 0, 65_535, value.port)
    ]),
    ([host, port]) => new PeerAddress({ host: toHost(host), port })
  )
