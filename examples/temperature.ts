/** The README's first program: a typed topic between this process and anyone on the same network. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"

// A typed topic: publish and subscribe check the schema at the edge.
const Temperature = Topic.make("temperature", Schema.Struct({ room: Schema.String, celsius: Schema.Number }))

const program = Effect.gen(function*() {
  const mesh = yield* Mesh
  yield* mesh.connect("127.0.0.1:4444") // fails with a reason: refused, timed out, wrong subnet, ...
  yield* mesh.publish(Temperature, { room: "lab", celsius: 21.5 })
  yield* mesh.broadcast("hello, everyone") // string, bytes, or several packets
  yield* mesh.subscribe(Temperature).pipe(Stream.runForEach((m) => Console.log(m.value, m.sender)))
})

program.pipe(Effect.provide(NodeMesh.layer({ port: 4445 })), NodeRuntime.runMain)
