import { Context, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Mesh, Topic } from "effect-p2p"
import { BrowserMesh } from "effect-p2p/browser"
import { NodeMesh } from "effect-p2p/node"
import { MemoryMesh, MemoryNetwork } from "effect-p2p/simulation"

const Temperature = Topic.make("temperature", Schema.Struct({ room: Schema.String, celsius: Schema.Number }))

/** One value from one node to another, whatever the two are made of. */
const exchange = Effect.fnUntraced(function*<E, R>(first: Layer.Layer<Mesh, E, R>, second: Layer.Layer<Mesh, E, R>) {
  const a = Context.get(yield* Layer.build(first), Mesh)
  const b = Context.get(yield* Layer.build(second), Mesh)
  const received = yield* a.subscribe(Temperature).pipe(
    Stream.runHead,
    Effect.forkScoped({ startImmediately: true })
  )
  yield* b.connect(a.addresses.at(-1) ?? a.address)
  yield* b.publish(Temperature, { room: "lab", celsius: 21.5 })
  const message = yield* Effect.fromOption(yield* Fiber.join(received))
  console.log(`${message.value.room}: ${message.value.celsius}`)
})

await Effect.runPromise(Effect.scoped(exchange(NodeMesh.layer(), NodeMesh.layer())))
await Effect.runPromise(
  Effect.scoped(exchange(NodeMesh.layer({ listenFurther: ["ws://127.0.0.1:0"] }), BrowserMesh.layer()))
)
await Effect.runPromise(
  Effect.scoped(exchange(MemoryMesh.layer({ host: "a" }), MemoryMesh.layer({ host: "b" }))).pipe(
    Effect.provide(MemoryNetwork.layer())
  )
)
