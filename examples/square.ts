/** Typed questions: one node answers, another finds it through a third and asks. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { Mesh, Query } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"

const Square = Query.make("square", { question: Schema.Number, answer: Schema.Number })

/** A node in this process; its layer is made anew for each call, so each is a node of its own. */
const node = Effect.map(Layer.build(Layer.fresh(NodeMesh.layer({ maxOutboundLinks: 0 }))), Context.get(Mesh))

const program = Effect.scoped(Effect.gen(function*() {
  const [asker, between, responder] = [yield* node, yield* node, yield* node]
  yield* responder.respond(Square, (n) => Effect.succeed(n * n))
  yield* responder.connect(between.address)
  yield* asker.connect(between.address)

  const answer = yield* asker.ask(Square, responder.id, 12)

  yield* Console.log(`12 squared is ${answer}`)
}))

program.pipe(NodeRuntime.runMain)
