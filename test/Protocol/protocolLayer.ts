/** Version 0.4 as nodes on Node.js have it, for the tests of this folder. */
import { Layer } from "effect"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import type { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"

export const protocolLayer: Layer.Layer<Protocol | Hashing> = Protocol04.layer.pipe(
  Layer.provide(NodeCompression.layer),
  Layer.provideMerge(NodeHashing.layer)
)
