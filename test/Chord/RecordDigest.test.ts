import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Context, Effect, Layer, Schema } from "effect"
import { KeyPlacement } from "../../src/Chord/KeyPlacement.ts"
import * as Record from "../../src/Chord/Record.ts"
import * as Wire from "../../src/Chord/RecordDescription.ts"
import * as RecordDigest from "../../src/Chord/RecordDigest.ts"
import * as RecordSet from "../../src/Chord/RecordSet.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import { arbitraryRecord, arbitraryVersion, record } from "./records.ts"

const hashing = Context.get(Effect.runSync(Effect.scoped(Layer.build(Hashing.layerFast))), Hashing)
const ring = new KeyPlacement(hashing, 32)

/** A share, as the storage merges it. */
type Share = Map<string, Record.Record>

const shareOf = (records: Iterable<Record.Record>): Share => {
  const share: Share = new Map()
  for (const record of records) {
    const held = share.get(record.key)
    share.set(record.key, held === undefined ? record : Record.merge(held, record))
  }
  return share
}

const setOf = (share: Share) => new RecordSet.RecordSet(share.values(), ring)

interface Costs {
  questions: number
  /** Records that went over the network. */
  records: number
  /** The longest message but for records. */
  longestBytes: number
  bytes: number
}

/** What passes the network is written and read again. */
const carry = <A>(costs: Costs, bytes: Uint8Array, decode: (bytes: Uint8Array) => A | undefined): A => {
  costs.bytes += bytes.length
  costs.longestBytes = Math.max(costs.longestBytes, bytes.length)
  const read = decode(bytes)
  assert.isDefined(read)
  return read!
}

const carryAnswer = (costs: Costs, answer: ReadonlyArray<Wire.Description>) => {
  const packets = answer.map(Wire.encodeDescription)
  costs.longestBytes = Math.max(costs.longestBytes, packets.reduce((sum, packet) => sum + packet.length, 0))
  return packets.map((packet) => carry(costs, packet, Wire.decodeDescription))
}

/** Runs a whole exchange between two nodes; both shares take what they get. */
const exchange = (asker: Share, other: Share, limits = RecordDigest.defaultLimits) => {
  const costs: Costs = { questions: 0, records: 0, longestBytes: 0, bytes: 0 }
  const [mine, theirs] = [setOf(asker), setOf(other)]
  const run = new RecordDigest.RecordExchange(mine, limits)
  for (let question = run.question; question !== undefined; question = run.question) {
    costs.questions++
    assert.isBelow(costs.questions, 10_000)
    const asked = carry(
      costs,
      Wire.encodeQuestion(question),
      (bytes) => Wire.decodeQuestion(bytes, limits.maxBuckets)
    )
    assert.isTrue(run.accept(carryAnswer(costs, RecordDigest.describe(theirs, asked, limits))))
  }
  const fetched = fetch(costs, theirs, run.want)
  for (const [share, records] of [[asker, fetched], [other, run.send]] as const) {
    costs.records += records.length
    for (const [key, record] of shareOf([...share.values(), ...records])) share.set(key, record)
  }
  return { ...costs, run }
}

/** Fetches records by the hashes of their keys, some at a time. */
const fetch = (costs: Costs, theirs: RecordSet.RecordSet, want: ReadonlyArray<bigint>) => {
  const fetched: Array<Record.Record> = []
  for (let rest = want; rest.length > 0;) {
    const hashes = carry(costs, Wire.encodeHashes(rest.slice(0, 1000)), (bytes) => Wire.decodeHashes(bytes, 1000))
    const records = RecordDigest.select(theirs, hashes, 5000)
    assert.isAbove(records.length, 0)
    fetched.push(...records)
    rest = rest.slice(rest.indexOf(records.at(-1)!.place(ring).hash) + 1)
  }
  return fetched
}

const contents = (share: Share) => [...share.values()].map((record) => Record.encode(record).join()).sort()

const Records = Arbitrary.array(arbitraryRecord(40), { maxLength: 120 })

