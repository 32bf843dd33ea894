/** The frame that docs/protocol.md takes apart is one. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Frame from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { protocolLayer } from "./protocolLayer.ts"

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8")

/** The hex of each line, up to the two spaces before what it means. */
const documented = /```hex\n([^]*?)```/.exec(page)![1]!.split("\n").map((line) => line.split("  ")[0]!).join("")

layer(protocolLayer)("docs/protocol.md", (it) => {
  it.effect("shows the frame of a broadcast", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const text = new TextEncoder()

      const message = protocol.make("broadcast", "sender", [Uint8Array.of(0), text.encode("hello")], 1476285255)

      const frame = Frame.frame(protocol.encode(message))
      assert.strictEqual(Buffer.from(frame).toString("hex"), documented.replaceAll(" ", ""))
    }))
})
