/**
 * A mesh node on the network in memory: for tests and simulations, without sockets and real time.
 */
import * as Layer from "effect/Layer"
import { Mesh } from "../Mesh/Mesh.ts"
import { MeshConfig, type MeshOptions } from "../Mesh/MeshConfig.ts"
import { Compression } from "../Protocol/Compression/Compression.ts"
import { Hashing } from "../Protocol/Hashing.ts"
import { fromParts, parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import type { Protocol } from "../Protocol/Protocol.ts"
import { MemoryNetwork } from "../Transport/MemoryNetwork.ts"
import { checked, type Given } from "../Transport/Settings.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import { apart } from "./internal/apart.ts"
import * as WireVersion from "./WireVersion.ts"

/**
 * The settings of a node in memory: those of `MeshOptions`, and which host of the network it is.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryMeshOptions extends Given<Omit<MeshOptions, "listen" | "bootstrap">> {
  /** The host of the network that the node runs on, a name of your choice. */
  readonly host: string
  /** The wire version. Default `"0.4"`. */
  readonly protocol?: WireVersion.WireVersion | undefined
  /** The port it listens on. Default 4444. */
  readonly port?: number | undefined
  /** Nodes to dial at the start and whenever no link to them is left, also as `"host:port"`. */
  readonly bootstrap?: ReadonlyArray<PeerAddress | string> | undefined
}

/**
 * A node with a fast, non-cryptographic hash and without compression, on a host of the network. Swap
 * either by building the layers of this function by hand.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: MemoryMeshOptions): Layer.Layer<Mesh, ListenError, MemoryNetwork> =>
  layerTransport(options).pipe(Layer.provide(MemoryNetwork.transport(options.host)))

/**
 * The same over whatever `Transport` is given: what `Simulation.start` takes, with the node's name
 * as its host. Throws a `RangeError` for an address, a number or a time that makes no sense.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (options: MemoryMeshOptions): Layer.Layer<Mesh, ListenError, Transport> => {
  const { bootstrap = [], host, port, protocol, ...rest } = options
  return apart(Mesh.layer.pipe(
    Layer.provide([
      MeshConfig.layer({
        ...checked(MeshConfig.defaults, rest),
        listen: toListen(host, port ?? 4444),
        bootstrap: bootstrap.map(toAddress)
      }),
      layerWire(protocol)
    ])
  ))
}

/** An address as options take it. Throws a `RangeError` for a text that is none. @internal */
export const toAddress = (address: PeerAddress | string): PeerAddress => {
  const parsed = typeof address === "string" ? parse(address) : address
  if (parsed === undefined) throw new RangeError(`"${address}" is no address: write host:port`)
  return parsed
}

/** Where a node listens. Throws a `RangeError` for a host or a port that is none. @internal */
export const toListen = (host: string, port: number): PeerAddress => {
  const address = fromParts(host, port)
  if (address === undefined) {
    throw new RangeError(`host "${host}" and port ${port} are no address: write a name, and a port from 0 to 65535`)
  }
  return address
}

/**
 * The wire as these nodes speak it: version 0.4 with a fast, non-cryptographic hash.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProtocol: Layer.Layer<Protocol> = layerWire("0.4")

/** The same for any version. @internal */
export function layerWire(version: WireVersion.WireVersion | undefined): Layer.Layer<Protocol> {
  return WireVersion.layer(version).pipe(Layer.provide([Hashing.layerFast, Compression.layerNone]))
}
