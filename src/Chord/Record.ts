/**
 * What the dictionary keeps for a key: a value, or the mark that it was deleted, with its version.
 *
 * The contract, which every node keeps to and which an application can rely on:
 *
 * - **Merging.** Of two records of a key the one with the higher version wins, everywhere and for
 *   good. So copies that have met are equal, in whatever order records came.
 * - **Writers in turn.** A write that begins after another one was acknowledged has a higher version,
 *   whatever the clocks of their nodes say, as long as at most two of the key's five placements cannot
 *   be reached.
 * - **Concurrent writers.** Of two writes that did not know of each other the one with the higher
 *   version stays, whichever was acknowledged first; the other is lost, though it was acknowledged.
 *   Who must not lose a write reads first and compares versions.
 * - **Failed writes.** A write that failed may have reached some copies. It may be read, at once or
 *   later, until a newer version takes its place. A read that is sure (of `readQuorum` placements, a majority) brings
 *   it to as many as no later read can miss before it gives it: then it stays. Where that cannot be done in time the
 *   read fails, or, with `fallback` as by default, gives it as degraded.
 * - **Wrong clocks.** A placement that names a version further ahead than `maxClockSkew` counts as one that does not
 *   answer: a single node whose clock is wrong neither has its values read nor keeps others from writing.
 * - **Deletes.** A delete is a write: its record, a tombstone, has a version and no value, so that
 *   older records that come back from elsewhere lose against it. A tombstone is kept for
 *   `tombstoneTtl` (default 24 hours) after the time of its version, then it may be forgotten. A
 *   node that was away for longer may bring back what was deleted in the meantime.
 * - **Expiry.** A value with an expiry time is read up to that time, by the clock of the node that
 *   answers, and never after. It counts as deleted then: a tombstone that nobody has to send, which
 *   is kept for `tombstoneTtl` after that. To make a value last longer is to write it again. A node whose clock is ahead
 *   counts it as deleted too early; the others, by their clocks, do not.
 * - **Equal versions** with different contents are made by no correct node. They are merged all the
 *   same, and alike everywhere: a tombstone wins over a value, then the larger bytes, then the later
 *   expiry.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Hashing } from "../Protocol/Hashing.ts"
import { type KeyPlace, type KeyPlacement, lowBits } from "./KeyPlacement.ts"
import * as Version from "./Version.ts"

/**
 * How large records may be. The same on all nodes of a ring: one with lower limits keeps no copy of what is larger.
 *
 * @category options
 * @since 0.1.0
 */
export interface RecordLimits {
  /** The longest key, in bytes of UTF-8. Default 1024; at most 65,535. */
  readonly maxKeyBytes: number
  /** The longest value, in bytes. Default 65,536; at most 16 MiB. Larger values slow repair for everybody. */
  readonly maxValueBytes: number
}

/**
 * Keys of 1 KiB, values of 64 KiB.
 *
 * @category options
 * @since 0.1.0
 */
export const defaultLimits: RecordLimits = { maxKeyBytes: 1024, maxValueBytes: 64 * 1024 }

/**
 * How long tombstones are kept by default, in milliseconds: 24 hours.
 *
 * @category options
 * @since 0.1.0
 */
export const defaultTombstoneTtlMillis = 24 * 60 * 60 * 1000

