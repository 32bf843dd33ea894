/** What nodes read from the environment. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import * as NodeChordConfig from "../../src/Layers/NodeChordConfig.ts"
import * as NodeMeshConfig from "../../src/Layers/NodeMeshConfig.ts"

const read = (name: string, value: string) =>
  Effect.all([NodeMeshConfig.config, NodeChordConfig.config]).pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { [name]: value } })))
  )

describe("a number from the environment", () => {
  it.effect.each<readonly [string, string]>([
    ["P2P_MAX_MESSAGES_PER_SECOND", "0"],
    ["P2P_MAX_INBOUND_LINKS", "-1"],
    ["P2P_HANDLER_CONCURRENCY", "0"],
    ["P2P_MAX_KNOWN_ADDRESSES", "1e400"],
    ["P2P_CHORD_MAX_RECORDS", "-1"],
    ["P2P_CHORD_MAX_BYTES", "0"]
  ])("is refused where a node cannot work with it: %s=%s", ([name, value]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read(name, value))

      assert.strictEqual(error._tag, "ConfigError")
    }))

  it.effect.each<readonly [string, string]>([
    ["P2P_MAX_OUTBOUND_LINKS", "0"],
    ["P2P_COMPRESS_FROM_BYTES", "0"],
    ["P2P_CHORD_MAX_RECORDS", "5"]
  ])("is taken where it means something: %s=%s", ([name, value]) => read(name, value))
})
