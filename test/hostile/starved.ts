/**
 * A node that is to run out of descriptors. It prints its port; then, when it has none left, how a dial
 * of its own fails; then, once it has them back and an honest peer, what escaped.
 */
import { Console, Effect } from "effect"
import { Mesh } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import { closeSync, openSync } from "node:fs"
import { Guard } from "./Guard.ts"

const guard = new Guard()
guard.start()

const print = (value: unknown) => Console.log(JSON.stringify(value))

/** Takes all descriptors that are left; gives what gives them back. */
const starve = (): () => void => {
  const held: Array<number> = []
  try {
    while (true) held.push(openSync("/dev/null", "r"))
  } catch {
    return () => held.forEach((descriptor) => closeSync(descriptor))
  }
}

const program = Effect.gen(function*() {
  const mesh = yield* Mesh
  yield* print({ port: mesh.address.port })
  const feed = starve()
  const error = yield* Effect.flip(mesh.connect(mesh.address))
  yield* print({ dial: error._tag === "ConnectError" ? error.reason._tag : error._tag })
  // Who dials meanwhile finds nobody who takes the connection.
  yield* Effect.sleep("300 millis")
  feed()
  while ((yield* mesh.peers).length === 0) yield* Effect.sleep("20 millis")
  yield* print({ escaped: guard.escaped })
  yield* Effect.never
})

Effect.runFork(program.pipe(Effect.provide(NodeMesh.layer())))
