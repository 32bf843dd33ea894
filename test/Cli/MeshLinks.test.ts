import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { MeshLinks } from "../../src/Cli/MeshLinks.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"

/** A dial of the node's own to an address comes to nothing. */
const rejection = (to: TestNode): MeshEvent => ({
  _tag: "Rejected",
  remote: to.mesh.address,
  direction: "outbound",
  reason: { _tag: "Full", limit: 1 }
})

const isRejected = (event: MeshEvent) => event._tag === "Rejected"

describe("the links that the user of p2p mesh asks for", () => {
  it.effect("tell of a dial that failed once, however many waited for it", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0 })
      const stranger = yield* startNode(2, { maxOutboundLinks: 0, subnet: "elsewhere" })
      const links = new MeshLinks(node.mesh)

      const dial = Effect.exit(links.connect(stranger.address))
      yield* whileTimePasses(Effect.all([dial, dial], { concurrency: 2 }))

      assert.deepStrictEqual(node.events.filter(isRejected).map((event) => links.isNews(event)), [false])
      assert.isTrue(links.isNews(rejection(stranger)))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("links")))

  it.effect("hide nothing after a ban, which is told without an event if it is of a host, and with one if of an id", () =>
    Effect.gen(function*() {
      const node = yield* startNode(1, { maxOutboundLinks: 0 })
      const peer = yield* startNode(2, { maxOutboundLinks: 0 })
      const links = new MeshLinks(node.mesh)

      yield* node.mesh.ban({ host: peer.host })
      yield* whileTimePasses(Effect.exit(links.connect(peer.address)))
      assert.isTrue(links.isNews(rejection(peer)))

      yield* node.mesh.unban({ host: peer.host })
      yield* node.mesh.ban({ id: peer.mesh.id })
      yield* whileTimePasses(Effect.exit(links.connect(peer.address)))
      assert.deepStrictEqual(node.events.filter(isRejected).map((event) => links.isNews(event)), [false])
      assert.isTrue(links.isNews(rejection(peer)))
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("links")))
})
