/**
 * A set of records as a tree of buckets, for `RecordDigest`: by the lowest 6 bits of the hash of the
 * key, then by the next 6, and so on. Each bucket has a digest, the sum of the fingerprints of its
 * records modulo 2^128, which does not depend on their order.
 *
 * A digest that is a sum can be forged by one who stores thousands of chosen records: he can make two
 * sets seem equal where his own records differ. Other buckets are not affected, and no digest makes a
 * node take a record that it would not take otherwise.
 */
import type { KeyPlacement } from "./KeyPlacement.ts"
import type { Record } from "./Record.ts"

/**
 * How many buckets a bucket is divided into.
 *
 * @category models
 * @since 0.1.0
 */
export const bucketCount = 64

/** The width of an index of a bucket. */
const indexBits = 6

/**
 * The depth of the smallest buckets: only keys whose hashes are almost the same share one.
 *
 * @category models
 * @since 0.1.0
 */
export const maxDepth = 21

/**
 * A bucket: the keys whose hash ends in `suffix`, of `depth` times 6 bits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bucket {
  /** 0, the bucket of all keys, to `maxDepth`. */
  readonly depth: number
  readonly suffix: bigint
}

/**
 * The bucket of all keys.
 *
 * @category models
 * @since 0.1.0
 */
export const root: Bucket = { depth: 0, suffix: 0n }

/**
 * The bucket with that index, from 0 to 63, in a bucket above `maxDepth`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const childOf = ({ depth, suffix }: Bucket, index: number): Bucket => ({
  depth: depth + 1,
  suffix: suffix | (BigInt(index) << BigInt(indexBits * depth))
})

/**
 * Whether a key with that hash lies in a bucket.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isIn = (hash: bigint, { depth, suffix }: Bucket): boolean =>
  BigInt.asUintN(indexBits * depth, hash) === suffix

/**
 * What a bucket of a set holds in short.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly count: number
  /** 128 bits. */
  readonly digest: bigint
}

/**
 * Whether two summaries are of the same records.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSame = (a: Summary, b: Summary): boolean => a.count === b.count && a.digest === b.digest

/**
 * A set of records, each of another key. Buckets are made when they are asked for: taking a set and
 * its digest costs an addition for each record, and a SHA-256 for each that has no fingerprint yet.
 *
 * @category models
 * @since 0.1.0
 */
export class RecordSet {
  readonly placement: KeyPlacement
  readonly #root: Node

  constructor(records: Iterable<Record>, placement: KeyPlacement) {
    this.placement = placement
    this.#root = new Node([...records], 0, placement)
  }

  /** What a bucket holds in short; by default the whole set. */
  summary(bucket: Bucket = root): Summary {
    return this.#find(bucket)
  }

  /** The records of a bucket; by default of the whole set. */
  records(bucket: Bucket = root): ReadonlyArray<Record> {
    return this.#find(bucket).records
  }

  /** The record of the key with that hash. */
  get(hash: bigint): Record | undefined {
    let node = this.#root
    while (node.count > smallCount && node.depth < maxDepth) node = node.child(indexAt(hash, node.depth))
    return node.records.find((record) => record.place(this.placement).hash === hash)
  }

  /**
   * What is divided stays, so that is only what holds many records: others choose the buckets, and each may lie at the end
   * of a long way through nothing.
   */
  #find(bucket: Bucket): Node {
    let node = this.#root
    while (node.depth < bucket.depth && node.count > smallCount) node = node.child(indexAt(bucket.suffix, node.depth))
    return node.depth < bucket.depth ? node.part(bucket) : node
  }
}

/** So many records are searched one by one. */
const smallCount = 8

/** The index of the bucket in which a hash lies, among those below a bucket of that depth. */
const indexAt = (hash: bigint, depth: number): number =>
  Number(BigInt.asUintN(indexBits, hash >> BigInt(indexBits * depth)))

/** A bucket with its records. */
class Node implements Summary {
  readonly records: ReadonlyArray<Record>
  readonly depth: number
  readonly #placement: KeyPlacement
  #digest: bigint | undefined
  #children: ReadonlyArray<Node> | undefined

  constructor(records: ReadonlyArray<Record>, depth: number, placement: KeyPlacement) {
    this.records = records
    this.depth = depth
    this.#placement = placement
  }

  get count(): number {
    return this.records.length
  }

  get digest(): bigint {
    if (this.#digest === undefined) {
      let sum = 0n
      for (const record of this.records) sum += record.fingerprint(this.#placement.hashing)
      this.#digest = BigInt.asUintN(128, sum)
    }
    return this.#digest
  }

  /** A bucket somewhere below, that is not kept. */
  part(bucket: Bucket): Node {
    const records = this.records.filter((record) => isIn(record.place(this.#placement).hash, bucket))
    return new Node(records, bucket.depth, this.#placement)
  }

  child(index: number): Node {
    return (this.#children ??= this.#divide())[index]!
  }

  #divide(): ReadonlyArray<Node> {
    const parts = Array.from({ length: bucketCount }, (): Array<Record> => [])
    for (const record of this.records) parts[indexAt(record.place(this.#placement).hash, this.depth)]!.push(record)
    return parts.map((part) => new Node(part, this.depth + 1, this.#placement))
  }
}
