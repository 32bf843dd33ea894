import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MemoryMesh from "../../../../src/Layers/MemoryMesh.ts"
import { RelayCheck } from "../../../../src/Layers/Simulation/Mesh/MeshChecks.ts"
import type { TraceEvent } from "../../../../src/Layers/Simulation/Trace.ts"
import { Protocol } from "../../../../src/Protocol/Protocol.ts"

it.effect.each(["frame", "frameRelay"] as const)(
  "a node that says a broadcast to a peer again, by %s, is noticed, unless it was started anew",
  (by) =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const message = protocol.make("broadcast", new Uint8Array(1), [new Uint8Array(1)], 0)
      const frame = protocol[by](message)
      const relays = new RelayCheck(protocol)
      const happens = (kind: TraceEvent["kind"], bytes?: Uint8Array) =>
        relays.record({ kind, atMillis: 0, host: "1", peer: kind === "send" ? "2" : "", bytes })
      const say = () => happens("send", frame)

      for (const end of ["crash", "vanish"] as const) {
        say()
        happens(end)
        happens("revive")
      }
      say()
      assert.isUndefined(relays.wrong)
      say()
      assert.include(relays.wrong ?? "", "node 1 said broadcast")
    }).pipe(Effect.provide(MemoryMesh.layerProtocol))
)
