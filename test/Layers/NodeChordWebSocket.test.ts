import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option } from "effect"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import { chordSuite, start } from "../compliance/chord.ts"

const configured = (env: Readonly<Record<string, string>>) =>
  NodeChord.layerWebSocketConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...env } }))))

describe("NodeChord.layerWebSocket", () => {
  chordSuite({ layer: NodeChord.layerWebSocket })

  it.live("takes its settings from Config", () =>
    Effect.gen(function*() {
      const one = yield* start(configured({ P2P_CHORD_BITS: "64" }))
      const two = yield* start(configured({ P2P_CHORD_BITS: "64", P2P_CHORD_BOOTSTRAP: String(one.chord.address) }))

      yield* two.chord.set("color", "blue")

      assert.deepStrictEqual(yield* one.chord.get("color"), Option.some("blue"))
      assert.match(String(one.chord.address), /^ws:\/\/127\.0\.0\.1:\d+$/)
    }))
})
