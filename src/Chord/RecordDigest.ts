/**
 * How two nodes find out in which records they differ, with few and short messages: pure functions,
 * for the sync of a range between a node and its successors.
 *
 * The asker sends the summary of its whole set (`RecordSet`). If the other's is the same, that was
 * all. If not, the answer has the summaries of the 64 buckets, and the asker asks about those that
 * differ, level by level, until a bucket is small enough to be listed: for each of its records the
 * hash of the key, the version, and a part of the fingerprint. From that the asker knows what to send
 * and what to fetch. It drives the exchange (`RecordExchange`); the other node answers single
 * questions (`describe`, `select`) and keeps nothing between them but, to save work, its set.
 *
 * With 64 listed records to a bucket, sets of 4,000 records differ in two or three questions, sets of
 * 100,000 in three or four. Every answer is bounded in bytes; what does not fit is asked again. Both
 * nodes sweep expired values before they take their sets: a value that only one has buried is a
 * difference.
 */
import * as Record from "./Record.ts"
import { type Description, descriptionBytes, type Entry, type Question } from "./RecordDescription.ts"
import * as RecordSet from "./RecordSet.ts"
import * as Version from "./Version.ts"

/**
 * How large questions and answers may be.
 *
 * @category options
 * @since 0.1.0
 */
export interface DigestLimits {
  /** A bucket with more records is divided, not listed. More: fewer questions, longer answers. Default 64. */
  readonly maxListed: number
  /** An answer ends before it is longer than this, in bytes, but has one bucket at least. Default 64 KiB. */
  readonly maxAnswerBytes: number
  /** Buckets in one question; further ones wait for the next. Default 1024. */
  readonly maxBuckets: number
  /**
   * The most buckets that an asker asks about in one exchange, and the most records that it wants. The
   * rest is left to the next exchange. So a liar cannot keep it busy without end. Default 65,536; at
   * least 2,000, or an exchange may end before it comes to any record.
   */
  readonly maxNoted: number
}

/**
 * The default of every limit.
 *
 * @category options
 * @since 0.1.0
 */
export const defaultLimits: DigestLimits = {
  maxListed: 64,
  maxAnswerBytes: 64 * 1024,
  maxBuckets: 1024,
  maxNoted: 65_536
}

/**
 * Answers a question: describes buckets in the order in which they are asked about, as many as fit,
 * at least one. Nothing when the whole sets are the same.
 *
 * @category math
 * @since 0.1.0
 */
export const describe = (
  set: RecordSet.RecordSet,
  question: Question,
  limits: DigestLimits = defaultLimits
): ReadonlyArray<Description> => {
  const answer: Array<Description> = []
  if (RecordSet.isSame(set.summary(), question.summary)) return answer
  let bytes = 0
  for (const bucket of question.buckets.slice(0, limits.maxBuckets)) {
    const isListed = set.summary(bucket).count <= limits.maxListed || bucket.depth >= RecordSet.maxDepth
    const description = isListed ? list(set, bucket) : divide(set, bucket)
    bytes += descriptionBytes(description)
    if (bytes > limits.maxAnswerBytes && answer.length > 0) break
    answer.push(description)
  }
  return answer
}

/**
 * The records of a set with these hashes, in the same order: as many as fit into `maxBytes`, at least
 * one if there is any. Ask again for what comes behind the last one; what is missing before it is gone.
 *
 * @category math
 * @since 0.1.0
 */
export const select = (
  set: RecordSet.RecordSet,
  hashes: ReadonlyArray<bigint>,
  maxBytes: number
): ReadonlyArray<Record.Record> => {
  const selected: Array<Record.Record> = []
  let bytes = 0
  for (const hash of hashes) {
    const record = set.get(hash)
    if (record === undefined) continue
    bytes += Record.encodedBytes(record)
    if (bytes > maxBytes && selected.length > 0) break
    selected.push(record)
  }
  return selected
}

const list = (set: RecordSet.RecordSet, bucket: RecordSet.Bucket): Description => ({
  _tag: "Entries",
  bucket,
  entries: set.records(bucket).map((record) => toEntry(record, set))
})

const divide = (set: RecordSet.RecordSet, bucket: RecordSet.Bucket): Description => ({
  _tag: "Summaries",
  bucket,
  summaries: Array.from({ length: RecordSet.bucketCount }, (_, index) => set.summary(RecordSet.childOf(bucket, index)))
})