describe("RecordDigest", () => {
  for (const maxListed of [0, 2, 64]) {
    it.prop(`makes any two shares equal, with buckets of up to ${maxListed} listed`, [Records, Records, Records], ([
      shared,
      left,
      right
    ]) => {
      const limits = { ...RecordDigest.defaultLimits, maxListed, maxAnswerBytes: 3000, maxBuckets: 10 }
      const [a, b] = [shareOf([...shared, ...left]), shareOf([...shared, ...right])]
      const merged = contents(shareOf([...a.values(), ...b.values()]))

      const { run } = exchange(a, b, limits)

      assert.deepStrictEqual(contents(a), merged)
      assert.deepStrictEqual(contents(b), merged)
      assert.isFalse(run.isCutShort)
      assert.strictEqual(new Set(run.send).size, run.send.length)
      assert.strictEqual(new Set(run.want).size, run.want.length)
    }, { arbitrary: { runs: 150 } })
  }

  it.prop("asks about equal shares once, and gets an empty answer", [Records], ([records]) => {
    const [a, b] = [shareOf(records), shareOf([...shareOf(records).values()].reverse())]

    const { bytes, questions, records: moved } = exchange(a, b)

    assert.deepStrictEqual([questions, moved, bytes], [1, 0, 37])
  })

  it("finds a few differences among many records with few questions and bytes", () => {
    const many = Array.from({ length: 20_000 }, (_, index) => record(`key ${index}`, 1000, `value ${index}`))
    const [a, b] = [shareOf(many), shareOf(many)]
    a.set("key 7", record("key 7", 1001, "newer here"))
    b.set("key 19999", record("key 19999", 1001, "newer there"))
    b.delete("key 500")
    a.delete("key 501")

    const costs = exchange(a, b)

    assert.deepStrictEqual(contents(a), contents(b))
    assert.strictEqual(a.size, 20_000)
    assert.strictEqual(costs.records, 4)
    assert.isAtMost(costs.questions, 3)
    // Summaries of the whole, of four buckets, and four lists: against 20,000 entries of 42 bytes.
    assert.isBelow(costs.bytes, 12_000)
  })

  it("keeps to the length of answers, however many records differ", () => {
    const many = Array.from({ length: 6000 }, (_, index) => record(`key ${index}`, 1000, "v"))
    const [a, b] = [shareOf([]), shareOf(many)]
    const limits = { ...RecordDigest.defaultLimits, maxAnswerBytes: 8000 }

    const costs = exchange(a, b, limits)

    assert.strictEqual(a.size, 6000)
    assert.isAtMost(costs.longestBytes, 17 * 1024 + 20)
    const answers = RecordDigest.describe(setOf(b), {
      summary: { count: 0, digest: 0n },
      buckets: Array.from({ length: 64 }, (_, index) => RecordSet.childOf(RecordSet.root, index))
    }, limits)
    assert.isAtMost(answers.reduce((sum, answer) => sum + Wire.encodeDescription(answer).length, 0), 8000)
    assert.isAbove(answers.length, 1)
  })

  it("sends all of a bucket that the other node does not have, without asking further", () => {
    const many = Array.from({ length: 6000 }, (_, index) => record(`key ${index}`, 1000, "v"))
    const [a, b] = [shareOf(many), shareOf([])]

    const costs = exchange(a, b)

    assert.strictEqual(b.size, 6000)
    assert.isAtMost(costs.questions, 2)
  })

  it("leaves to the next exchange what is more than it may note", () => {
    const many = Array.from({ length: 600 }, (_, index) => record(`key ${index}`, 1000, "v"))
    const [a, b] = [shareOf([]), shareOf(many)]
    const limits = { ...RecordDigest.defaultLimits, maxNoted: 200, maxListed: 8 }

    let rounds = 0
    for (let isCutShort = true; isCutShort; rounds++) {
      const before = a.size
      const { run } = exchange(a, b, limits)
      isCutShort = run.isCutShort
      assert.isAbove(a.size, before)
    }

    assert.deepStrictEqual(contents(a), contents(b))
    assert.isAbove(rounds, 1)
  })

  it("ends the exchange with a node that does not answer what was asked", () => {
    const entries = { _tag: "Entries", bucket: RecordSet.root, entries: [] } as const
    const elsewhere = { ...entries, bucket: RecordSet.childOf(RecordSet.root, 5) }
    const deepest = { depth: RecordSet.maxDepth, suffix: 0n }

    for (const answer of [[elsewhere], [entries, entries]]) {
      const run = new RecordDigest.RecordExchange(setOf(shareOf([record("k", 1, "v")])))
      assert.isFalse(run.accept(answer))
      assert.isUndefined(run.question)
    }
    const run = new RecordDigest.RecordExchange(setOf(new Map()))
    const lie = (bucket: RecordSet.Bucket) => ({
      _tag: "Summaries" as const,
      bucket,
      summaries: Array.from({ length: 64 }, (_, index) => ({ count: index === 0 ? 1 : 0, digest: 1n }))
    })
    for (let depth = 0; depth < RecordSet.maxDepth; depth++) assert.isTrue(run.accept([lie(run.question!.buckets[0]!)]))
    assert.deepStrictEqual(run.question!.buckets, [deepest])
    assert.isFalse(run.accept([lie(deepest)]))
  })

  it("lists as wanted no key outside the bucket, and each once", () => {
    const bucket = RecordSet.root
    const version = record("k", 1, "v").version
    const [inside, outside] = [0n, 1n].map((hash) => ({ hash, check: 0n, version }))
    const child = RecordSet.childOf(bucket, 0)
    const run = new RecordDigest.RecordExchange(setOf(new Map()))
    run.accept([{
      _tag: "Summaries",
      bucket,
      summaries: Array.from({ length: 64 }, (_, index) => ({ count: index === 0 ? 3 : 0, digest: 0n }))
    }])

    assert.isTrue(run.accept([{ _tag: "Entries", bucket: child, entries: [outside!, inside!] }]))
    assert.deepStrictEqual(run.want, [0n])
  })

  it("keeps nothing for buckets that hold nothing, of which others may ask about any", () => {
    const set = setOf(shareOf(Array.from({ length: 100 }, (_, index) => record(`key ${index}`, 1, "value"))))
    const before = process.memoryUsage().heapUsed
    for (let round = 0n; round < 4n; round++) {
      const buckets = Array.from({ length: 1024 }, (_, index) => ({
        depth: RecordSet.maxDepth,
        suffix: BigInt.asUintN(126, (BigInt(index) + 1n + round * 5000n) * 0x9e3779b97f4a7c15f39cc0605cedc835n)
      }))
      const answer = RecordDigest.describe(set, { summary: { count: 1, digest: 1n }, buckets })
      assert.strictEqual(answer.length, buckets.length)
    }
    // Each question of 17 KiB had 135 MB kept.
    assert.isBelow(process.memoryUsage().heapUsed - before, 100_000_000)
  })

  it("gives wanted records in their order, and one at least", () => {
    const records = ["a", "b", "c"].map((key) => record(key, 1, "v".repeat(100)))
    const set = setOf(shareOf(records))
    const hashes = records.map((held) => held.place(ring).hash)

    const keysOf = (maxBytes: number, wanted = hashes) =>
      RecordDigest.select(set, wanted, maxBytes).map((held) => held.key).join("")

    assert.deepStrictEqual([keysOf(1e6), keysOf(300), keysOf(1), keysOf(1e6, [5n])], ["abc", "ab", "a", ""])
    assert.strictEqual(keysOf(1e6, [hashes[2]!, 5n, hashes[0]!]), "ca")
  })
})

