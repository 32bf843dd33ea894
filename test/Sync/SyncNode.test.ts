/** What a node makes of writes and copies that come to it, by hand. */
import { assert, describe, it } from "@effect/vitest"
import type { Schema } from "effect"
import type { SyncNode } from "../../src/Sync/internal/SyncNode.ts"
import type { Stamp } from "../../src/Sync/Rule.ts"
import type * as SyncState from "../../src/Sync/SyncState.ts"
import { aloneNode, now } from "./aloneNode.ts"

const at = (time: number, owner = "a"): Stamp => ({ owner, time: now - 100 + time })
const set = (node: SyncNode, value: Schema.Json, stamp: Stamp) => node.takeStore("k", value, stamp, now)
const change = (node: SyncNode, changes: SyncState.JsonMap, stamp: Stamp) => node.takeDelta("k", changes, stamp, now)
const copy = (node: SyncNode, value: Schema.Json, stamp: Stamp) => node.takeEntry({ key: "k", value, ...stamp }, now)
const valueOf = (node: SyncNode) => node.table.get("k")?.value

describe("writes that overtake each other", () => {
  for (const leasing of [true, false]) {
    it(`of one owner lose no field, leasing ${leasing}`, () => {
      const node = aloneNode({ leasing })

      change(node, { x: 3, y: 3 }, at(3))
      change(node, { x: 2, z: 2 }, at(2))
      set(node, { w: 1, x: 1 }, at(1))

      assert.deepStrictEqual(valueOf(node), { w: 1, x: 3, y: 3, z: 2 })
      assert.deepInclude(node.table.get("k"), at(3))
    })
  }

  it("of other owners neither, without leases; with them, what the owner did not write is dropped", () => {
    for (const leasing of [true, false]) {
      const node = aloneNode({ leasing })

      change(node, { x: 3 }, at(3, "b"))
      set(node, { w: 1 }, at(1))
      change(node, { y: 4 }, at(4))

      assert.deepStrictEqual(valueOf(node), leasing ? { x: 3 } : { w: 1, x: 3, y: 4 })
    }
  })

  it("do not bring back what a later whole write left out", () => {
    const node = aloneNode({ leasing: false })

    set(node, { w: 3 }, at(3))

    assert.isFalse(change(node, { x: 2 }, at(2, "b")))
    assert.isTrue(change(node, { x: 3 }, at(3, "b")), "of one second the change counts")
    assert.isTrue(set(node, { w: 4 }, at(4)))
    assert.deepStrictEqual(valueOf(node), { w: 4 })
  })

  it("by an owner in one second stay in the order in which they come, as at original nodes", () => {
    const node = aloneNode({})

    set(node, { x: 9 }, at(1))
    set(node, { x: 1 }, at(1))
    change(node, { y: 9 }, at(1))
    change(node, { y: 1 }, at(1))

    assert.deepStrictEqual(valueOf(node), { x: 1, y: 1 })
    set(node, { x: 0 }, at(1))
    assert.deepStrictEqual(valueOf(node), { x: 0 })
  })
})

describe("a copy of which only the last write is known", () => {
  const changed = () => {
    const node = aloneNode({})
    set(node, { alpha: 1 }, at(1))
    change(node, { beta: 2 }, at(3))
    return node
  }

  it("takes no field away that it lacks, when it is of the same write", () => {
    const node = changed()

    assert.isTrue(copy(node, { beta: 2, gamma: 3 }, at(3)))

    assert.deepStrictEqual(valueOf(node), { alpha: 1, beta: 2, gamma: 3 })
    assert.isFalse(copy(node, { beta: 2, gamma: 3 }, at(3)))
  })

  it("replaces what is older, and nothing when it is older", () => {
    const node = changed()

    assert.isFalse(copy(node, { alpha: 2 }, at(2)))
    assert.deepStrictEqual(valueOf(node), { alpha: 1, beta: 2 })
    assert.isTrue(copy(node, { gamma: 3 }, at(4)))
    assert.deepStrictEqual(valueOf(node), { gamma: 3 })
  })

  it("fills up what changes alone made", () => {
    const node = aloneNode({})
    change(node, { beta: 2 }, at(3))

    assert.isTrue(copy(node, { alpha: 1, beta: 1 }, at(1)))

    assert.deepStrictEqual(valueOf(node), { alpha: 1, beta: 2 })
  })

  it("says when a key was deleted, also of one that was changed since", () => {
    const node = changed()

    assert.isTrue(copy(node, null, at(2)))

    assert.deepStrictEqual(valueOf(node), { beta: 2 })
  })
})

describe("two maps that are too large together", () => {
  const large = (name: string) => ({ [name]: name.repeat(20) })
  it.each([
    ["changed last", "y", (node: SyncNode) => change(node, large("x"), at(1))],
    ["written whole, if the other is by changes alone", "x", (node: SyncNode) => set(node, large("x"), at(1))]
  ])("end as the one that was %s, at both nodes", (_, stays, write) => {
    const [one, other] = [aloneNode({ maxValueBytes: 30 }), aloneNode({ maxValueBytes: 30 })]
    write(one)
    change(other, large("y"), at(2))
    const [before, after] = [one.table.state("k")!, other.table.state("k")!]

    one.takeCopy(after, now)
    other.takeCopy(before, now)

    for (const { table } of [one, other]) {
      assert.deepStrictEqual(table.get("k")?.value, large(stays))
    }
    assert.isTrue(one.table.isSame(other.table.digests))
  })
})

describe("what is held", () => {
  it("is no longer what its writer had, and cannot be changed by a reader", () => {
    const node = aloneNode({})
    const value = { list: [{ n: 1 }] }
    set(node, value, at(1))
    const digests = node.table.digests

    value.list[0]!.n = 2

    assert.deepStrictEqual(valueOf(node), { list: [{ n: 1 }] })
    const held = node.table.get("k") as unknown as { value: typeof value; time: number }
    assert.throws(() => held.time = 0, TypeError)
    assert.throws(() => held.value.list.push({ n: 2 }), TypeError)
    assert.throws(() => held.value.list[0]!.n = 2, TypeError)
    set(node, null, at(2))
    set(node, { list: [{ n: 1 }] }, at(3))
    assert.isFalse(node.table.isSame(digests))
    assert.isTrue(set(node, { ["__proto__"]: { n: 1 } }, at(4)))
    assert.deepStrictEqual(Object.keys(valueOf(node) as object), ["__proto__"])
  })

  it("is text that UTF-8 can hold, whatever a peer says", () => {
    const node = aloneNode({})
    const half = "x\ud800"
    const said: ReadonlyArray<readonly [string, Schema.Json, Stamp]> = [
      [half, "v", at(1)],
      ["k", half, at(1)],
      ["k", [{ x: { [half]: 1 } }], at(1)],
      ["k", "v", at(1, half)]
    ]

    for (const [key, value, stamp] of said) {
      assert.isFalse(node.takeStore(key, value, stamp, now))
      assert.isFalse(node.takeEntry({ key, value, ...stamp }, now))
      assert.isFalse(node.takeDelta(key, { x: value }, stamp, now))
    }
    assert.isTrue(node.takeStore("k😀", { "😀": "😀" }, at(1), now))
    assert.strictEqual(node.table.count, 1)
  })
})
