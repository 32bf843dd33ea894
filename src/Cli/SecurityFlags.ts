/** Flags that say who a node is and how its connections are secured; `p2p mesh` and `p2p chord` have them. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { flagText } from "./Invocation.ts"

/**
 * Flags that do not go together.
 *
 * @category errors
 * @since 0.1.0
 */
export class WrongUsage extends Schema.TaggedError<WrongUsage>()("WrongUsage", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

const modes = ["pinned", "authority", "compatible"] as const

const file = (name: string) => Flag.String(name).pipe(Flag.withMetavar("FILE"))

/** A directory for an identity. */
export const identity = Flag.String("identity").pipe(
  Flag.withMetavar("DIR"),
  Flag.filter((directory) => directory !== "", () => "the name of a directory")
)

/** The flags of every node. */
export const flags = {
  tls: Flag.Literals("tls", modes).pipe(
    Flag.withMetavar("MODE"),
    Flag.withDescription(
      "Encrypt connections. \"pinned\" (also --tls alone): a node's id is proven by its key; \"authority\": only nodes " +
        "with a certificate of --ca get in; \"compatible\": with original nodes, nobody is proven. The same on all nodes"
    ),
    Flag.optional
  ),
  identity: identity.pipe(
    Flag.withDescription("The directory of this node's identity (p2p identity); made if it is missing"),
    Flag.optional
  ),
  ca: file("ca").pipe(
    Flag.withDescription("With --tls=authority: the certificate of the authority, PEM"),
    Flag.optional
  ),
  cert: file("cert").pipe(
    Flag.withDescription("With --tls=authority: this node's certificate, PEM"),
    Flag.optional
  ),
  key: file("key").pipe(
    Flag.withDescription("With --tls=authority: its private key, PEM; that of --identity if it is not given"),
    Flag.optional
  )
}

/**
 * What the flags say.
 *
 * @category options
 * @since 0.1.0
 */
export interface Security {
  readonly identity: string | undefined
  readonly tls: {
    readonly mode: typeof modes[number]
    readonly ca: string | undefined
    readonly cert: string | undefined
    readonly key: string | undefined
    /** Fingerprints of the nodes that are to be at some addresses. */
    readonly pins?: Readonly<Record<string, string>>
  } | undefined
}

interface Flags {
  readonly tls: Option.Option<typeof modes[number]>
  readonly identity: Option.Option<string>
  readonly ca: Option.Option<string>
  readonly cert: Option.Option<string>
  readonly key: Option.Option<string>
}

/**
 * The flags as settings. Fails with `WrongUsage` when they do not go together.
 *
 * @category decoding
 * @since 0.1.0
 */
export const toSecurity = (
  { ca, cert, identity, key, tls }: Flags,
  isIdentityUsed = false
): Effect.Effect<Security, WrongUsage> => {
  const mode = Option.getOrUndefined(tls)
  const files = { ca: Option.getOrUndefined(ca), cert: Option.getOrUndefined(cert), key: Option.getOrUndefined(key) }
  const directory = Option.getOrUndefined(identity)
  const wrong = (detail: string) => Effect.fail(new WrongUsage({ detail }))
  if (mode === "authority") {
    const missing = [
      ...(files.ca === undefined ? ["--ca FILE"] : []),
      ...(files.cert === undefined ? ["--cert FILE"] : []),
      ...(files.key === undefined && directory === undefined ? ["--key FILE or --identity DIR"] : [])
    ]
    if (missing.length > 0) return wrong(`--tls=authority needs ${missing.join(", ")}`)
  } else {
    const given = Object.entries(files).find(([, value]) => value !== undefined)
    if (given !== undefined) return wrong(`--${given[0]} is for --tls=authority`)
    if (directory !== undefined && mode !== "pinned" && !isIdentityUsed) {
      return wrong("--identity needs --tls, which proves it (or, of a mesh, --sign)")
    }
  }
  return Effect.succeed({ identity: directory, tls: mode === undefined ? undefined : { mode, ...files } })
}

/** What another node is given alike; files are its own. */
export const sharedFlags = ({ tls }: Security): string => {
  if (tls === undefined) return ""
  return tls.mode === "authority"
    ? ` --tls=authority${flagText("ca", tls.ca)} --cert FILE --key FILE`
    : ` --tls=${tls.mode}`
}

/**
 * The arguments with `--tls` alone as `--tls=pinned`: a flag of the command line has a value or none,
 * not either.
 *
 * @category encoding
 * @since 0.1.0
 */
export const withDefaultMode = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = args.indexOf("--")
  return args.map((arg, index) => {
    const isAlone = arg === "--tls" && !modes.some((mode) => mode === args[index + 1])
    return isAlone && (end === -1 || index < end) ? "--tls=pinned" : arg
  })
}
