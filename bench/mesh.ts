/**
 * The system under test: nodes as an application makes them, from `NodeMesh.layer` with its
 * defaults, but for two settings. Nodes dial nobody of their own accord, so that the topology stays
 * what the benchmark says; and the variant `uncompressed` never tries to compress.
 */
import { Effect, ManagedRuntime, Schema, Stream } from "effect"
import { formatAddress, Mesh, type MeshEvent, Topic } from "../src/index.ts"
import { NodeMesh } from "../src/Layers/node.ts"
import { type BenchNode, paced, type StartNode } from "./node.ts"
import { type Payloads, stamped } from "./payload.ts"

/** Events that a run among healthy nodes does not have. */
const unexpected = new Set(["PeerSlow", "PeerRecovered", "PeerLeft", "Rejected", "ReaderLagged", "DialFailed"])

/** At the end all nodes stop at once, and some hear of it from others. */
const isUnexpected = (event: MeshEvent): boolean =>
  unexpected.has(event._tag) && !(event._tag === "PeerLeft" && event.reason._tag === "Goodbye")

const Values = Topic.make("values", Schema.Struct({ count: Schema.Number, text: Schema.String }))

const times = <A>(count: number, make: () => A): ReadonlyArray<A> => Array.from({ length: count }, make)

/** A mesh node whose `messages` are counted in batches, and whose values of a topic are one by one. */
export const startMesh: StartNode = async (variant, tally, onRemark) => {
  const options = {
    maxOutboundLinks: 0,
    ...(variant === "default" ? {} : { compressFromBytes: Number.MAX_SAFE_INTEGER })
  }
  const runtime = ManagedRuntime.make(
    variant === "TLS" || variant === "signed"
      ? NodeMesh.layerTls({ ...options, sign: variant === "signed" })
      : NodeMesh.layer(options)
  )
  let isStopping = false
  const watch = (effect: Effect.Effect<void, never, Mesh>): void => {
    runtime.runPromise(effect).catch((error: unknown) => {
      if (!isStopping) process.nextTick(() => Promise.reject(error))
    })
  }
  const mesh = await runtime.runPromise(Effect.gen(function*() {
    return yield* Mesh
  }))
  watch(mesh.messages.pipe(Stream.runForEachArray((messages) =>
    Effect.sync(() => {
      for (const message of messages) tally.take(message.packets[0])
      tally.endBatch()
    })
  )))
  watch(
    mesh.subscribe(Values).pipe(Stream.runForEach(({ value }) =>
      Effect.sync(() => {
        tally.takeCount(value.count)
        tally.endBatch()
      })
    ))
  )
  watch(mesh.events.pipe(Stream.runForEach((event) =>
    Effect.sync(() => {
      if (!isStopping && isUnexpected(event)) onRemark(`${variant} mesh: ${JSON.stringify(event)}`)
    })
  )))

  const send = (payloads: Payloads, bytes: number, atOnce: number) => {
    if (variant === "topic") return mesh.publishAll(Values, times(atOnce, () => payloads.nextValue(bytes)))
    if (atOnce > 1) return mesh.broadcastAll(times(atOnce, () => payloads.next(bytes)))
    return mesh.broadcast(payloads.next(bytes))
  }
  const publish = (payloads: Payloads, bytes: number, millis: number, atOnce: number) =>
    Effect.gen(function*() {
      const until = performance.now() + millis
      let count = 0
      for (; performance.now() < until; count += atOnce) yield* send(payloads, bytes, atOnce)
      return count
    })
  const pace = (payloads: Payloads, bytes: number, millis: number, rate: number): Promise<number> =>
    paced(millis, rate, () => runtime.runPromise(Effect.asVoid(mesh.broadcast(stamped(payloads.next(bytes))))))
  const linked = (count: number) =>
    Effect.gen(function*() {
      while ((yield* mesh.peers).length < count) yield* Effect.sleep("5 millis")
    }).pipe(Effect.timeout("10 seconds"))
  const node: BenchNode = {
    address: formatAddress(mesh.address),
    connect: (address) => runtime.runPromise(Effect.asVoid(mesh.connect(address))),
    linked: (count) => runtime.runPromise(linked(count)),
    publish: (payloads, bytes, millis, atOnce) => runtime.runPromise(publish(payloads, bytes, millis, atOnce)),
    pace,
    stop: () => {
      isStopping = true
      return runtime.dispose()
    }
  }
  return node
}
