/**
 * What a node of the dictionary does in real time, whatever its transport, as one suite. A new
 * Layer of a chord adds a test file that calls it, and passes.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, FileSystem, Layer, Option, Scope } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import * as Invariant from "../../src/Chord/Invariant.ts"
import type { NodeChordWithStorage } from "../../src/Layers/NodeChord.ts"
import { eventually, until } from "../utils/eventually.ts"
import { socketCount } from "./mesh.ts"

/** What the suite has to know of a Layer. */
export interface ChordSuite<E extends { readonly _tag: string }> {
  /** A node with these settings; a new one for each call. */
  readonly layer: (options?: NodeChordWithStorage) => Layer.Layer<Chord, E>
  /** How many connections and listeners are open. Default: the sockets of this process. */
  readonly openCount?: Effect.Effect<number>
}

/** Repairs come quickly, so that no test waits long for one. */
export const quick = {
  stabilizeInterval: "200 millis",
  fingerInterval: "200 millis",
  repairInterval: "500 millis",
  probeInterval: "1 second"
} as const

const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)

/** Starts a node in a scope of its own. */
export const start = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Chord, E>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const chord = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), Chord)
  return { chord, stop: Scope.close(scope, Exit.void) }
})

/** A node, and how to stop it. */
export type SocketNode = Effect.Success<ReturnType<typeof start>>

/** Waits until each of the nodes knows exactly what it should. */
export const isIdeal = (nodes: ReadonlyArray<SocketNode>) =>
  until(
    "the ring is ideal",
    Effect.map(Effect.forEach(nodes, ({ chord }) => chord.ring), (rings) =>
      rings.every((members) =>
        members.length > 0
      ) &&
      Invariant.isIdeal({ members: rings.flat().map(({ membership }) => membership) }))
  )

/** Sets thirty keys; */
export const setAll = (node: SocketNode) => node.chord.update(keys.map((key) => [key, `value of ${key}`]))

/** those that a node does not read as they were set. */
export const lost = ({ chord }: SocketNode) =>
  Effect.filter(keys, (key) => Effect.map(chord.get(key), (value) => Option.getOrNull(value) !== `value of ${key}`))

/** A directory that is removed in the end. */
export const directory = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer)
)

/** Runs the suite; for a `describe` of its own. */
export const chordSuite = <E extends { readonly _tag: string }>(suite: ChordSuite<E>): void => {
  /** Nodes that joined the first one, once each knows exactly what it should. */
  const startRing = Effect.fnUntraced(function*(count: number, options: NodeChordWithStorage = {}) {
    const nodes: Array<SocketNode> = []
    for (let index = 0; index < count; index++) {
      const bootstrap = nodes.slice(0, 1).map((node) => String(node.chord.address))
      nodes.push(yield* start(suite.layer({ ...quick, ...options, bootstrap })))
    }
    yield* isIdeal(nodes)
    return nodes
  })

  it.live("reads at each of five nodes what one of them wrote, also when two have left in order", () =>
    Effect.gen(function*() {
      const nodes = yield* startRing(5)
      yield* setAll(nodes[1]!)

      const before = yield* Effect.forEach(nodes, lost)
      yield* nodes[1]!.stop
      yield* nodes[0]!.stop
      const left = nodes.slice(2)
      const after = yield* Effect.forEach(left, lost)

      assert.deepStrictEqual(before, [[], [], [], [], []])
      assert.deepStrictEqual(after, [[], [], []])
      yield* isIdeal(left)
    }))

  it.live("holds several positions when it is told to", () =>
    Effect.gen(function*() {
      const nodes = yield* startRing(2, { virtualNodes: 3, bits: 32 })
      yield* setAll(nodes[0]!)

      assert.deepStrictEqual(yield* lost(nodes[1]!), [])
      assert.lengthOf(yield* nodes[1]!.chord.ring, 3)
      assert.strictEqual(nodes[1]!.chord.bits, 32)
    }))

  it.live("has everything again when all nodes of a ring stop and start", () =>
    Effect.gen(function*() {
      const files = yield* directory
      const restart = Effect.fnUntraced(function*() {
        const nodes: Array<SocketNode> = []
        for (const name of ["a", "b", "c"]) {
          const bootstrap = nodes.slice(0, 1).map((node) => String(node.chord.address))
          nodes.push(yield* start(suite.layer({ ...quick, bootstrap, data: `${files}/${name}` })))
        }
        yield* isIdeal(nodes)
        return nodes
      })
      const nodes = yield* restart()
      yield* setAll(nodes[0]!)
      for (const node of nodes) yield* node.stop

      const again = yield* restart()

      assert.deepStrictEqual(yield* Effect.forEach(again, lost), [[], [], []])
    }))

  it.live("says which port is taken, and which text is no address", () =>
    Effect.gen(function*() {
      const node = yield* start(suite.layer())

      const taken: { readonly _tag: string } = yield* Effect.flip(
        start(suite.layer({ port: node.chord.address.port }))
      )
      const texts: ReadonlyArray<{ readonly _tag: string }> = yield* Effect.forEach(
        [{ bootstrap: ["nowhere"] }, { announce: "nowhere" }, { host: "no where" }],
        (options) => Effect.flip(start(suite.layer(options)))
      )

      assert.strictEqual(taken._tag, "ListenError")
      assert.include(String(taken), "another program uses that port")
      assert.deepStrictEqual(texts.map(({ _tag }) => _tag), ["InvalidAddress", "InvalidAddress", "InvalidAddress"])
    }))

  it.live("leaves no socket behind when its scope closes, however often", () =>
    Effect.gen(function*() {
      const { openCount = socketCount } = suite
      // Other tests of this process may have left some that are still closing.
      const before = yield* openCount

      for (let round = 0; round < 3; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const nodes = yield* startRing(3)
          yield* nodes[0]!.chord.set("round", String(round))
          assert.isAbove(yield* openCount, before)
        }))
      }

      yield* eventually(Effect.map(openCount, (count) => assert.isAtMost(count, before)))
    }))
}