/**
 * The key is longer than `maxKeyBytes`.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeyTooLong extends Schema.TaggedError<KeyTooLong>()("KeyTooLong", {
  bytes: Schema.Int,
  maxBytes: Schema.Number
}) {
  override get message(): string {
    return `the key takes ${this.bytes} bytes, the limit is ${this.maxBytes} (maxKeyBytes)`
  }
}

/**
 * The key holds half of a surrogate pair, which UTF-8 cannot hold.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeyNotText extends Schema.TaggedError<KeyNotText>()("KeyNotText", {}) {
  override get message(): string {
    return "the key is no well-formed text: it holds half of a surrogate pair"
  }
}

/**
 * The value holds half of a surrogate pair, which UTF-8 cannot hold: others would read another one in its place.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueNotText extends Schema.TaggedError<ValueNotText>()("ValueNotText", {}) {
  override get message(): string {
    return "the value is no well-formed text: it holds half of a surrogate pair"
  }
}

/**
 * The value is larger than `maxValueBytes`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueTooLarge extends Schema.TaggedError<ValueTooLarge>()("ValueTooLarge", {
  bytes: Schema.Int,
  maxBytes: Schema.Number
}) {
  override get message(): string {
    return `the value takes ${this.bytes} bytes, the limit is ${this.maxBytes} (maxValueBytes)`
  }
}

/**
 * The dictionary cannot hold that, for the `reason` that is there.
 *
 * @category errors
 * @since 0.1.0
 */
export class RecordError extends Schema.TaggedError<RecordError>()("RecordError", {
  reason: Schema.Union([KeyTooLong, KeyNotText, ValueTooLarge, ValueNotText])
}) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * A value, or a tombstone, under its key and version. It owns the bytes of its value: nobody may
 * change them. Make it with `make` or `decode`; the constructor checks nothing.
 *
 * @category models
 * @since 0.1.0
 */
export class Record {
  readonly key: string
  readonly version: Version.Version
  /** `undefined`: the key was deleted, this is a tombstone. */
  readonly value: Uint8Array | undefined
  /** When the value ends, in milliseconds since 1970; `undefined`: never. */
  readonly expiresAtMillis: number | undefined
  #placement: KeyPlacement | undefined
  #place: KeyPlace | undefined
  #fingerprint: bigint | undefined

  constructor(
    key: string,
    version: Version.Version,
    value: Uint8Array | undefined,
    expiresAtMillis?: number | undefined
  ) {
    this.key = key
    this.version = version
    this.value = value
    this.expiresAtMillis = expiresAtMillis
  }

  /** Where it lies on the ring of `placement`. Computed once, unless asked for several rings. */
  place(placement: KeyPlacement): KeyPlace {
    if (this.#place === undefined || this.#placement !== placement) {
      this.#place = placement.of(this.key)
      this.#placement = placement
    }
    return this.#place
  }

  /** 128 bits of the SHA-256 of all that it holds. Computed once. */
  fingerprint(hashing: Hashing["Service"]): bigint {
    return this.#fingerprint ??= lowBits(128, hashing.digest("sha256", encode(this)))
  }
}

/**
 * A record, with its limits checked. `value` is not copied. An expiry time is rounded up to a whole
 * millisecond; throws a `RangeError` when it is not from 0 to `Version.maxMillis`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  fields: {
    readonly key: string
    readonly version: Version.Version
    readonly value: Uint8Array | undefined
    readonly expiresAtMillis?: number | undefined
  },
  limits: RecordLimits = defaultLimits
): Result.Result<Record, RecordError> => {
  const expiresAtMillis = fields.expiresAtMillis === undefined ? undefined : Math.ceil(fields.expiresAtMillis)
  if (expiresAtMillis !== undefined && !(expiresAtMillis >= 0 && expiresAtMillis <= Version.maxMillis)) {
    throw new RangeError(`no time for an expiry: ${fields.expiresAtMillis} ms`)
  }
  const record = new Record(fields.key, fields.version, fields.value, expiresAtMillis)
  const error = check(record, limits)
  return error === undefined ? Result.succeed(record) : Result.fail(error)
}

/**
 * What is too large in a record, if anything: for records of other nodes, after `decode`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const check = (record: Record, limits: RecordLimits = defaultLimits): RecordError | undefined => {
  if (!record.key.isWellFormed()) return new RecordError({ reason: new KeyNotText() })
  const keyBytes = Version.textBytes(record.key)
  const maxKeyBytes = Math.min(limits.maxKeyBytes, absoluteMaxKeyBytes)
  if (keyBytes > maxKeyBytes) {
    return new RecordError({ reason: new KeyTooLong({ bytes: keyBytes, maxBytes: maxKeyBytes }) })
  }
  const bytes = record.value?.length ?? 0
  const maxBytes = Math.min(limits.maxValueBytes, absoluteMaxValueBytes)
  return bytes > maxBytes ? new RecordError({ reason: new ValueTooLarge({ bytes, maxBytes }) }) : undefined
}

/**
 * Below zero when `a` loses against `b`, another record of the same key, above when it wins, 0 when
 * they are the same. The order is total, so merging in any order and grouping ends alike.
 *
 * @category math
 * @since 0.1.0
 */
