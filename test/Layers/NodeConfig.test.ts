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

describe("a time from the environment", () => {
  it.effect.each<readonly [string, string]>([
    ["P2P_HANDSHAKE_TIMEOUT", "-1 seconds"],
    ["P2P_PING_INTERVAL", "-5 seconds"],
    ["P2P_PING_INTERVAL", "0 seconds"],
    ["P2P_CHORD_STABILIZE_INTERVAL", "0 seconds"],
    ["P2P_CHORD_FINGER_INTERVAL", "0 seconds"],
    ["P2P_CHORD_TOMBSTONE_TTL", "-1 days"]
  ])(
    "is refused where nothing could be done in it, with what to write: %s=%s",
    ([name, value]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(read(name, value))

        assert.strictEqual(error._tag, "ConfigError")
        assert.match(error.message, /such as "10 seconds"/)
      })
  )

  it.effect.each<readonly [string, string]>([
    ["P2P_DRAIN_TIMEOUT", "0 seconds"],
    ["P2P_EVICT_AFTER", "Infinity"],
    ["P2P_CHORD_PROBE_INTERVAL", "Infinity"]
  ])("is taken where it means something: %s=%s", ([name, value]) => read(name, value))
})

it.effect("a port from the environment is any free one when it is 0", () =>
  Effect.gen(function*() {
    const [mesh] = yield* read("P2P_PORT", "0")
    const error = yield* Effect.flip(read("P2P_PORT", "65536"))

    assert.strictEqual(mesh.mesh.listen.port, 0)
    assert.strictEqual(error._tag, "ConfigError")
  }))

it.effect.each<readonly [string, string]>([
  ["P2P_HOST", "x".repeat(300)],
  ["P2P_HOST", "a host"],
  ["P2P_CHORD_HOST", "a/b"],
  ["P2P_ORIGINS", "example.org"],
  ["P2P_ORIGINS", "https://example.org/"],
  ["P2P_ORIGINS", "https://a.example,,https://b.example"],
  ["P2P_BOOTSTRAP", "127.0.0.1:1,127.0.0.1"]
])(
  "what is no host, origin or address is refused, with what to write: %s=%s",
  ([name, value]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read(name, value))

      assert.strictEqual(error._tag, "ConfigError")
      assert.match(error.message, /write (one such as|HOST:PORT)/)
      assert.include(error.message, name.replace(/^P2P_(CHORD_)?/, ""))
    })
)

it.effect("lists from the environment may have blanks behind their commas", () =>
  Effect.gen(function*() {
    const [{ security }] = yield* read("P2P_ORIGINS", "https://a.example, http://localhost:8080, null")
    const [{ mesh }] = yield* read("P2P_BOOTSTRAP", "127.0.0.1:1, [::1]:2")

    assert.deepStrictEqual(security.webSocket?.origins, ["https://a.example", "http://localhost:8080", "null"])
    assert.deepStrictEqual(mesh.bootstrap.map(String), ["127.0.0.1:1", "[::1]:2"])
  }))
