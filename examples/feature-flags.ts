/** A replicated store of feature flags: each node has all of them in memory, and hears of every change. */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Console, Context, Effect, Layer, Schema, Stream, SubscriptionRef } from "effect"
import { Mesh, Query, Topic } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"

/** Of two settings of a flag the later one counts, of two at once the one of the higher node. */
const Setting = Schema.Struct({ isOn: Schema.Boolean, atMillis: Schema.Number, node: Schema.String })
const Settings = Schema.Record(Schema.String, Setting)
type Settings = typeof Settings.Type

const Changes = Topic.make("flags", Settings)
const All = Query.make("all flags", { question: Schema.Null, answer: Settings })

const isLater = (a: typeof Setting.Type, b: typeof Setting.Type | undefined) =>
  b === undefined || a.atMillis > b.atMillis || (a.atMillis === b.atMillis && a.node > b.node)

const merge = (known: Settings, heard: Settings): Settings => ({
  ...known,
  ...Object.fromEntries(Object.entries(heard).filter(([name, setting]) => isLater(setting, known[name])))
})

class Flags extends Context.Service<Flags, {
  readonly set: (name: string, isOn: boolean) => Effect.Effect<void>
  /** Whether a flag is on, now and whenever that changes. */
  readonly watch: (name: string) => Stream.Stream<boolean>
}>()("example/Flags") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const mesh = yield* Mesh
      const flags = yield* SubscriptionRef.make<Settings>({})
      const hear = (heard: Settings) => SubscriptionRef.update(flags, (known) => merge(known, heard))
      yield* mesh.respond(All, () => SubscriptionRef.get(flags))
      yield* mesh.subscribe(Changes).pipe(Stream.runForEach(({ value }) => hear(value)), Effect.forkScoped)
      // Whoever joins, or was cut off, asks each new peer for what it missed.
      yield* mesh.changes.pipe(
        Stream.mapArray((peers) => peers),
        Stream.runForEach((peers) =>
          Effect.forEach(peers, ({ id }) => Effect.ignore(Effect.flatMap(mesh.ask(All, id, null), hear)))
        ),
        Effect.forkScoped
      )
      return {
        set: Effect.fnUntraced(function*(name, isOn) {
          const change = { [name]: { isOn, atMillis: yield* Clock.currentTimeMillis, node: mesh.id } }
          yield* hear(change)
          yield* Effect.orDie(mesh.publish(Changes, change))
        }),
        watch: (name) =>
          SubscriptionRef.changes(flags).pipe(Stream.map((known) => known[name]?.isOn === true), Stream.changes)
      }
    })
  )
}

/** A node with its flags; its layer is made anew for each call, so each is a node of its own. */
const node = (...bootstrap: ReadonlyArray<string>) =>
  Layer.build(Layer.fresh(Flags.layer.pipe(Layer.provideMerge(NodeMesh.layer({ bootstrap })))))

const program = Effect.scoped(Effect.gen(function*() {
  const first = yield* node()
  const address = String(Context.get(first, Mesh).address)
  yield* Context.get(first, Flags).set("dark-mode", true)
  const late = yield* node(address)

  const isOn = Context.get(late, Flags).watch("dark-mode").pipe(Stream.filter(Boolean), Stream.take(1), Stream.runDrain)
  yield* isOn
  yield* Console.log("a node that came late has dark-mode on")
  yield* Context.get(late, Flags).set("dark-mode", false)
  const isOff = Context.get(first, Flags).watch("dark-mode").pipe(Stream.dropWhile(Boolean), Stream.take(1))
  yield* Stream.runDrain(isOff)
  yield* Console.log("switched off there, it is off here")
}))

program.pipe(NodeRuntime.runMain)
