/** The codec as a mesh node on Node has it, for programs without Effect. */
import { Effect } from "effect"
import { Protocol, Protocol04 } from "../src/index.ts"
import { NodeCompression, NodeHashing } from "../src/Layers/node.ts"

export const makeProtocol = (): Promise<Protocol["Service"]> =>
  Effect.runPromise(
    Effect.gen(function*() {
      return yield* Protocol
    }).pipe(
      Effect.provide(Protocol04.layer),
      Effect.provide(NodeHashing.layer),
      Effect.provide(NodeCompression.layer)
    )
  )