const toEntry = (record: Record.Record, { placement }: RecordSet.RecordSet): Entry => ({
  hash: record.place(placement).hash,
  check: BigInt.asUintN(64, record.fingerprint(placement.hashing)),
  version: record.version
})

/**
 * The asker's side of one exchange: send `question`, hand the answer to `accept`, until there is no
 * question. Then `send` and `want` say what the two nodes do not share. What changes at either node
 * in the meantime does no harm: the newer record of a key stays everywhere.
 *
 * @category models
 * @since 0.1.0
 */
export class RecordExchange {
  /** Own records that the other node lacks, or has in an older version. */
  readonly send: Array<Record.Record> = []
  /** Hashes of keys of which the other node has a record that is missing here, or newer. */
  readonly want: Array<bigint> = []
  /** Whether `maxNoted` was reached: the next exchange finds the rest. */
  isCutShort = false
  readonly #own: RecordSet.RecordSet
  readonly #limits: DigestLimits
  #waiting: ReadonlyArray<RecordSet.Bucket> = [RecordSet.root]
  #bucketCount = 1

  constructor(own: RecordSet.RecordSet, limits: DigestLimits = defaultLimits) {
    this.#own = own
    this.#limits = limits
  }

  /** What to ask next; `undefined` when all is known. */
  get question(): Question | undefined {
    return this.#waiting.length === 0
      ? undefined
      : { summary: this.#own.summary(), buckets: this.#waiting.slice(0, this.#limits.maxBuckets) }
  }

  /**
   * Takes the answer to `question`; `false`, and the exchange is over, when it is no answer to it: the
   * other node is broken or lies.
   */
  accept(answer: ReadonlyArray<Description>): boolean {
    const asked = this.#waiting
    this.#waiting = []
    // The sets are the same, or have become so.
    if (answer.length === 0) return true
    const next: Array<RecordSet.Bucket> = []
    for (const [index, description] of answer.entries()) {
      const bucket = index < this.#limits.maxBuckets ? asked[index] : undefined
      if (bucket === undefined || !isSameBucket(description.bucket, bucket)) return false
      if (description._tag === "Entries") this.#compareEntries(bucket, description.entries)
      else if (bucket.depth < RecordSet.maxDepth) this.#compareSummaries(bucket, description.summaries, next)
      else return false
    }
    // Deep ones first, so that some records are reached when `maxNoted` ends it.
    this.#waiting = [...next, ...asked.slice(answer.length)]
    return true
  }

  #compareSummaries(
    bucket: RecordSet.Bucket,
    summaries: ReadonlyArray<RecordSet.Summary>,
    next: Array<RecordSet.Bucket>
  ): void {
    for (const [index, theirs] of summaries.entries()) {
      const child = RecordSet.childOf(bucket, index)
      if (RecordSet.isSame(this.#own.summary(child), theirs)) continue
      if (theirs.count === 0) this.#sendAll(this.#own.records(child))
      else if (this.#isWithin(this.#bucketCount)) {
        this.#bucketCount++
        next.push(child)
      }
    }
  }

  #compareEntries(bucket: RecordSet.Bucket, entries: ReadonlyArray<Entry>): void {
    const missing = new Map(
      this.#own.records(bucket).map((record) => [record.place(this.#own.placement).hash, record])
    )
    for (const { check, hash, version } of entries) {
      const own = missing.get(hash)
      missing.delete(hash)
      const order = own === undefined ? -1 : Version.compare(own.version, version)
      const isSame = order === 0 && toEntry(own!, this.#own).check === check
      if (isSame || !RecordSet.isIn(hash, bucket)) continue
      // Equal versions with different contents: both sides merge.
      if (order >= 0) this.send.push(own!)
      if (order <= 0 && this.#isWithin(this.want.length)) this.want.push(hash)
    }
    this.#sendAll(missing.values())
  }

  #sendAll(records: Iterable<Record.Record>): void {
    for (const record of records) this.send.push(record)
  }

  #isWithin(count: number): boolean {
    if (count >= this.#limits.maxNoted) this.isCutShort = true
    return count < this.#limits.maxNoted
  }
}

const isSameBucket = (a: RecordSet.Bucket, b: RecordSet.Bucket): boolean => a.depth === b.depth && a.suffix === b.suffix
