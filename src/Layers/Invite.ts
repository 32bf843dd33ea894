/**
 * An invitation to a network: a short text that carries what another node must be given to join. It holds
 * addresses, the name of the subnet, the wire version, how connections are secured, and for TLS the fingerprint of the
 * inviting node's key, so that nobody else can take its place on the way. It is no secret and no
 * admission: whoever has it knows where the network is.
 */
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { lzString } from "../Protocol/Compression/LzString.ts"
import { parse } from "../Protocol/PeerAddress.ts"

/** The most addresses that an invitation carries. */
const maxAddresses = 8

/**
 * The longest name of a subnet that an invitation carries, in characters.
 *
 * @category models
 * @since 0.1.0
 */
export const maxSubnetLength = 200

/**
 * What an invitation says.
 *
 * @category models
 * @since 0.1.0
 */
export const Invite = Schema.Struct({
  kind: Schema.Literals(["mesh", "chord"]),
  /** Where to connect, `"host:port"`; 1 to 8. */
  addresses: Schema.Array(
    Schema.String.check(Schema.makeFilter((text) => parse(text) === undefined ? "no address" : undefined))
  ).check(Schema.isMinLength(1), Schema.isMaxLength(maxAddresses)),
  subnet: Schema.String.check(Schema.isMaxLength(maxSubnetLength)),
  /** How connections are secured; plain when it is missing. */
  tls: Schema.optionalKey(Schema.Literals(["pinned", "authority", "compatible"])),
  /** `SHA256:…`, the fingerprint of the key that all of the addresses prove. */
  pin: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^SHA256:[A-Za-z0-9+/]{43}$/))),
  /** The wire version; 0.4 when it is missing. */
  protocol: Schema.optionalKey(Schema.Literals(["0.4", "0.7"])),
  /** The width of a chord's ring. */
  bits: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 512 }))),
  /** Whether chord nodes of the original program may take part in the ring. */
  originals: Schema.optionalKey(Schema.Boolean),
  /** Whether the nodes of the ring dial host names that others tell of. */
  dialNames: Schema.optionalKey(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Invite = typeof Invite.Type

/**
 * An invitation that cannot be taken. `kind` says why:
 *
 * - `Invalid`: the text is no invitation, or a damaged one.
 * - `Newer`: it is one, but says what this version does not know.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidInvite extends Schema.TaggedError<InvalidInvite>()("InvalidInvite", {
  kind: Schema.Literals(["Invalid", "Newer"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.kind === "Invalid"
      ? `this is no invitation: ${this.detail}. Copy all of it, from "${prefix}" to its end, or ask for it again`
      : `this invitation is of a newer effect-p2p: ${this.detail}. Install the version of whoever invites`
  }
}

const prefix = "p2p1."

/** What one of another form begins with. */
const otherPrefix = /^p2p\d+\./

/** What a later version may say otherwise, though its text has the same form. */
const Choices = Schema.fromJsonString(Schema.Struct({
  kind: Schema.String,
  protocol: Schema.optionalKey(Schema.String),
  tls: Schema.optionalKey(Schema.String)
}))

/** The longest word of a later version that is told. */
const maxWordLength = 20

/** The longest text that is looked at. */
const maxTextLength = 4096

/** The longest content that is unpacked, in bytes. */
const maxContentBytes = 4096

/** The bytes with which packed bodies of lz-string begin; every one does. */
const magicBytes = 4

const InviteJson = Schema.fromJsonString(Invite)
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/**
 * The text of an invitation: letters, digits, `-`, `_` and a dot, so that it survives mail, chat and shells.
 * Throws a `SchemaError` where the schema of `Invite` is not met.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (invite: Invite): string => {
  const packed = lzString.compress(encoder.encode(Schema.encodeSync(InviteJson)(invite))).subarray(magicBytes)
  const bytes = new Uint8Array(4 + packed.length)
  new DataView(bytes.buffer).setUint32(0, checksum(packed))
  bytes.set(packed, 4)
  return prefix + Base64Url.encode(bytes)
}

/**
 * What an invitation says. Fails with `InvalidInvite` for whatever is none; takes no more than 4 KiB.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (text: string): Effect.Effect<Invite, InvalidInvite> =>
  Effect.suspend(() => {
    const invalid = (detail: string) => Effect.fail(new InvalidInvite({ kind: "Invalid", detail }))
    const trimmed = text.trim()
    if (trimmed.length > maxTextLength) return invalid(`it has more than ${maxTextLength} characters`)
    const other = otherPrefix.exec(trimmed)?.[0]
    if (!trimmed.startsWith(prefix) && other !== undefined) {
      return Effect.fail(newer(`it begins with "${other.slice(0, maxWordLength)}", this one reads "${prefix}"`))
    }
    if (!trimmed.startsWith(prefix)) return invalid(`it does not begin with "${prefix}"`)
    const decoded = Base64Url.decode(trimmed.slice(prefix.length))
    if (Result.isFailure(decoded)) return invalid("it has characters that none has, or its end is missing")
    const bytes = decoded.success
    if (bytes.length < 5) return invalid("its end is missing")
    const packed = bytes.subarray(4)
    if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) !== checksum(packed)) {
      return invalid("it is damaged, or its end is missing")
    }
    const plain = lzString.decompress(Uint8Array.of(0x4c, 0x5a, 0x53, 0x31, ...packed), maxContentBytes)
    if (typeof plain === "string") return invalid("its content cannot be unpacked")
    const json = textOf(plain)
    if (json === undefined) return invalid("its content is no text")
    return Effect.mapError(Schema.decodeUnknownEffect(InviteJson)(json), (error) => {
      const unknown = unknownChoice(json)
      if (unknown !== undefined) return newer(`it says ${unknown}, which this one does not know`)
      return new InvalidInvite({ kind: "Invalid", detail: `its content is not understood (${error.message})` })
    })
  })

const newer = (detail: string) => new InvalidInvite({ kind: "Newer", detail })

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The first of the words that stand for a choice that is none of ours. */
const unknownChoice = (json: string): string | undefined => {
  const said = Option.getOrUndefined(Schema.decodeUnknownOption(Choices)(json))
  if (said === undefined) return undefined
  for (const name of ["kind", "protocol", "tls"] as const) {
    const word = said[name]
    if (word === undefined || Schema.is(Invite.fields[name])(word)) continue
    return `${name} "${word.slice(0, maxWordLength)}"`
  }
  return undefined
}

/** FNV-1a: tells of what was lost or changed in copying, not of what somebody changed on purpose. */
const checksum = (bytes: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
