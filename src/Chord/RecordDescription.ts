/**
 * What two nodes say to each other to compare their records (`RecordDigest`), and its bytes. Numbers
 * are big-endian. Every decoder bounds what it reads and gives `undefined` for what it does not know.
 *
 * - Question: summary (20 bytes), then buckets (17 each).
 * - Description: kind (1; 0: entries, 1: summaries), bucket (17), then entries, or 64 summaries.
 * - Summary: count (4), digest (16). Bucket: depth (1), suffix (16).
 * - Entry: hash (16), check (8), version (`Version.encode`).
 * - Hashes: 16 bytes each.
 */
import * as RecordSet from "./RecordSet.ts"
import * as Version from "./Version.ts"

/**
 * What the asker sends: the summary of its set, and the buckets that it wants described, each once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly summary: RecordSet.Summary
  readonly buckets: ReadonlyArray<RecordSet.Bucket>
}

/**
 * What tells a record from others in a listed bucket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** The hash of the key, 128 bits. */
  readonly hash: bigint
  /** The low 64 bits of the fingerprint: they tell contents apart that have the same version. */
  readonly check: bigint
  readonly version: Version.Version
}

/**
 * The answer about one bucket: its records, or its 64 buckets when there are too many.
 *
 * @category models
 * @since 0.1.0
 */
export type Description = {
  readonly _tag: "Entries"
  readonly bucket: RecordSet.Bucket
  readonly entries: ReadonlyArray<Entry>
} | {
  readonly _tag: "Summaries"
  readonly bucket: RecordSet.Bucket
  readonly summaries: ReadonlyArray<RecordSet.Summary>
}

const hashBytes = 16
const checkBytes = 8
const summaryBytes = 4 + hashBytes
const bucketBytes = 1 + hashBytes
const descriptionHeadBytes = 1 + bucketBytes
const entriesKind = 0
const summariesKind = 1