export const compare = (a: Record, b: Record): number => {
  const byVersion = Version.compare(a.version, b.version)
  if (byVersion !== 0) return byVersion
  if (a.value === undefined || b.value === undefined) {
    if (a.value !== b.value) return a.value === undefined ? 1 : -1
  } else {
    const byValue = compareBytes(a.value, b.value)
    if (byValue !== 0) return byValue
  }
  return compareExpiry(a.expiresAtMillis, b.expiresAtMillis)
}

/**
 * The one of two records of a key that stays.
 *
 * @category math
 * @since 0.1.0
 */
export const merge = (a: Record, b: Record): Record => compare(a, b) < 0 ? b : a

/**
 * Whether it is an expired value's tombstone whose time has not come: somebody with a clock that is ahead buried the
 * value. It wins over older versions, but not over the value itself.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isBuriedEarly = (record: Record, nowMillis: number): boolean =>
  record.value === undefined && record.expiresAtMillis !== undefined && record.expiresAtMillis > nowMillis

/**
 * `compare` at a time: what was buried early loses against the value of the same version. So one wrong clock does not
 * end the values of all others; once their time is over the order is that of `compare`.
 *
 * @category math
 * @since 0.1.0
 */
export const compareAt = (a: Record, b: Record, nowMillis: number): number => {
  const isEarly = isBuriedEarly(a, nowMillis)
  if (isEarly === isBuriedEarly(b, nowMillis) || Version.compare(a.version, b.version) !== 0) return compare(a, b)
  return isEarly ? -1 : 1
}

/**
 * The one of two records of a key that stays at a time, by `compareAt`.
 *
 * @category math
 * @since 0.1.0
 */
export const mergeAt = (a: Record, b: Record, nowMillis: number): Record => compareAt(a, b, nowMillis) < 0 ? b : a

/**
 * What a reader sees at a time: the value, or `undefined` when there is none, or none any more.
 *
 * @category predicates
 * @since 0.1.0
 */
export const valueAt = (record: Record, nowMillis: number): Uint8Array | undefined =>
  isExpired(record, nowMillis) ? undefined : record.value

/**
 * Whether it holds a value whose time is over.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isExpired = (record: Record, nowMillis: number): boolean =>
  record.value !== undefined && record.expiresAtMillis !== undefined && record.expiresAtMillis <= nowMillis

/**
 * The tombstone that an expired value stands for: the same version without the value, which wins
 * over the record it came from.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bury = (record: Record): Record =>
  new Record(record.key, record.version, undefined, record.expiresAtMillis)

/**
 * Whether it is over for good: a tombstone, or an expired value, of which the time since its end is
 * `tombstoneTtlMillis` or more. The end of a value is its expiry, that of a tombstone the time of
 * its version, or its expiry if it is a buried value. Nobody needs such a record, and nobody takes it
 * in again from another node.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isOver = (record: Record, nowMillis: number, tombstoneTtlMillis: number): boolean => {
  if (record.value !== undefined && record.expiresAtMillis === undefined) return false
  const endMillis = Math.max(record.version.millis, record.expiresAtMillis ?? 0)
  return endMillis + tombstoneTtlMillis <= nowMillis
}

/** What the length in front of a key can say. */
const absoluteMaxKeyBytes = 65_535
/** What a log of records can hold. @internal */
export const absoluteMaxValueBytes = 16 * 1024 * 1024
const tombstoneFlag = 1
const expiryFlag = 2

