import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { Contact } from "../../src/Chord/Contact.ts"
import { readContact, readPosition, writeContact, writePosition } from "../../src/Chord/internal/ChordCodec.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"

/** Numbers of any length up to 512 bits, those with zeros within as well. */
const Position = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    word: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: (1n << 512n) - 1n })),
    droppedBits: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 512 })),
    zeroBits: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 512 }))
  })),
  ({ droppedBits, word, zeroBits }) => (word >> BigInt(droppedBits)) >> BigInt(zeroBits) << BigInt(zeroBits)
)

const hexOf = (position: bigint): string => {
  const hex = position === 0n ? "" : position.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}

describe("a position", () => {
  it.prop("is its bytes, big-endian, without leading zeros", [Position], ([position]) => {
    assert.strictEqual(Buffer.from(writePosition(position)).toString("hex"), hexOf(position))
  })

  it.prop("is read as it was written, leading zeros or not", [Position], ([position]) => {
    const bytes = writePosition(position)

    assert.strictEqual(readPosition(512, bytes), position)
    assert.strictEqual(readPosition(512, Uint8Array.of(...new Uint8Array(64 - bytes.length), ...bytes)), position)
  })

  it("lies on its ring, and has 64 bytes at most", () => {
    assert.strictEqual(readPosition(9, Uint8Array.of(0, 1, 255)), 511n)
    assert.isUndefined(readPosition(9, Uint8Array.of(2, 0)))
    assert.isUndefined(readPosition(512, new Uint8Array(65)))
    assert.isUndefined(readPosition(512, undefined))
  })
})

/** Many that differ in one part alone. */
const SomeContact = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    position: Schema.Literals(["0", "1", "256", "65537", String(2n ** 159n + 1n)]),
    host: Schema.Literals(["a", "b", "10.0.0.1"]),
    port: Schema.Literals([1, 4444]),
    nodeId: Schema.Literals(["n", "m", "a longer one"])
  })),
  ({ host, nodeId, port, position }) => new Contact(BigInt(position), new PeerAddress({ host, port }), nodeId)
)

describe("a contact", () => {
  it.prop(
    "is read as it was written, whatever was read before",
    [Arbitrary.array(SomeContact, { maxLength: 30 })],
    ([contacts]) => {
      for (const contact of [...contacts, ...contacts.toReversed()]) {
        assert.deepStrictEqual(readContact(160, Uint8Array.from(writeContact(contact))), contact)
      }
    }
  )

  it("is one and the same for the same bytes", () => {
    const bytes = writeContact(new Contact(77n, new PeerAddress({ host: "a", port: 1 }), "n"))

    assert.strictEqual(readContact(160, Uint8Array.from(bytes)), readContact(160, Uint8Array.from(bytes)))
  })

  it("is kept for those who name it again, but no more than 16 MiB of them", () => {
    const nodeId = "n".repeat(250)
    const packets = Array.from({ length: 40_000 }, (_, count) => {
      const address = new PeerAddress({ host: "10.0.0.1", port: 1 + count })
      return writeContact(new Contact(BigInt(count) * 0x9e3779b97f4a7c15n, address, nodeId))
    })
    const contacts = packets.map((bytes) => readContact(160, bytes))

    const kept = packets.toReversed().filter((bytes, index) => readContact(160, bytes) === contacts.at(-1 - index))

    assert.isAbove(kept.length, 100)
    assert.isAtMost(kept.reduce((sum, bytes) => sum + 2 * bytes.length + 600, 0), 16 * 1024 * 1024)
  })

  it("that was read on a larger ring is still none of a smaller one", () => {
    const bytes = writeContact(new Contact(300n, new PeerAddress({ host: "a", port: 1 }), "n"))

    assert.strictEqual(readContact(16, bytes)?.position, 300n)
    assert.isUndefined(readContact(8, bytes))
    assert.strictEqual(readContact(9, bytes)?.position, 300n)
  })

  it("with zeros in front of its position is read as well", () => {
    const bytes = Uint8Array.of(0, 1, 1, 3, 97, 0, 0, 5, 110)

    for (let count = 0; count < 2; count++) assert.strictEqual(readContact(160, bytes)?.position, 5n)
  })
})
