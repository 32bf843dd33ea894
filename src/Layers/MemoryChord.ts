/**
 * A chord node on the network in memory: for tests and simulations, without sockets and real time.
 */
import * as Layer from "effect/Layer"
import { Chord } from "../Chord/Chord.ts"
import { ChordConfig, type ChordOptions } from "../Chord/ChordConfig.ts"
import { ChordStorage } from "../Chord/ChordStorage.ts"
import { Hashing } from "../Protocol/Hashing.ts"
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import { MemoryNetwork } from "../Transport/MemoryNetwork.ts"
import type { Given } from "../Transport/Settings.ts"
import type { ListenError, Transport } from "../Transport/Transport.ts"
import { apart } from "./internal/apart.ts"
import { layerWire, toAddress, toListen } from "./MemoryMesh.ts"
import type { WireVersion } from "./WireVersion.ts"

/**
 * The settings of a node in memory: those of `ChordOptions`, and which host of the network it is.
 * `leaveTimeout` is 0 by default: a node whose scope closes says nothing, for that takes time, and under
 * `TestClock` none passes while scopes close.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryChordOptions extends Given<Omit<ChordOptions, "listen" | "bootstrap">> {
  /** The host of the network that the node runs on, a name of your choice. */
  readonly host: string
  /** The wire version. Default `"0.4"`. */
  readonly protocol?: WireVersion | undefined
  /** The port it listens on. Default 5555. */
  readonly port?: number | undefined
  /** Nodes of the ring to join, also as `"host:port"`. */
  readonly bootstrap?: ReadonlyArray<PeerAddress | string> | undefined
}

/**
 * A node with a fast, non-cryptographic hash, its share in memory, on a host of the network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: MemoryChordOptions): Layer.Layer<Chord, ListenError, MemoryNetwork> =>
  layerTransport(options).pipe(Layer.provide(MemoryNetwork.transport(options.host)))

/**
 * The same over whatever `Transport` is given: what `Simulation.start` takes, with the node's name
 * as its host.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (options: MemoryChordOptions): Layer.Layer<Chord, ListenError, Transport> =>
  layerStorage(options).pipe(Layer.provide(ChordStorage.layerMemory()))

/**
 * The same with a share that is given: one that outlives the node, as a disk does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStorage = (
  options: MemoryChordOptions
): Layer.Layer<Chord, ListenError, ChordStorage | Transport> => {
  const { bootstrap = [], host, leaveTimeout = 0, port, protocol, ...rest } = options
  return apart(Chord.layer.pipe(
    Layer.provide([
      ChordConfig.layer({
        ...rest,
        leaveTimeout,
        listen: toListen(host, port ?? 5555),
        bootstrap: bootstrap.map(toAddress)
      }),
      layerWire(protocol),
      Hashing.layerFast
    ])
  ))
}
