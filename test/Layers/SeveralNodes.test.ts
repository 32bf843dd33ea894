/** Several nodes in one program, where Effect would build a Layer only once. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import * as BrowserMesh from "../../src/Layers/BrowserMesh.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as NodeSync from "../../src/Layers/NodeSync.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import * as MemoryNetwork from "../../src/Transport/MemoryNetwork.ts"

class Left extends Context.Service<Left, string>()("test/Left") {}
class Right extends Context.Service<Right, string>()("test/Right") {}

type Node<S> = Layer.Layer<S, unknown, MemoryNetwork.MemoryNetwork>

/** The ids that two parts of a program see, each with a Layer provided to it. */
const idsSeen = <I, S extends { readonly id: string }>(
  service: Context.Key<I, S>,
  left: Node<I>,
  right: Node<I>
): Effect.Effect<[string, string], unknown> => {
  const id = Effect.map(Effect.service(service), (node) => node.id)
  const parts = Layer.mergeAll(
    Layer.effect(Left, id).pipe(Layer.provide(left)),
    Layer.effect(Right, id).pipe(Layer.provide(right))
  )
  return Effect.all([Left, Right]).pipe(Effect.provide(parts), Effect.provide(MemoryNetwork.MemoryNetwork.layer()))
}

const meshes: ReadonlyArray<readonly [string, (subnet: string) => Node<Mesh>]> = [
  ["NodeMesh", (subnet) => NodeMesh.layer({ subnet })],
  ["BrowserMesh", (subnet) => BrowserMesh.layer({ subnet })],
  ["NodeSync", (subnet) => NodeSync.layer({ subnet })],
  ["MemoryMesh", (subnet) => MemoryMesh.layer({ subnet, host: subnet })]
]

const chords: ReadonlyArray<readonly [string, (subnet: string) => Node<Chord>]> = [
  ["NodeChord", (subnet) => NodeChord.layer({ subnet })],
  ["MemoryChord", (subnet) => MemoryChord.layer({ subnet, host: subnet })]
]

/** What two parts see that are given two Layers, and that are given the same one twice. */
const row = <I, S extends { readonly id: string }>(
  name: string,
  service: Context.Key<I, S>,
  node: (subnet: string) => Node<I>
) => {
  const one = node("one")
  return { name, ofTwo: idsSeen(service, one, node("other")), ofOne: idsSeen(service, one, one) }
}

const rows = [
  ...meshes.map(([name, node]) => row(name, Mesh, node)),
  ...chords.map(([name, node]) => row(name, Chord, node))
]

describe("two parts of a program", () => {
  it.live.each(rows)(
    "with a $name each have a node each, with its own settings",
    ({ ofTwo }) =>
      Effect.gen(function*() {
        const [left, right] = yield* ofTwo

        assert.notStrictEqual(left, right)
      })
  )

  it.live.each(rows)("with the same $name have one node", ({ ofOne }) =>
    Effect.gen(function*() {
      const [left, right] = yield* ofOne

      assert.strictEqual(left, right)
    }))
})

describe("a program with a node", () => {
  it.live("builds another one, with its own settings", () =>
    Effect.gen(function*() {
      const outer = yield* Mesh
      const inner = Context.get(yield* Layer.build(NodeMesh.layer({ subnet: "other" })), Mesh)

      assert.notStrictEqual(inner.id, outer.id)
    }).pipe(Effect.provide(NodeMesh.layer({ subnet: "one" }))))
})
