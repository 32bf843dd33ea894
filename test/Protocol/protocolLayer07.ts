/** Version 0.7 with all methods that are read, and nothing but JavaScript: the same on Node.js and in browsers. */
import { Layer } from "effect"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as BrowserHashing from "../../src/Layers/BrowserHashing.ts"
import * as Bz2 from "../../src/Protocol/Compression/Bz2.ts"
import { Compression } from "../../src/Protocol/Compression/Compression.ts"
import * as Lzma from "../../src/Protocol/Compression/Lzma.ts"
import type { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol07 from "../../src/Protocol/Protocol07.ts"

export const protocolLayer07: Layer.Layer<Protocol | Hashing> = Protocol07.layer.pipe(
  Layer.provide(Compression.layerMerge(BrowserCompression.layer, Bz2.layer, Lzma.layer)),
  Layer.provideMerge(BrowserHashing.layer)
)
