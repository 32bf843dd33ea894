import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { Chord } from "../../src/Chord/Chord.ts"
import { ChordConfig } from "../../src/Chord/ChordConfig.ts"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as MemorySync from "../../src/Layers/MemorySync.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeChordStorage from "../../src/Layers/NodeChordStorage.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import { MeshConfig } from "../../src/Mesh/MeshConfig.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import { SyncConfig } from "../../src/Sync/SyncConfig.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import type { Transport } from "../../src/Transport/Transport.ts"

/** As programs give them that have a value for some of them now and then; the compiler takes it. */
const undefinedOf = <Options extends object>(defaults: Options): { readonly [Name in keyof Options]: undefined } =>
  Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined])) as {
    readonly [Name in keyof Options]: undefined
  }

const build = <A, E>(layer: Layer.Layer<A, E, Transport>): string =>
  String(Simulation.run({ seed: "1", maxTurns: 100_000 }, (simulation) => Effect.asVoid(simulation.start("a", layer))))

describe("settings that are undefined", () => {
  it("are those by default, of a mesh, its dictionary and a ring", () => {
    const mesh = { ...undefinedOf(MeshConfig.defaults), host: "a" }
    const chord = { ...undefinedOf(ChordConfig.defaults), host: "a" }
    const sync = { ...mesh, sync: undefinedOf(SyncConfig.defaults) }

    const exit = Simulation.run(
      { seed: "1", maxTurns: 100_000, maxDuration: "1 hour" },
      (simulation) =>
        Effect.gen(function*() {
          const a = Context.get(yield* simulation.start("a", MemoryMesh.layerTransport(mesh)), Mesh)
          yield* simulation.start("b", MemoryMesh.layerTransport({ ...mesh, host: "b" }))
          yield* a.connect("b:4444")
          yield* simulation.start("c", MemorySync.layerTransport({ ...sync, host: "c" }))
          const ring = Context.get(
            yield* simulation.start("d", MemoryChord.layerTransport({ ...chord, host: "d" })),
            Chord
          )
          yield* ring.set("key", "value")
          return (yield* a.peers).length
        })
    )

    assert.strictEqual(String(exit), "Success(1)")
  })

  it.live("are those by default of a node on TCP", () =>
    Effect.gen(function*() {
      const mesh = Context.get(
        yield* Layer.build(NodeMesh.layer({ ...undefinedOf(MeshConfig.defaults), port: 0 })),
        Mesh
      )
      assert.strictEqual(mesh.address.host, "127.0.0.1")
    }))
})

describe("settings with which a node would do nothing, or nothing else", () => {
  it.each(
    [
      [{ maxSeenIds: 0 }, "maxSeenIds is 0: write a number above 0"],
      [{ inboxCapacity: 0 }, "inboxCapacity is 0: write a number above 0"],
      [{ maxMessagesPerSecond: 0 }, "maxMessagesPerSecond is 0: write a number above 0"],
      [{ maxMessageBytes: Number.NaN }, "maxMessageBytes is NaN: write a number of 0 or more"],
      [{ pingInterval: 0 }, "pingInterval is 0: write a time above 0"],
      [{ slowTimeout: -1 }, "slowTimeout is -1: write a time of 0 or more"],
      [{ slowTimeout: "soon" as "1 second" }, "slowTimeout is soon: write a time of 0 or more"]
    ] as const
  )("are refused by a mesh: %j", (settings, says) => {
    assert.throws(() => MemoryMesh.layerTransport({ host: "a", ...settings }), RangeError, `the setting ${says}`)
    const exit = Effect.runSyncExit(Effect.scoped(Layer.build(NodeMesh.layer(settings))))
    assert.include(String(exit), `RangeError: the setting ${says}`)
  })

  it.each([["", 4444], ["a", 70_000], ["a", Number.NaN]])(
    "say what to write for an address in memory: %s, %d",
    (host, port) => {
      for (const { layerTransport } of [MemoryMesh, MemoryChord, MemorySync]) {
        assert.throws(
          () => layerTransport({ host, port }),
          RangeError,
          `host "${host}" and port ${port} are no address`
        )
      }
    }
  )

  it("are refused by a ring and by the dictionary of a mesh", () => {
    const ring = MemoryChord.layerTransport({ host: "a", stabilizeInterval: 0 })
    const dictionary = MemorySync.layerTransport({ host: "a", sync: { reconcileInterval: 0 } })

    assert.include(build(ring), "RangeError: the setting stabilizeInterval is 0")
    assert.include(build(dictionary), "RangeError: the setting reconcileInterval is 0")
  })

  it.effect.each<readonly [NodeChordStorage.FileSystemOptions, string]>([
    [{ maxRecords: Number.NaN }, "maxRecords is NaN: write a number of 0 or more"],
    [{ maxBytes: -1 }, "maxBytes is -1: write a number of 0 or more"],
    [{ tombstoneTtl: -1 }, "tombstoneTtl is -1: write a time of 0 or more"],
    [{ compactFromBytes: Number.NaN }, "compactFromBytes is NaN: write a number of 0 or more"]
  ])("are refused by a share of the dictionary: %j", ([settings, says]) =>
    Effect.gen(function*() {
      const directory = mkdtempSync(`${tmpdir()}/settings-`)
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
      const layers: Array<Layer.Layer<never, unknown>> = [
        NodeChordStorage.layerFileSystem(directory, settings)
      ]
      if (!("compactFromBytes" in settings)) {
        layers.push(
          NodeChordStorage.layerSqlite(`${directory}/share.db`, settings),
          NodeChord.layer(settings)
        )
      }
      for (const layer of layers) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
        assert.include(String(exit), `RangeError: the setting ${says}`)
      }
    }))

  it.each([{ maxOutboundLinks: 0, maxInboundLinks: 0 }, { maxOutboundLinks: Infinity, evictAfter: Infinity }])(
    "are not those that mean something: %j",
    (settings) => assert.include(build(MemoryMesh.layerTransport({ host: "a", ...settings })), "Success")
  )
})

