import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ChordConfig } from "../../src/Chord/ChordConfig.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import { toAddress, toListen } from "../../src/Layers/AddressText.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import type { NodeChordWithStorage } from "../../src/Layers/NodeChord.ts"
import * as NodeChordStorage from "../../src/Layers/NodeChordStorage.ts"
import * as MemoryNetwork from "../../src/Transport/MemoryNetwork.ts"
import { Transport } from "../../src/Transport/Transport.ts"
import { chordSuite } from "../compliance/chord.ts"

const network = MemoryNetwork.make({})
const { leaveTimeout } = ChordConfig.defaults

/** All nodes are on one host of the network, as those of the other transports are on one machine. */
const layer = (options: NodeChordWithStorage = {}) => {
  const { announce, bootstrap = [], data, host, port, ...others } = options
  const { maxBytes: _bytes, maxRecords: _records, tombstoneTtl: _ttl, ...rest } = others
  return Layer.unwrap(Effect.gen(function*() {
    const listen = yield* toListen("", { host, port })
    return MemoryChord.layerStorage({
      leaveTimeout,
      ...rest,
      host: listen.host,
      port: listen.port,
      announce: announce === undefined ? undefined : yield* toAddress(announce),
      bootstrap: yield* Effect.forEach(bootstrap, toAddress)
    }).pipe(
      Layer.provide(data === undefined ? ChordStorage.layerMemory() : NodeChordStorage.layerFileSystem(data)),
      Layer.provide(Layer.succeed(Transport, network.transport(listen.host)))
    )
  }))
}

describe("MemoryChord", () => {
  chordSuite({ layer, openCount: network.connectionCount })
})
