/** What holds of the copy of a decoded message, on either wire. */
import { assert } from "@effect/vitest"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"

/** A copy says the same, by memory of its own, whatever becomes of that in which it came. */
export const copiesItself = (protocol: Protocol["Service"]): void => {
  for (const [type, time] of [["broadcast", 7], ["whisper", 2n ** 60n + 1n]] as const) {
    const made = protocol.make(type, "A", [Uint8Array.of(2), Uint8Array.of(1, 2, 3)], time)
    const chunk = new Uint8Array(10_000)
    chunk.set(protocol.encode(made), 100)
    const message = protocol.decode(chunk.subarray(100, 100 + protocol.encode(made).length))
    if (isWireFault(message)) return assert.fail(message.detail)

    const copy = message.copy()
    chunk.fill(0)

    assert.deepStrictEqual(copy.body?.buffer.byteLength, protocol.encode(made).length)
    assert.deepStrictEqual(
      [copy.type, copy.id, copy.sender, copy.exactTime, copy.isVerified, copy.packetCount],
      [made.type, made.id, made.sender, made.exactTime, true, 2]
    )
    assert.deepStrictEqual(copy.packets, [Uint8Array.of(2), Uint8Array.of(1, 2, 3)])
    assert.strictEqual(made.copy().id, made.id)
  }
}