const hash = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Int), { minLength: 5, maxLength: 5 }),
  (parts) => parts.reduce((sum, part) => BigInt.asUintN(128, (sum << 26n) ^ BigInt(part)), 0n)
)
const bucket = Arbitrary.map(
  Arbitrary.all([hash, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 21 })))]),
  ([hash, depth]): RecordSet.Bucket => ({ depth, suffix: BigInt.asUintN(6 * depth, hash) })
)
const summary = Arbitrary.map(
  Arbitrary.all([hash, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })))]),
  ([digest, count]): RecordSet.Summary => ({ count, digest })
)
const entry = Arbitrary.map(
  Arbitrary.all([hash, hash, arbitraryVersion]),
  ([hash, check, version]): Wire.Entry => ({ hash, check: BigInt.asUintN(64, check), version })
)
const description = Arbitrary.map(
  Arbitrary.all([
    bucket,
    Arbitrary.array(entry, { maxLength: 5 }),
    Arbitrary.array(summary, { minLength: 64, maxLength: 64 }),
    Arbitrary.schema(Schema.Boolean)
  ]),
  ([bucket, entries, summaries, isListed]): Wire.Description =>
    isListed ? { _tag: "Entries", bucket, entries } : { _tag: "Summaries", bucket, summaries }
)

describe("RecordDescription", () => {
  it.prop("reads back every question, description and list of hashes that it writes", [
    summary,
    Arbitrary.array(bucket, { maxLength: 5 }),
    description,
    Arbitrary.array(hash, { maxLength: 5 })
  ], ([summary, buckets, description, hashes]) => {
    const question = { summary, buckets }

    assert.deepStrictEqual(Wire.decodeQuestion(Wire.encodeQuestion(question), 5), question)
    assert.deepStrictEqual(Wire.decodeDescription(Wire.encodeDescription(description)), description)
    assert.strictEqual(Wire.encodeDescription(description).length, Wire.descriptionBytes(description))
    assert.deepStrictEqual(Wire.decodeHashes(Wire.encodeHashes(hashes), 5), hashes)
  })

  it.prop("never throws, whatever bytes come", [
    description,
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })),
    Schema.Uint8Array
  ], ([description, index, garbage]) => {
    const bytes = Wire.encodeDescription(description)
    const inputs = [garbage, bytes.subarray(0, index), Uint8Array.of(index % 2, ...garbage)]
    bytes[index % bytes.length] = index & 0xff
    for (const input of [...inputs, bytes]) {
      const read = Wire.decodeDescription(input)
      if (read !== undefined) assert.deepStrictEqual(Wire.encodeDescription(read), input)
      Wire.decodeQuestion(input, 100)
      Wire.decodeHashes(input, 100)
    }
  }, { arbitrary: { runs: 500 } })

  it("refuses more buckets and hashes than are allowed, and buckets that are none", () => {
    const question = { summary: { count: 0, digest: 0n }, buckets: [RecordSet.root, RecordSet.root] }
    const bytes = Wire.encodeQuestion(question)

    assert.isDefined(Wire.decodeQuestion(bytes, 2))
    assert.isUndefined(Wire.decodeQuestion(bytes, 1))
    assert.isUndefined(Wire.decodeHashes(Wire.encodeHashes([1n, 2n]), 1))
    bytes[20] = 22
    assert.isUndefined(Wire.decodeQuestion(bytes, 2))
    bytes[20] = 0
    bytes[36] = 1
    assert.isUndefined(Wire.decodeQuestion(bytes, 2))
  })
})
