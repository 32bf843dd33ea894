/**
 * A chat for the terminal: `npx node --conditions=effect-p2p-source examples/chat.ts NAME [ADDRESS]`, with the address that
 * another one printed.
 */
import { NodeRuntime, NodeStream } from "@effect/platform-node"
import { Console, Effect, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"

const Said = Topic.make("chat", Schema.Struct({ name: Schema.String, text: Schema.String }))

const [name = "anonymous", address] = process.argv.slice(2)

const lines = NodeStream.fromReadable<Uint8Array, Error>({
  evaluate: () => process.stdin,
  onError: (cause) => new Error("standard input broke", { cause })
}).pipe(Stream.decodeText, Stream.splitLines)

const program = Effect.gen(function*() {
  const mesh = yield* Mesh
  yield* mesh.subscribe(Said).pipe(
    Stream.runForEach(({ value }) => Console.log(`${value.name}: ${value.text}`)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* mesh.changes.pipe(
    Stream.runForEach((peers) => Console.log(`(${peers.length} linked)`)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Console.log(`others join with: npx node --conditions=effect-p2p-source examples/chat.ts NAME ${mesh.address}`)
  if (address !== undefined) yield* mesh.connect(address)
  yield* lines.pipe(Stream.runForEach((text) => mesh.publish(Said, { name, text })))
})

program.pipe(Effect.scoped, Effect.provide(NodeMesh.layer()), NodeRuntime.runMain)
