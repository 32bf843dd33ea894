import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { ByteBudget } from "../../src/Transport/ByteBudget.ts"
import { coalesce, group, Outbox } from "../../src/Transport/Outbox.ts"

const bytes = (count: number, fill = 0) => new Uint8Array(count).fill(fill)
const Size = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40_000 })))
const Sizes = Arbitrary.array(Size, { maxLength: 30 })

describe("group", () => {
  it("puts blocks together up to 256 KiB, in order, and leaves a larger one alone", () => {
    const sizes = [100_000, 100_000, 62_144, 1, 300_000, 5]

    const groups = group(sizes.map((size) => new Uint8Array(size)))

    assert.deepStrictEqual(groups.map(({ blocks }) => blocks.map((block) => block.length)), [
      [100_000, 100_000, 62_144],
      [1],
      [300_000],
      [5]
    ])
    assert.deepStrictEqual(groups.map(({ bytes }) => bytes), [262_144, 1, 300_000, 5])
  })
})

describe("Outbox", () => {
  it("gives what was offered in order, all at once, and then nothing", () => {
    const outbox = new Outbox(100)

    for (const fill of [1, 2, 3]) assert.isTrue(outbox.offer(bytes(10, fill)))

    assert.deepStrictEqual(outbox.take().map((frame) => frame[0]), [1, 2, 3])
    assert.deepStrictEqual(outbox.take(), [])
  })

  it("refuses what does not fit, and takes it when there is room", () => {
    const outbox = new Outbox(100)

    assert.isTrue(outbox.offer(bytes(60)))
    assert.isFalse(outbox.offer(bytes(41)))
    assert.isTrue(outbox.offer(bytes(40)))
    assert.isFalse(outbox.offer(bytes(1)))
    assert.strictEqual(outbox.queuedBytes, 100)
    outbox.take()
    outbox.written(60)

    assert.isTrue(outbox.offer(bytes(60)))
    assert.strictEqual(outbox.take().length, 1)
  })

  it("counts what was taken until it is written", () => {
    const outbox = new Outbox(100)
    outbox.offer(bytes(90))

    outbox.take()
    assert.strictEqual(outbox.queuedBytes, 90)
    assert.isFalse(outbox.offer(bytes(20)))
    outbox.written(90)

    assert.strictEqual(outbox.queuedBytes, 0)
  })

  it("takes any frame when it is empty", () => {
    const outbox = new Outbox(100)

    assert.isTrue(outbox.offer(bytes(1000)))
    assert.isFalse(outbox.offer(bytes(1)))
    assert.isFalse(outbox.hasRoom)
    outbox.take()
    outbox.written(1000)

    assert.isTrue(outbox.hasRoom)
  })

  it("has room again when dropping has emptied it, as it does once the budget of the node is spent", () => {
    const budget = new ByteBudget(640)
    const outbox = new Outbox(100, budget)
    outbox.offer(bytes(60), true)
    assert.isFalse(outbox.hasRoom)
    budget.usedBytes += 640

    const droppedCount = outbox.dropOldest(10)

    assert.strictEqual(droppedCount, 1)
    assert.deepStrictEqual([outbox.queuedBytes, outbox.hasRoom], [0, true])
  })

  it("has room until it is over half full, and again when it is a quarter full at most", () => {
    const outbox = new Outbox(100)

    outbox.offer(bytes(50))
    assert.isTrue(outbox.hasRoom)
    outbox.offer(bytes(1))
    assert.isFalse(outbox.hasRoom)
    outbox.take()
    outbox.written(25)
    assert.isFalse(outbox.hasRoom)
    outbox.written(1)

    assert.isTrue(outbox.hasRoom)
  })

  it("has no room once it refused a frame, until something is written", () => {
    const outbox = new Outbox(100)

    outbox.offer(bytes(10))
    outbox.offer(bytes(95))
    assert.isFalse(outbox.hasRoom)
    outbox.take()
    outbox.written(10)

    assert.isTrue(outbox.hasRoom)
  })

  it("lets those go on that wait for room", () => {
    const outbox = new Outbox(100)
    outbox.offer(bytes(60))
    const { room } = outbox
    assert.isFalse(room.isOpen())

    outbox.take()
    outbox.written(60)
    assert.isTrue(room.isOpen())
    outbox.offer(bytes(60))

    assert.isFalse(room.isOpen())
  })

  it("has frames from the first one until all are taken, and tells of each", () => {
    const outbox = new Outbox(100)
    let told = 0
    outbox.onFrame = () => told++
    assert.isFalse(outbox.hasFrames)

    outbox.offer(bytes(1))
    outbox.offer(bytes(1))
    assert.isTrue(outbox.hasFrames)
    outbox.take()

    assert.isFalse(outbox.hasFrames)
    assert.strictEqual(told, 2)
  })

  it("keeps the order of broadcasts and other frames while little waits", () => {
    const outbox = new Outbox(1_000_000)

    for (const fill of [1, 2, 3, 4, 5]) outbox.offer(bytes(10, fill), fill % 2 === 0)

    assert.deepStrictEqual(outbox.take().map((frame) => frame[0]), [1, 2, 3, 4, 5])
  })

  it("takes other frames before broadcasts when many wait, in their own order", () => {
    const outbox = new Outbox(1_000_000)
    outbox.offer(bytes(100_000, 1), true)
    outbox.offer(bytes(10, 101))
    for (const fill of [2, 3, 4, 5]) outbox.offer(bytes(100_000, fill), true)
    outbox.offer(bytes(10, 102))

    assert.deepStrictEqual(outbox.take().map((frame) => frame[0]), [101, 102, 1, 2, 3])
    assert.isTrue(outbox.hasFrames)
    outbox.offer(bytes(10, 103))
    assert.deepStrictEqual(outbox.take().map((frame) => frame[0]), [4, 5, 103])
    assert.isFalse(outbox.hasFrames)
  })

  it("drops the oldest broadcasts, and nothing else, to make room", () => {
    const budget = new ByteBudget(1_000_000)
    const outbox = new Outbox(1000, budget)
    outbox.offer(bytes(100, 1), true)
    outbox.offer(bytes(100, 101))
    for (const fill of [2, 3, 4, 5, 6, 7, 8, 9]) outbox.offer(bytes(100, fill), true)

    assert.strictEqual(outbox.dropOldest(100), 2)
    assert.deepStrictEqual([outbox.queuedBytes, budget.usedBytes], [800, 800])
    assert.deepStrictEqual(outbox.take().map((frame) => frame[0]), [101, 3, 4, 5, 6, 7, 8, 9])
    outbox.discard()
    assert.strictEqual(budget.usedBytes, 0)
  })

  it("holds less when what all queues may hold together is used up", () => {
    const budget = new ByteBudget(6400)
    const [one, other] = [new Outbox(10_000, budget), new Outbox(10_000, budget)]
    assert.isTrue(one.offer(bytes(6500)))

    assert.isTrue(other.offer(bytes(60)))
    assert.isFalse(other.offer(bytes(60)))
    one.written(6500)
    assert.isTrue(other.offer(bytes(60)))
  })

  it("refuses everything once closed, gives what waits, and lets nobody wait for it", () => {
    const outbox = new Outbox(100)
    outbox.offer(bytes(90))

    outbox.close()

    assert.isFalse(outbox.offer(bytes(1)))
    assert.isTrue(outbox.hasFrames)
    assert.strictEqual(outbox.take().length, 1)
    assert.isTrue(outbox.isClosed)
    assert.isTrue(outbox.hasRoom)
  })
})

describe("coalesce", () => {
  it.prop("keeps every byte in its order", [Sizes], ([sizes]) => {
    const frames = sizes.map((size, i) => bytes(size, i))

    const blocks = coalesce(frames)

    assert.deepStrictEqual(Buffer.concat(blocks), Buffer.concat(frames))
  })

  it.prop(
    "joins neighbors into blocks of 64 KiB at most, and copies no frame of 16 KiB or more",
    [Sizes],
    ([sizes]) => {
      const frames = sizes.map((size, i) => bytes(size, i))

      const blocks = coalesce(frames)

      for (const frame of frames.filter((frame) => frame.length >= 16_384)) assert.include(blocks, frame)
      assert.isTrue(blocks.every((block) => block.length <= 65_536))
    }
  )

  it("makes one block of many small frames, and none of none", () => {
    assert.strictEqual(coalesce(Array.from({ length: 100 }, () => bytes(100))).length, 1)
    assert.deepStrictEqual(coalesce([]), [])
  })

  it("starts a new block where one is full", () => {
    const blocks = coalesce(Array.from({ length: 10 }, () => bytes(16_000)))

    assert.deepStrictEqual(blocks.map((block) => block.length), [64_000, 64_000, 32_000])
  })
})