const encoder = new TextEncoder()

/**
 * The length of `encode(record)`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodedBytes = (record: Record): number =>
  1 + (record.expiresAtMillis === undefined ? 0 : 6) + Version.headBytes + Version.textBytes(record.version.writer) +
  2 +
  Version.textBytes(record.key) + (record.value?.length ?? 0)

/**
 * A record as bytes: flags (1 byte; 1: tombstone, 2: with expiry), the expiry time if there is one
 * (6), the version, the length of the key (2), the key in UTF-8, the value up to the end. Numbers are
 * big-endian. Whoever sends or stores it keeps its length.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (record: Record): Uint8Array => {
  const out = new Uint8Array(encodedBytes(record))
  const view = new DataView(out.buffer)
  const { expiresAtMillis, value } = record
  out[0] = (value === undefined ? tombstoneFlag : 0) | (expiresAtMillis === undefined ? 0 : expiryFlag)
  let offset = 1
  if (expiresAtMillis !== undefined) {
    Version.writeMillis(view, offset, expiresAtMillis)
    offset += 6
  }
  const version = Version.encode(record.version)
  out.set(version, offset)
  offset += version.length
  const keyBytes = encoder.encodeInto(record.key, out.subarray(offset + 2)).written
  view.setUint16(offset, keyBytes)
  if (value !== undefined) out.set(value, offset + 2 + keyBytes)
  return out
}

/**
 * The record that these bytes are, all of them; `undefined` when they are none. The value is a copy.
 * Never throws. Whether it is within limits is for `check` to say.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Record | undefined => {
  const flags = bytes[0]
  if (flags === undefined || flags > (tombstoneFlag | expiryFlag)) return undefined
  const versionOffset = (flags & expiryFlag) === 0 ? 1 : 7
  const versionBytes = Version.encodedBytes(bytes, versionOffset)
  if (versionBytes === undefined) return undefined
  const keyOffset = versionOffset + versionBytes + 2
  if (keyOffset > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const valueOffset = keyOffset + view.getUint16(keyOffset - 2)
  if (valueOffset > bytes.length) return undefined
  const isTombstone = (flags & tombstoneFlag) !== 0
  if (isTombstone && valueOffset < bytes.length) return undefined
  const version = Version.decode(bytes.subarray(versionOffset, keyOffset - 2))
  const key = Version.readText(bytes.subarray(keyOffset, valueOffset))
  if (version === undefined || key === undefined) return undefined
  const expiresAtMillis = (flags & expiryFlag) === 0 ? undefined : Version.readMillis(view, 1)
  return new Record(
    key,
    version,
    isTombstone ? undefined : new Uint8Array(bytes.subarray(valueOffset)),
    expiresAtMillis
  )
}

/**
 * The codec as a Schema.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RecordFromBytes: Schema.Codec<Record, Uint8Array> = Schema.Uint8Array.pipe(Schema.decodeTo(
  Schema.instanceOf(Record),
  SchemaTransformation.transformEffect({
    decode: (bytes: Uint8Array, options) => {
      const record = decode(bytes)
      return record === undefined
        ? Effect.fail(new SchemaIssue.InvalidValue({ message: "not a record" }, bytes, options))
        : Effect.succeed(record)
    },
    encode: (record: Record) => Effect.succeed(encode(record))
  })
))

const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!
  }
  return a.length - b.length
}

const compareExpiry = (a: number | undefined, b: number | undefined): number =>
  a === b ? 0 : (a ?? Number.POSITIVE_INFINITY) - (b ?? Number.POSITIVE_INFINITY)
