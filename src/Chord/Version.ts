/**
 * Versions of records: a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", OPODIS
 * 2014). A version is near the time of day at which it was made, is above all versions that its
 * maker had seen, and no two writers make the same one. So any two versions of a key are ordered,
 * everywhere in the same way, without a node that would have to be asked.
 *
 * A node keeps the highest version it made or saw: it makes each version by `next` from that one, or
 * by its clock where what it saw of other keys lies ahead of that, and takes in those of others by
 * `observe`, which refuses what lies too far in the future. Without that bound one wrong clock would
 * drag the versions of the whole network with it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * The latest time that versions and expiry times can hold, in milliseconds since 1970: the year 10889.
 *
 * @category models
 * @since 0.1.0
 */
export const maxMillis = 2 ** 48 - 1

/**
 * The highest counter.
 *
 * @category models
 * @since 0.1.0
 */
export const maxCounter = 2 ** 32 - 1

/**
 * The longest name of a writer, in bytes of UTF-8.
 *
 * @category models
 * @since 0.1.0
 */
export const maxWriterBytes = 255

/**
 * How far ahead of the own clock a version of another node may lie by default, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export const defaultMaxSkewMillis = 60_000

/**
 * One version. Make it with `next` or `decode`; the constructor checks nothing.
 *
 * @category models
 * @since 0.1.0
 */
export class Version {
  /** Milliseconds since 1970, an integer from 0 to `maxMillis`. */
  readonly millis: number
  /** Tells versions of the same millisecond apart: an integer from 0 to `maxCounter`. */
  readonly counter: number
  /** The id of the node that made it: 1 to `maxWriterBytes` bytes of UTF-8. */
  readonly writer: string

  constructor(millis: number, counter: number, writer: string) {
    this.millis = millis
    this.counter = counter
    this.writer = writer
  }

  /** For people: time, counter and the first characters of the writer. */
  toString(): string {
    return `${this.millis}.${this.counter}@${this.writer.slice(0, 8)}`
  }
}

/**
 * A version lies more than `maxSkewMillis` ahead of this node's clock: the clock of its writer, or
 * of this node, is wrong.
 *
 * @category errors
 * @since 0.1.0
 */
export class VersionTooFarAhead extends Schema.TaggedError<VersionTooFarAhead>()("VersionTooFarAhead", {
  writer: Schema.String,
  aheadMillis: Schema.Number,
  maxSkewMillis: Schema.Number
}) {
  override get message(): string {
    return `a version of ${this.writer} lies ${this.aheadMillis} ms ahead of this node's clock, the limit is ` +
      `${this.maxSkewMillis} ms: set the clocks`
  }
}

/**
 * Below zero when `a` comes before `b`, above when after, 0 when they are the same: by time, then
 * counter, then writer.
 *
 * @category math
 * @since 0.1.0
 */
export const compare = (a: Version, b: Version): number => {
  if (a.millis !== b.millis) return a.millis - b.millis
  if (a.counter !== b.counter) return a.counter - b.counter
  return a.writer === b.writer ? 0 : a.writer < b.writer ? -1 : 1
}

/**
 * The higher of two versions, of which the first may be missing.
 *
 * @category math
 * @since 0.1.0
 */
export const max = (a: Version | undefined, b: Version): Version => a === undefined || compare(a, b) < 0 ? b : a

