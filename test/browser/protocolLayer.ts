/** Version 0.4 as nodes in browsers have it, with all methods that are read; takes the place of `test/Protocol/protocolLayer.ts` there. */
import { Layer } from "effect"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as BrowserHashing from "../../src/Layers/BrowserHashing.ts"
import * as Bz2 from "../../src/Protocol/Compression/Bz2.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import * as Lzma from "../../src/Protocol/Compression/Lzma.ts"
import type { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"

export const protocolLayer: Layer.Layer<Protocol | Hashing> = Protocol04.layer.pipe(
  Layer.provide(Compression.layerMerge(BrowserCompression.layer, Bz2.layer, Lzma.layer)),
  Layer.provideMerge(BrowserHashing.layer)
)
