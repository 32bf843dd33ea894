import { assert, describe, it } from "@effect/vitest"
import { parse } from "../../src/Protocol/PeerAddress.ts"
import { encryptions, translate } from "../../src/Transport/AddressForm.ts"

const told = (text: string, from: string, to: string) => String(translate(parse(text)!, from, to))

describe("AddressForm", () => {
  it("tells an address of a network's own transport to another network by a scheme that is its alone", () => {
    const schemes = encryptions.map((from) =>
      encryptions.filter((to) => to !== from).map((to) => told("10.0.0.1:4444", from, to))
    )

    assert.deepStrictEqual(schemes, [
      Array(3).fill("tcp://10.0.0.1:4444"),
      Array(3).fill("tls://10.0.0.1:4444"),
      Array(3).fill("tls-pinned://10.0.0.1:4444"),
      Array(3).fill("tls-authority://10.0.0.1:4444")
    ])
  })

  it.each(encryptions)("gives an address of the network with %s back as it was", (to) => {
    for (const from of encryptions) assert.strictEqual(told(told("[::1]:1", to, from), from, to), "[::1]:1")
  })

  it("leaves WebSockets as they are, which are the same in all networks", () => {
    assert.strictEqual(told("ws://10.0.0.1:80", "TLS pinned", "Plaintext"), "ws://10.0.0.1:80")
  })
})
