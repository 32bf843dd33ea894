import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Net from "node:net"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import { Transport } from "../../src/Transport/Transport.ts"
const tcp = NodeTcp.layer()
describe("tmp", () => {
  it.live("acceptor closing with unread bytes", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(new PeerAddress({ host: "127.0.0.1", port: 0 }))
      const go = yield* Deferred.make<void>()
      yield* Effect.forkScoped(listener.serve((c) => Effect.andThen(Deferred.await(go), Effect.orDie(c.send([new Uint8Array(1_000_000)])))))
      const raw = Net.createConnection({ host: "127.0.0.1", port: listener.address.port })
      raw.pause()
      raw.on("error", (e) => console.log("error", e))
      raw.on("end", () => console.log("end"))
      raw.on("close", (h) => console.log("close", h, bytes))
      let bytes = 0
      raw.write(new Uint8Array(100_000))
      yield* Effect.sleep(50)
      yield* Deferred.succeed(go, undefined)
      yield* Effect.sleep(200)
      raw.on("data", (d) => bytes += d.length)
      raw.resume()
      yield* Effect.sleep(500)
      assert.strictEqual(bytes, 1_000_000)
    }).pipe(Effect.scoped, Effect.provide(tcp)))
})
