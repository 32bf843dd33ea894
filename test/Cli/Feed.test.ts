import { assert, describe, it } from "@effect/vitest"
import { Feed } from "../../src/Cli/Dashboard/Feed.ts"
import { heldBytes } from "../utils/heldBytes.ts"

describe("the last events for pages", () => {
  it("hold as much of large messages as they show, and nothing more", () => {
    const feed = new Feed()
    const [decoder, before] = [new TextDecoder(), heldBytes()]
    // Not of one byte a character, as what strangers write need not be.
    const message = new TextEncoder().encode("€".repeat(300_000))

    for (let i = 0; i < 100; i++) feed.add(0, { event: "message", packets: [decoder.decode(message)] } as never)

    assert.isBelow(heldBytes() - before, 20_000_000)
    const [event] = feed.since(99)
    assert.deepStrictEqual(event?.["packets"], [`${"€".repeat(300)}…`])
  })
})
