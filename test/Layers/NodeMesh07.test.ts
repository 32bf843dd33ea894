import { describe } from "@effect/vitest"
import { Layer } from "effect"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as Protocol07 from "../../src/Protocol/Protocol07.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { meshSuite } from "../compliance/mesh.ts"

describe("NodeMesh of wire version 0.7", () => {
  meshSuite({
    layer: (options) => NodeMesh.layer({ ...options, protocol: "0.7" }),
    transport: NodeTcp.layer(),
    protocol: Protocol07.layer.pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer]))
  })
})
