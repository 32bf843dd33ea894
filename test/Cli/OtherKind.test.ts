import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as OtherKind from "../../src/Cli/OtherKind.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as WireVersion from "../../src/Layers/WireVersion.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { start as startChord } from "../compliance/chord.ts"
import { start as startMesh } from "../compliance/mesh.ts"
import { run } from "./CommandLine.ts"

const security = { identity: undefined, tls: undefined }

describe("a node of the other kind", () => {
  it.effect.each(WireVersion.wireVersions)(
    "is known by its network, unless that may be of either: %s",
    (version) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const idOf = (kind: "mesh" | "chord", subnet: string, bits = 160) => {
          const id = protocol.networkId(subnet, "Plaintext")
          return kind === "mesh" ? id : protocol.chordNetworkId(id, bits)
        }
        const seenBy = (kind: "mesh" | "chord", peer: string, subnet?: string) =>
          Effect.map(
            OtherKind.make({ kind, subnet, protocol: version, security }),
            (explain) => explain("10.0.0.1:4444", { _tag: "NetworkMismatch", peer } as const)?.kind
          )

        assert.strictEqual(yield* seenBy("mesh", idOf("chord", "chord")), "chord")
        assert.strictEqual(yield* seenBy("mesh", idOf("chord", "lab", 6), "lab"), "chord")
        assert.strictEqual(yield* seenBy("chord", idOf("mesh", "mesh")), "mesh")
        assert.strictEqual(yield* seenBy("chord", idOf("mesh", "lab"), "lab"), version === "0.4" ? "mesh" : undefined)
        for (const id of [idOf("mesh", "other"), idOf("chord", "other"), "", idOf("chord", "chord").slice(0, -8)]) {
          assert.isUndefined(yield* seenBy("mesh", id))
          assert.isUndefined(yield* seenBy("chord", id))
        }
        assert.isUndefined(yield* seenBy("chord", idOf("chord", "chord", 384)))
      }).pipe(
        Effect.provide(WireVersion.layer(version).pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer])))
      )
  )

  it.live("is told as such, with the command that is for it", () =>
    Effect.gen(function*() {
      const { mesh } = yield* startMesh(NodeMesh.layer())
      const { chord } = yield* startChord(NodeChord.layer())

      const [away, home] = yield* Effect.all([
        run(["chord", "--join", `${mesh.address}`, "--json"], ["get color", `join ${mesh.address}`]),
        run(["mesh", "--json"], [`/connect ${chord.address}`])
      ], { concurrency: 2 })

      const told = [away, home].map(({ stdout }) =>
        stdout.map((line) => JSON.parse(line)).filter(({ tag }) => tag === "NetworkMismatch").map(({ message }) =>
          message
        )
      )
      const atMesh =
        `at ${mesh.address} is a mesh node, and this is a chord node: p2p mesh --connect ${mesh.address} is for it`
      assert.deepStrictEqual(told, [
        [atMesh, atMesh],
        [`at ${chord.address} is a chord node, and this is a mesh node: p2p chord --join ${chord.address} is for it`]
      ])
      assert.include(away.stderr, atMesh)
    }).pipe(Effect.scoped))
})
