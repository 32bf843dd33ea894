import { describe } from "@effect/vitest"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { meshSuite } from "../compliance/mesh.ts"
import { tlsOf, transportOf } from "../utils/tlsNodes.ts"

describe("NodeMesh over TLS in compatible mode", () => {
  meshSuite({
    layer: (options) => tlsOf("compatible", (tls) => NodeMesh.layerTls({ ...options, tls })),
    transport: transportOf("compatible")
  })
})
