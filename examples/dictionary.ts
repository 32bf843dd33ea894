/** Service discovery without a registry: one node announces a service, another finds it in the dictionary they share. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Option, Schema } from "effect"
import { Chord, Dictionary } from "effect-p2p"
import { NodeChord } from "effect-p2p/node"

// Typed values on top of the ring: set and get check the schema at the edge.
const services = Dictionary.make(
  "services",
  Schema.Struct({ host: Schema.String, port: Schema.Int, since: Schema.Date })
)

/** A node in this process; its layer is made anew for each call, so each is a node of its own. */
const node = (...bootstrap: ReadonlyArray<string>) =>
  Effect.map(Layer.build(Layer.fresh(NodeChord.layer({ bootstrap }))), Context.get(Chord))

const program = Effect.scoped(Effect.gen(function*() {
  const server = yield* node()
  const client = yield* node(String(server.address))

  // It is gone a minute after the server said so for the last time.
  const here = { host: "10.0.0.7", port: 5432, since: new Date("2026-01-01") }
  yield* services.set("database", here, { ttl: "1 minute" }).pipe(Effect.provideService(Chord, server))

  const found = yield* services.get("database").pipe(Effect.provideService(Chord, client))
  const missing = yield* services.get("printer").pipe(Effect.provideService(Chord, client))

  const text = Option.match(found, {
    onNone: () => "there is no database",
    onSome: ({ host, port, since }) => `the database is at ${host}:${port} since ${since.getUTCFullYear()}`
  })
  yield* Console.log(`${text}; ${Option.isNone(missing) ? "there is no printer" : "there is a printer"}`)
}))

program.pipe(NodeRuntime.runMain)
