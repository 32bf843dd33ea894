/** A protocol of one's own, tried on ten nodes in one process under a virtual clock: no sockets, no waiting. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Random } from "effect"
import { Mesh } from "effect-p2p"
import { MemoryMesh, MemoryNetwork } from "effect-p2p/simulation"
import { TestClock } from "effect/testing"

/** Each node answers a roll call with its host's name, to whoever called. */
const answerRollCall = Effect.fnUntraced(function*(mesh: Mesh["Service"], name: string) {
  yield* mesh.handle("roll call", (call) => Effect.ignore(mesh.whisper(call.sender, name, { subFlag: "present" })))
})

const program = Effect.gen(function*() {
  const present: Array<string> = []
  const nodes: Array<Mesh["Service"]> = []
  for (let index = 1; index <= 10; index++) {
    const host = `10.0.0.${index}`
    const mesh = Context.get(yield* Layer.build(MemoryMesh.layer({ host })), Mesh)
    yield* answerRollCall(mesh, host)
    if (index > 1) yield* Effect.forkScoped(mesh.connect(nodes[0]!.address))
    nodes.push(mesh)
  }
  yield* nodes[9]!.handle("present", (message) => Effect.sync(() => present.push(message.text)))
  yield* TestClock.adjust("5 seconds")

  yield* nodes[9]!.broadcast("who is there?", { subFlag: "roll call" })
  yield* TestClock.adjust("5 seconds")

  yield* Console.log(`${present.length} of ${nodes.length - 1} answered: ${present.sort().join(" ")}`)
})

program.pipe(
  Effect.scoped,
  Effect.provide([MemoryNetwork.layer({ latency: "50 millis" }), TestClock.layer()]),
  Random.withSeed("roll call"),
  NodeRuntime.runMain
)