describe("a limit that is no whole number", () => {
  /** What an operation of a node fails with, rather than dies. */
  const failure = <A, E>(
    layer: Layer.Layer<A, E, Transport>,
    body: (services: Context.Context<A>, simulation: Simulation.Simulation) => Effect.Effect<unknown, unknown>
  ): object => {
    const exit = Simulation.run(
      { seed: "1" },
      (simulation) =>
        Effect.flatMap(simulation.start("a", layer), (services) => Effect.flip(body(services, simulation)))
    )
    return Exit.isSuccess(exit) ? Object(exit.value) : { exit: String(exit) }
  }

  it("is told to who sends a message that is larger, or has too many searches", () => {
    const mesh = MemoryMesh.layerTransport({ host: "a", maxMessageBytes: 1000.5, maxPendingRequests: 0.5 })
    const large = failure(mesh, (services) => Context.get(services, Mesh).broadcast("x".repeat(2000)))
    const second = failure(
      mesh,
      (services) => Effect.all([1, 2].map((id) => Context.get(services, Mesh).whisper(`${id}`, "")), { concurrency: 2 })
    )

    assert.deepInclude(large, { _tag: "MessageTooLarge", maxBytes: 1000.5 })
    assert.deepInclude(second, { _tag: "TooManyRequests", limit: 0.5 })
  })

  it("is told to who links to a node that is full", () => {
    const full = MemoryMesh.layerTransport({ host: "a", maxInboundLinks: 0.5 })
    const refused = failure(full, (services, simulation) =>
      Effect.gen(function*() {
        for (const host of ["b", "c"]) {
          const context = yield* simulation.start(host, MemoryMesh.layerTransport({ host, maxOutboundLinks: 0 }))
          yield* Context.get(context, Mesh).connect(Context.get(services, Mesh).address)
        }
      }))

    assert.include(String(refused), "all 0.5 slots for links are taken")
  })

  it("is told to who writes what goes beyond it", () => {
    const ring = MemoryChord.layerTransport({ host: "a", maxValueBytes: 1.5 })
    const dictionary = MemorySync.layerTransport({ host: "a", sync: { maxEntries: 0.5 } })
    const share = ChordStorage.layerMemory({ maxRecords: Infinity, maxBytes: 100 })
    const large = failure(ring, (services) => Context.get(services, Chord).set("key", "value"))
    const many = failure(dictionary, (services) => {
      const set = (key: string) => Context.get(services, Sync).set(SyncKey.make(key, Schema.Int), 1)
      return Effect.andThen(set("a"), set("b"))
    })
    const noRoom = failure(
      Layer.provide(MemoryChord.layerStorage({ host: "a" }), share),
      (services) => Context.get(services, Chord).set("key", "x".repeat(100))
    )

    assert.include(String(large), "the limit is 1.5")
    assert.deepInclude(many, { _tag: "SyncFull", limit: 0.5 })
    assert.include(String(noRoom), "this node's share is full: it takes Infinity records")
  })
})
