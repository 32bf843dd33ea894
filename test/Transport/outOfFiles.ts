/** Dials and listens where no more files may be opened, and prints what is said of it: run with a small `ulimit -n`. */
import { Effect, type Layer } from "effect"
import * as fs from "node:fs"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { type DialError, type ListenError, Transport } from "../../src/Transport/Transport.ts"

const failures = (layer: Layer.Layer<Transport>, host: string, port: number) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const dialed = transport.dial(new PeerAddress({ host, port }))
    const bound = transport.listen(new PeerAddress({ host, port: 0 }))
    const of = (effect: Effect.Effect<unknown, DialError | ListenError, never>) =>
      Effect.map(Effect.flip(effect), (error) => error.message)
    return [yield* of(Effect.scoped(dialed)), yield* of(Effect.scoped(bound))]
  }).pipe(Effect.provide(layer))

const tcp = NodeTcp.layer()

const load = Effect.gen(function*() {
  const transport = yield* Transport
  yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
}).pipe(Effect.scoped, Effect.provide(tcp))

const program = Effect.gen(function*() {
  // What the first use of a socket loads from disk.
  yield* load
  while (canOpen()) continue
  return [
    ...yield* failures(tcp, "127.0.0.1", 9),
    ...yield* failures(NodeWebSocket.layer(), "ws://127.0.0.1", 9)
  ]
})

const canOpen = (): boolean => {
  try {
    return fs.openSync("/dev/null", "r") > 0
  } catch {
    return false
  }
}

console.log((await Effect.runPromise(program)).join("\n"))
process.exit()
