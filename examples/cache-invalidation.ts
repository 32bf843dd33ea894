/** Caches in several processes, and one topic that tells all of them what to forget. */
import { NodeRuntime } from "@effect/platform-node"
import { Cache, Console, Effect, Schedule, Schema, type Scope, Stream } from "effect"
import { Mesh, Query, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import { fork } from "node:child_process"

const Changed = Topic.make("users changed", Schema.Array(Schema.Int))
const ReadUser = Query.make("read user", { question: Schema.Int, answer: Schema.String })

/** A server: it answers from its cache, and forgets what it is told to. */
const server = Effect.fnUntraced(function*(address: string) {
  const mesh = yield* Mesh
  let loads = 0
  const users = yield* Cache.make({
    capacity: 1000,
    timeToLive: "1 hour",
    lookup: (id: number) => Effect.sync(() => `user ${id}, load ${++loads}`) // the database
  })
  yield* mesh.respond(ReadUser, (id) => Cache.get(users, id))
  yield* mesh.connect(address)
  yield* mesh.subscribe(Changed).pipe(
    Stream.runForEach(({ value }) => Effect.forEach(value, (id) => Cache.invalidate(users, id)))
  )
})

/** Whoever changes a user says so; it also starts the server here, to ask it from outside. */
const writer = Effect.gen(function*() {
  const mesh = yield* Mesh
  const isAlone = (peers: ReadonlyArray<unknown>) => peers.length === 0
  yield* Effect.acquireRelease(
    Effect.sync(() => fork(import.meta.filename, [String(mesh.address)], { execArgv: process.execArgv })),
    (child) => Effect.sync(() => child.kill())
  )
  const [id] = yield* mesh.changes.pipe(
    Stream.dropWhile(isAlone),
    Stream.map((peers) => peers[0]!.id),
    Stream.take(1),
    Stream.runCollect
  )
  const read = Effect.retry(mesh.ask(ReadUser, id!, 7), { times: 5 })

  yield* Console.log(yield* read)
  yield* Console.log(yield* read)
  yield* mesh.publish(Changed, [7])
  const isNew = (text: string) => text.endsWith("2")
  yield* Console.log(yield* Effect.repeat(read, { until: isNew, schedule: Schedule.spaced("20 millis") }))
})

const [address] = process.argv.slice(2)
const program = Effect.suspend((): Effect.Effect<void, unknown, Mesh | Scope.Scope> =>
  address === undefined ? writer : server(address)
)

program.pipe(Effect.scoped, Effect.provide(NodeMesh.layer()), NodeRuntime.runMain)
