/** Three nodes that hear each other's writes in any order, or not at all, and then compare what they hold. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as StateCodec from "../../src/Sync/internal/StateCodec.ts"
import type { SyncNode } from "../../src/Sync/internal/SyncNode.ts"
import type { Stamp } from "../../src/Sync/Rule.ts"
import type { SyncOptions } from "../../src/Sync/SyncConfig.ts"
import { canonical, type JsonMap } from "../../src/Sync/SyncState.ts"
import { aloneNode, now } from "./aloneNode.ts"

const indexes = [0, 1, 2] as const

const Fields = Schema.Record(
  Schema.Literals(["a", "b", "c", "__proto__"]),
  Schema.optionalKey(Schema.NullOr(Schema.Literals([1, 2])))
)
const Index = Schema.Literals(indexes)
const Step = Schema.Union([
  Schema.Struct({ what: Schema.Literal("set"), node: Index, value: Schema.Union([Fields, Schema.Literals(["x", 7])]) }),
  Schema.Struct({ what: Schema.Literal("change"), node: Index, value: Fields }),
  Schema.Struct({ what: Schema.Literal("delete"), node: Index }),
  Schema.Struct({ what: Schema.Literal("hear"), node: Index, which: Schema.Natural, isLost: Schema.Boolean }),
  Schema.Struct({ what: Schema.Literal("copy"), node: Index, other: Index }),
  Schema.Struct({ what: Schema.Literal("compare"), node: Index, other: Index })
])
type Step = typeof Step.Type

type Write = { readonly isChange: boolean; readonly value: Schema.Json; readonly stamp: Stamp }

interface Conditions extends Partial<SyncOptions> {
  /** Whether nodes write in the same seconds, and are told what others hold as original nodes tell it. */
  readonly isRough: boolean
}

class World {
  readonly nodes: ReadonlyArray<SyncNode>
  readonly writes: Array<Write> = []
  readonly #unheard: ReadonlyArray<Array<Write>> = indexes.map(() => [])

  readonly #isRough: boolean

  constructor({ isRough, ...options }: Conditions) {
    this.#isRough = isRough
    this.nodes = indexes.map(() => aloneNode(options))
  }

  take(step: Step): void {
    switch (step.what) {
      case "hear": {
        const unheard = this.#unheard[step.node]!
        const [write] = unheard.splice(step.which % Math.max(1, unheard.length), 1)
        if (write !== undefined && !step.isLost) this.#hear(step.node, write)
        return
      }
      case "copy": {
        const entry = this.nodes[step.node]!.table.get("k")
        if (this.#isRough && entry !== undefined) this.nodes[step.other]!.takeEntry(entry, now)
        return
      }
      case "compare":
        return this.compare(step.node, step.other)
      case "delete":
        return this.#write(step.node, false, null)
      default:
        // Over the wire: as own fields, whatever their names.
        return this.#write(step.node, step.what === "change", JSON.parse(JSON.stringify(step.value)))
    }
  }

  /** As `Exchange` does: what differs goes both ways. */
  compare(one: number, other: number): void {
    const [ours, theirs] = [this.nodes[one]!, this.nodes[other]!]
    const there = ours.table.differing(theirs.table.digests)
    const back = theirs.table.differing(ours.table.digests)
    for (const [node, states] of [[theirs, there], [ours, back]] as const) {
      for (const state of states) {
        const isPlain = state.fields.size === 0
        node.takeCopy(isPlain ? state : StateCodec.decode(StateCodec.encode(state), node.options.maxValueBytes)!, now)
      }
    }
  }

  /** As `Writes` does: after what is held; and in a second that no other node writes in, unless it is rough. */
  #write(index: number, isChange: boolean, value: Schema.Json): void {
    const node = this.nodes[index]!
    const held = node.table.get("k")
    const from = held === undefined ? now - 300 : held.time + 1
    const stamp = { owner: `owner ${index}`, time: this.#isRough ? from : from + (index - from % 3 + 3) % 3 }
    if (isChange && Object.keys(value as JsonMap).length === 0) return
    if (!node.mayWrite("k", stamp, isChange, now)) return
    const write = { isChange, value, stamp }
    // Too large for the node itself, in rough conditions: `Writes` refuses it.
    if (!this.#hear(index, write)) return assert.isTrue(this.#isRough, "a node takes its own writes")
    this.writes.push(write)
    for (const other of indexes) if (other !== index) this.#unheard[other]!.push(write)
  }

  #hear(index: number, { isChange, stamp, value }: Write): boolean {
    const node = this.nodes[index]!
    return isChange
      ? node.takeDelta("k", value as JsonMap, stamp, now)
      : node.takeStore("k", value, stamp, now)
  }
}

/** The last whole write, and over it the last change of each field since. */
const expected = (writes: ReadonlyArray<Write>): Schema.Json => {
  const inOrder = writes.toSorted((a, b) => a.stamp.time - b.stamp.time)
  const whole = inOrder.findLastIndex(({ isChange }) => !isChange)
  const changes = inOrder.slice(whole + 1).map(({ value }) => value as JsonMap)
  const value = inOrder[whole]?.value ?? null
  if (changes.length === 0) return value
  const base = typeof value === "object" && value !== null ? value as JsonMap : {}
  return Object.fromEntries([base, ...changes].flatMap((map) => Object.entries(map)))
}

const toOrdered = (fields: ReadonlyMap<string, Stamp>) => Array.from(fields).sort(([a], [b]) => a < b ? -1 : 1)

/** Compares until all nodes should hold the same, and says what. */
const settle = (world: World): Schema.Json => {
  for (let round = 0; round < 4; round++) {
    world.compare(0, 1)
    world.compare(2, 1)
    world.compare(0, 2)
  }
  const states = world.nodes.map(({ table }) => table.state("k"))
  const [first, ...others] = states.map((state) => state && [state.entry, state.base, toOrdered(state.fields)])
  for (const other of others) assert.deepStrictEqual(other, first)
  for (const { table } of world.nodes) assert.isTrue(table.isSame(world.nodes[0]!.table.digests))
  return states[0]?.entry.value ?? null
}

const Steps = Schema.Array(Step).check(Schema.isMinLength(10), Schema.isMaxLength(40))

describe("nodes that compare what they hold", () => {
  for (const leasing of [true, false]) {
    const name = leasing ? "with leases" : "without leases"

    it.prop(`come to hold the same, with what was written last of each field, ${name}`, [Steps], ([steps]) => {
      const world = new World({ leasing, isRough: false })
      for (const step of steps) world.take(step)

      assert.strictEqual(canonical(settle(world)), canonical(expected(world.writes)))
    }, { arbitrary: { runs: 1000 } })

    it.prop(`agree on what was written in one second, and is too large together, ${name}`, [Steps], ([steps]) => {
      const world = new World({ leasing, isRough: true, maxValueBytes: 22 })
      for (const step of steps) world.take(step)

      settle(world)
    }, { arbitrary: { runs: 1000 } })
  }
})
