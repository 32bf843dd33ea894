/** What a page's node does that needs no browser to show; `test/browser` has the rest. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Mesh } from "effect-p2p"
import { BrowserMesh } from "effect-p2p/browser"
import { parse } from "../../src/Protocol/PeerAddress.ts"

const at = (...addresses: ReadonlyArray<string>) => addresses.map((text) => parse(text)!)

describe("BrowserMesh", () => {
  it.effect("takes from strangers no address within the network of the page's visitor", () =>
    Effect.gen(function*() {
      const mesh = Context.get(yield* Layer.build(BrowserMesh.layer({ maxOutboundLinks: 0 })), Mesh)
      const stranger = parse("wss://chat.example.org:443")!
      const inside = ["ws://127.0.0.1:6379", "ws://192.168.1.1:80", "ws://[fd00::1]:80", "ws://router.lan:80"]
      const outside = ["ws://203.0.113.9:8080", "wss://other.example.org:443"]

      assert.strictEqual(yield* mesh.learn(at(...inside), stranger), 0)
      assert.strictEqual(yield* mesh.learn(at(...outside), stranger), 2)
      assert.strictEqual(yield* mesh.learn(at("ws://127.0.0.1:8081"), parse("ws://localhost:8080")!), 1)
      assert.strictEqual(yield* mesh.learn(at(...inside)), 4)
    }))
})