/**
 * A question as bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeQuestion = ({ buckets, summary }: Question): Uint8Array => {
  const view = new DataView(new ArrayBuffer(summaryBytes + buckets.length * bucketBytes))
  writeSummary(view, 0, summary)
  for (const [index, bucket] of buckets.entries()) writeBucket(view, summaryBytes + index * bucketBytes, bucket)
  return bytesOf(view)
}

/**
 * The question that these bytes are, of at most `maxBuckets`; `undefined` when they are none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeQuestion = (bytes: Uint8Array, maxBuckets: number): Question | undefined => {
  const count = (bytes.length - summaryBytes) / bucketBytes
  if (!Number.isInteger(count) || count < 0 || count > maxBuckets) return undefined
  const view = viewOf(bytes)
  const buckets: Array<RecordSet.Bucket> = []
  for (let index = 0; index < count; index++) {
    const bucket = readBucket(view, summaryBytes + index * bucketBytes)
    if (bucket === undefined) return undefined
    buckets.push(bucket)
  }
  return { summary: readSummary(view, 0), buckets }
}

/**
 * The length of `encodeDescription(description)`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const descriptionBytes = (description: Description): number => {
  if (description._tag === "Summaries") return descriptionHeadBytes + RecordSet.bucketCount * summaryBytes
  let bytes = descriptionHeadBytes
  for (const { version } of description.entries) {
    bytes += hashBytes + checkBytes + Version.headBytes + Version.textBytes(version.writer)
  }
  return bytes
}

/**
 * A description as bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeDescription = (description: Description): Uint8Array => {
  const parts = description._tag === "Entries"
    ? description.entries.map(encodeEntry)
    : description.summaries.map(encodeSummary)
  const head = new DataView(new ArrayBuffer(descriptionHeadBytes))
  head.setUint8(0, description._tag === "Entries" ? entriesKind : summariesKind)
  writeBucket(head, 1, description.bucket)
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, descriptionHeadBytes))
  out.set(bytesOf(head))
  let offset = descriptionHeadBytes
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/**
 * The description that these bytes are; `undefined` when they are none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeDescription = (bytes: Uint8Array): Description | undefined => {
  if (bytes.length < descriptionHeadBytes) return undefined
  const view = viewOf(bytes)
  const bucket = readBucket(view, 1)
  if (bucket === undefined) return undefined
  if (bytes[0] === summariesKind) {
    if (bytes.length !== descriptionHeadBytes + RecordSet.bucketCount * summaryBytes) return undefined
    const summaries = Array.from(
      { length: RecordSet.bucketCount },
      (_, index) => readSummary(view, descriptionHeadBytes + index * summaryBytes)
    )
    return { _tag: "Summaries", bucket, summaries }
  }
  const entries = bytes[0] === entriesKind ? readEntries(bytes, view) : undefined
  return entries === undefined ? undefined : { _tag: "Entries", bucket, entries }
}

/**
 * Hashes of keys as bytes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeHashes = (hashes: ReadonlyArray<bigint>): Uint8Array => {
  const view = new DataView(new ArrayBuffer(hashes.length * hashBytes))
  for (const [index, hash] of hashes.entries()) writeHash(view, index * hashBytes, hash)
  return bytesOf(view)
}

/**
 * The hashes that these bytes are, at most `maxCount`; `undefined` when they are none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeHashes = (bytes: Uint8Array, maxCount: number): ReadonlyArray<bigint> | undefined => {
  const count = bytes.length / hashBytes
  if (!Number.isInteger(count) || count > maxCount) return undefined
  const view = viewOf(bytes)
  return Array.from({ length: count }, (_, index) => readHash(view, index * hashBytes))
}

const encodeEntry = ({ check, hash, version }: Entry): Uint8Array => {
  const versionBytes = Version.encode(version)
  const view = new DataView(new ArrayBuffer(hashBytes + checkBytes + versionBytes.length))
  writeHash(view, 0, hash)
  view.setBigUint64(hashBytes, check)
  const out = bytesOf(view)
  out.set(versionBytes, hashBytes + checkBytes)
  return out
}

const readEntries = (bytes: Uint8Array, view: DataView): ReadonlyArray<Entry> | undefined => {
  const entries: Array<Entry> = []
  for (let offset = descriptionHeadBytes; offset < bytes.length;) {
    const versionOffset = offset + hashBytes + checkBytes
    const versionBytes = Version.encodedBytes(bytes, versionOffset)
    if (versionBytes === undefined) return undefined
    const version = Version.decode(bytes.subarray(versionOffset, versionOffset + versionBytes))
    if (version === undefined) return undefined
    entries.push({ hash: readHash(view, offset), check: view.getBigUint64(offset + hashBytes), version })
    offset = versionOffset + versionBytes
  }
  return entries
}

const encodeSummary = (summary: RecordSet.Summary): Uint8Array => {
  const view = new DataView(new ArrayBuffer(summaryBytes))
  writeSummary(view, 0, summary)
  return bytesOf(view)
}

const writeSummary = (view: DataView, offset: number, { count, digest }: RecordSet.Summary): void => {
  view.setUint32(offset, count)
  writeHash(view, offset + 4, digest)
}

const readSummary = (view: DataView, offset: number): RecordSet.Summary => ({
  count: view.getUint32(offset),
  digest: readHash(view, offset + 4)
})

const writeBucket = (view: DataView, offset: number, { depth, suffix }: RecordSet.Bucket): void => {
  view.setUint8(offset, depth)
  writeHash(view, offset + 1, suffix)
}

const readBucket = (view: DataView, offset: number): RecordSet.Bucket | undefined => {
  const bucket = { depth: view.getUint8(offset), suffix: readHash(view, offset + 1) }
  return bucket.depth <= RecordSet.maxDepth && RecordSet.isIn(bucket.suffix, bucket) ? bucket : undefined
}

const writeHash = (view: DataView, offset: number, hash: bigint): void => {
  view.setBigUint64(offset, hash >> 64n)
  view.setBigUint64(offset + 8, BigInt.asUintN(64, hash))
}

const readHash = (view: DataView, offset: number): bigint =>
  (view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
