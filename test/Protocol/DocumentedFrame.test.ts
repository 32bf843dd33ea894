/** The frames that docs/protocol.md and docs/protocol-0.7.md take apart are what they say. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Frame from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { protocolLayer } from "./protocolLayer.ts"
import { protocolLayer07 } from "./protocolLayer07.ts"

/** The hex of each line, up to the two spaces before what it means. */
const documented = (page: string) => {
  const content = readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8")
  const lines = /```hex\n([^]*?)```/.exec(content)![1]!.split("\n")
  return lines.map((line) => line.split("  ")[0]!).join("").replaceAll(" ", "")
}

for (const [page, wire] of [["protocol.md", protocolLayer], ["protocol-0.7.md", protocolLayer07]] as const) {
  layer(wire)(`docs/${page}`, (it) => {
    it.effect("shows the frame of a broadcast", () =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const [subFlag] = protocol.encodePayload({ _tag: "UserBroadcast", packets: [] })

        const message = protocol.make("broadcast", "sender", [subFlag!, protocol.packetOf("hello")], 1476285255)

        const frame = Frame.frame(protocol.encode(message))
        assert.strictEqual(Buffer.from(frame).toString("hex"), documented(page))
      }))
  })
}
