/** What somebody reads who only listens on the wire between two nodes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import { start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"
import { tlsOf } from "../utils/tlsNodes.ts"

const secret = "meet me at the old mill"

/** Passes on what comes to its address, and keeps a copy. */
const makeTap = Effect.fnUntraced(function*(to: PeerAddress) {
  const transport = yield* Transport
  const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
  const seen: Array<Uint8Array> = []
  const pass = (from: Connection, onward: Connection) =>
    from.incoming.pipe(
      Stream.runForEach((bytes) => {
        seen.push(bytes)
        return onward.send([bytes])
      }),
      Effect.ignore
    )
  yield* Effect.forkScoped(listener.serve((near) =>
    Effect.gen(function*() {
      const far = yield* Effect.option(transport.dial(to))
      if (Option.isNone(far)) return
      yield* Effect.raceFirst(pass(near, far.value), pass(far.value, near))
    }).pipe(Effect.scoped)
  ))
  return { address: listener.address, text: () => Buffer.concat(seen).toString("latin1") }
})

const modes = {
  plain: NodeMesh.layer,
  compatible: (options: NodeMesh.NodeMeshOptions) =>
    tlsOf("compatible", (tls) => NodeMesh.layerTls({ ...options, tls })),
  pinned: (options: NodeMesh.NodeMeshOptions) => tlsOf("pinned", (tls) => NodeMesh.layerTls({ ...options, tls })),
  authority: (options: NodeMesh.NodeMeshOptions) => tlsOf("authority", (tls) => NodeMesh.layerTls({ ...options, tls }))
}

describe("somebody who listens on the wire", () => {
  it.live.each(["plain", "compatible", "pinned", "authority"] as const)(
    "between two nodes, %s",
    (mode) =>
      Effect.gen(function*() {
        const make = modes[mode]
        const host = yield* start(make({ compressFromBytes: 10_000 }))
        const tap = yield* makeTap(host.mesh.address)
        const guest = yield* start(make({ compressFromBytes: 10_000 }))
        yield* guest.mesh.connect(tap.address)

        yield* guest.mesh.broadcast(secret)
        yield* until("heard", Effect.sync(() => host.received.some(({ text }) => text === secret)))

        assert.isNotEmpty(tap.text())
        assert.strictEqual(tap.text().includes(secret), mode === "plain")
        assert.strictEqual(tap.text().includes(guest.mesh.id), mode === "plain")
      }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer()))
  )
})
