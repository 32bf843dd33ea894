import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { toAddress } from "../../src/Layers/AddressText.ts"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import type { NodeMeshOptions } from "../../src/Layers/NodeMesh.ts"
import * as MemoryNetwork from "../../src/Transport/MemoryNetwork.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import { meshSuite } from "../compliance/mesh.ts"

const network = MemoryNetwork.make({})

/** All nodes are on one host of the network, as those of the other transports are on one machine. */
const layer = (options: NodeMeshOptions = {}) => {
  const { announce: _, announceFurther: _further, bootstrap = [], host = "127.0.0.1", port = 0, ...others } = options
  const { identity: _identity, listenFurther: _listen, sign: _sign, webSocket: _webSocket, ...rest } = others
  return Layer.unwrap(
    Effect.map(
      Effect.forEach(bootstrap, toAddress),
      (addresses) => MemoryMesh.layer({ ...rest, host, port, bootstrap: addresses })
    )
  ).pipe(Layer.provide(Layer.succeed(MemoryNetwork.MemoryNetwork, network)))
}

describe("MemoryMesh", () => {
  meshSuite({
    layer,
    transport: Layer.succeed(Transport, network.transport("10.0.0.1")),
    openCount: network.connectionCount,
    protocol: MemoryMesh.layerProtocol
  })
})
