import { describe } from "@effect/vitest"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { meshSuite } from "../compliance/mesh.ts"
import { tlsOf, transportOf } from "../utils/tlsNodes.ts"

describe("NodeMesh over TLS in authority mode", () => {
  meshSuite({
    layer: (options) => tlsOf("authority", (tls) => NodeMesh.layerTls({ ...options, tls })),
    transport: transportOf("authority")
  })
})
