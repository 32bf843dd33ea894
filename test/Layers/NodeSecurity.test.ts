/** What a node makes of options that say who it is: those that make no sense together are told. */
import { assert, describe, it } from "@effect/vitest"
import { type Config, ConfigProvider, Effect, Layer, Option } from "effect"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import type { Mesh } from "../../src/Mesh/Mesh.ts"
import * as Ring from "../compliance/chord.ts"
import * as Network from "../compliance/mesh.ts"

const from = (env: Readonly<Record<string, string>>) =>
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } })))

type Refused = Layer.Layer<Mesh, NodeMesh.NodeMeshError | Config.ConfigError>

const nodes: Readonly<Record<string, readonly [Refused, ReadonlyArray<string>, RegExp]>> = {
  "an identity that nothing proves": [
    NodeMesh.layer({ identity: "own" }),
    ["identity"],
    /set tls, or sign/
  ],
  "an identity in compatible mode, without signatures": [
    NodeMesh.layerTls({ identity: "own", tls: { mode: "compatible" } }),
    ["identity", "tls.mode"],
    /set tls, or sign/
  ],
  "the certificate of an authority in pinned mode": [
    NodeMesh.layerTls({ tls: { ca: "ca.pem" } }),
    ["tls.ca", "tls.mode"],
    /tls.ca is for tls.mode "authority", and the mode is "pinned"/
  ],
  "keys that are to be met, in a mode that does not look at them": [
    NodeMesh.layerTls({ tls: { mode: "compatible", pins: { "127.0.0.1:4444": "SHA256:x" } } }),
    ["tls.pins", "tls.mode"],
    /tls.pins is for tls.mode "pinned"/
  ],
  "files of an authority from the environment, without its mode": [
    NodeMesh.layerConfig.pipe(from({ P2P_TLS_CA: "ca.pem", P2P_TLS_CERT: "own.pem", P2P_TLS_KEY: "own.key" })),
    ["tls.ca", "tls.mode"],
    /set that mode/
  ],
  "TLS of a node that speaks WebSockets alone": [
    NodeMesh.layerWebSocketConfig.pipe(from({ P2P_TLS: "pinned" })),
    ["tls"],
    /this node speaks WebSockets alone/
  ]
}

describe("the options of a node", () => {
  it.live.each(Object.entries(nodes))(
    "are refused that hold %s",
    ([, [layer, options, says]]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Network.start(layer))

        assert.deepInclude(error, { _tag: "ConflictingOptions" })
        assert.deepStrictEqual("options" in error ? error.options : [], [...options])
        assert.match(error.message, says)
      })
  )

  it.live("are refused of a chord as well", () =>
    Effect.gen(function*() {
      const errors = [
        yield* Effect.flip(Ring.start(NodeChord.layerTls({ identity: "own", tls: { mode: "compatible" } }))),
        yield* Effect.flip(Ring.start(NodeChord.layerTls({ tls: { mode: "compatible", key: "own.key" } }))),
        yield* Effect.flip(Ring.start(NodeChord.layerWebSocketConfig.pipe(from({ P2P_CHORD_TLS: "pinned" })))),
        yield* Effect.flip(Ring.start(NodeChord.layerConfig.pipe(from({ P2P_CHORD_TLS_KEY: "own.key" }))))
      ]

      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), Array(4).fill("ConflictingOptions"))
    }))

  it.live("go together: a chord node over TLS, or WebSockets, with a storage of one's own", () =>
    Effect.gen(function*() {
      for (const make of [NodeChord.layerTlsStorage, NodeChord.layerWebSocketStorage]) {
        const storage = yield* Layer.build(ChordStorage.layerMemory())
        const own = Layer.succeedContext(storage)
        const first = yield* Ring.start(make(Ring.quick).pipe(Layer.provide(own)))
        yield* first.chord.set("color", "blue")
        yield* first.stop

        const again = yield* Ring.start(make(Ring.quick).pipe(Layer.provide(own)))

        assert.deepStrictEqual(yield* again.chord.get("color"), Option.some("blue"))
      }
    }).pipe(Effect.scoped))
})