/**
 * Whether a text can be the writer of a version: 1 to `maxWriterBytes` bytes of UTF-8, and no half
 * of a surrogate pair, which UTF-8 cannot hold.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isWriter = (text: string): boolean =>
  text.length > 0 && text.isWellFormed() && textBytes(text) <= maxWriterBytes

/**
 * A version above `previous`, the highest that was made or seen so far, at `nowMillis` or as little
 * later as that takes. Throws a `RangeError` when `writer` is no writer, when the time is not from 0
 * to `maxMillis`, or when no version is left above `previous`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const next = (previous: Version | undefined, nowMillis: number, writer: string): Version => {
  if (!isWriter(writer)) throw new RangeError(`a writer has 1 to ${maxWriterBytes} bytes of UTF-8`)
  const now = Math.floor(nowMillis)
  if (!(now >= 0 && now <= maxMillis)) throw new RangeError(`no time for a version: ${nowMillis} ms`)
  if (previous === undefined || now > previous.millis) return new Version(now, 0, writer)
  if (previous.counter < maxCounter) return new Version(previous.millis, previous.counter + 1, writer)
  if (previous.millis === maxMillis) throw new RangeError("no version is left after the highest")
  return new Version(previous.millis + 1, 0, writer)
}

/**
 * Takes in a version of another node: gives the higher of `previous` and `received`, which is what
 * `next` has to build on from now on. Fails with `VersionTooFarAhead`, and then nothing is to be
 * taken from that version, when it lies more than `maxSkewMillis` (default 60 seconds) ahead of
 * `nowMillis`. A larger bound suffers worse clocks, and lets one wrong clock move all versions so far.
 *
 * @category math
 * @since 0.1.0
 */
export const observe = (
  previous: Version | undefined,
  received: Version,
  nowMillis: number,
  maxSkewMillis: number = defaultMaxSkewMillis
): Result.Result<Version, VersionTooFarAhead> => {
  const aheadMillis = received.millis - nowMillis
  return aheadMillis > maxSkewMillis
    ? Result.fail(new VersionTooFarAhead({ writer: received.writer, aheadMillis, maxSkewMillis }))
    : Result.succeed(max(previous, received))
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Time in 6 bytes, counter in 4, the length of the writer in 1. @internal */
export const headBytes = 11

/**
 * A version as bytes: time (6 bytes), counter (4), length of the writer (1), writer in UTF-8; all
 * numbers big-endian. The order of the bytes is not that of the versions.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (version: Version): Uint8Array => {
  const writer = encoder.encode(version.writer)
  const out = new Uint8Array(headBytes + writer.length)
  const view = new DataView(out.buffer)
  writeMillis(view, 0, version.millis)
  view.setUint32(6, version.counter)
  out[10] = writer.length
  out.set(writer, headBytes)
  return out
}

/**
 * How many bytes a version takes that begins at `offset`; `undefined` when they are not all there.
 * Whether they are a version is for `decode` to say.
 *
 * @category decoding
 * @since 0.1.0
 */
export const encodedBytes = (bytes: Uint8Array, offset = 0): number | undefined => {
  if (bytes.length - offset < headBytes) return undefined
  const length = headBytes + bytes[offset + 10]!
  return bytes.length - offset < length ? undefined : length
}

/**
 * The version that these bytes are, all of them; `undefined` when they are none. Never throws.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Version | undefined => {
  if (encodedBytes(bytes) !== bytes.length || bytes.length === headBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const writer = readText(bytes.subarray(headBytes))
  return writer === undefined ? undefined : new Version(readMillis(view, 0), view.getUint32(6), writer)
}

/**
 * The codec as a Schema.
 *
 * @category schemas
 * @since 0.1.0
 */
export const VersionFromBytes: Schema.Codec<Version, Uint8Array> = Schema.Uint8Array.pipe(Schema.decodeTo(
  Schema.instanceOf(Version),
  SchemaTransformation.transformEffect({
    decode: (bytes: Uint8Array, options) => {
      const version = decode(bytes)
      return version === undefined
        ? Effect.fail(new SchemaIssue.InvalidValue({ message: "not a version" }, bytes, options))
        : Effect.succeed(version)
    },
    encode: (version: Version) => Effect.succeed(encode(version))
  })
))

/** Writes a time in 6 bytes. @internal */
export const writeMillis = (view: DataView, offset: number, millis: number): void => {
  view.setUint16(offset, Math.floor(millis / 2 ** 32))
  view.setUint32(offset + 2, millis % 2 ** 32)
}

/** Reads a time from 6 bytes. @internal */
export const readMillis = (view: DataView, offset: number): number =>
  view.getUint16(offset) * 2 ** 32 + view.getUint32(offset + 2)

/** The text that these bytes are in UTF-8; `undefined` when they are none. @internal */
export const readText = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The length of a well-formed text in UTF-8, without making the bytes. @internal */
export const textBytes = (text: string): number => {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // Each half of a surrogate pair counts two of its four bytes.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return bytes
}
