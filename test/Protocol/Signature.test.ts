import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import * as NodeSigning from "../../src/Layers/NodeSigning.ts"
import * as Signature from "../../src/Protocol/Signature.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const Bytes = Arbitrary.array(Arbitrary.schema(Byte), { maxLength: 80 }).pipe(
  Arbitrary.map((bytes) => Uint8Array.from(bytes))
)
const prefix = new TextEncoder().encode("effect-p2p:signed:1:")
const flag = Uint8Array.of(0)
const bytesOf = (text: string) => new TextEncoder().encode(text)

const signed: Signature.Signed = {
  networkId: "network",
  kind: "broadcast",
  receiver: "",
  sender: bytesOf("me"),
  time: 7n,
  nonce: "a1",
  payload: [flag, bytesOf("hello")],
  isTyped: false
}

describe("Signature", () => {
  it.prop("reads what it wrote", [Bytes, Bytes], ([publicKey, seed]) => {
    const signature = Uint8Array.from({ length: 64 }, (_, index) => seed[index % (seed.length || 1)] ?? 0)

    const packet = Signature.toPacket({ publicKey, nonce: "a1", signature })

    assert.isTrue(Signature.isSigned([flag, packet]))
    assert.deepStrictEqual(Signature.read([flag, packet]), { publicKey, nonce: "a1", signature })
  })

  it.prop("takes whatever follows the prefix without a defect", [Bytes], ([bytes]) => {
    const packet = new Uint8Array([...prefix, ...bytes])

    assert.isTrue(Signature.isSigned([flag, packet]))
    const found = Signature.read([flag, packet])
    assert.isTrue(found === undefined || found.signature.length === 64)
  })

  it.prop("is not seen in other packets, nor in a sub-flag", [Bytes], ([bytes]) => {
    assert.isFalse(Signature.isSigned([]))
    assert.isFalse(Signature.isSigned([new Uint8Array([...prefix, ...bytes])]))
    assert.isFalse(Signature.isSigned([flag, bytes]))
  })

  it("is made over each part, and over where each ends", () => {
    const others: ReadonlyArray<Partial<Signature.Signed>> = [
      {},
      { networkId: "networ" },
      { kind: "whisper" },
      { receiver: "you" },
      { sender: bytesOf("m") },
      { time: 8n },
      { nonce: "a2" },
      { payload: [flag, bytesOf("hell"), bytesOf("o")] },
      { payload: [flag] }
    ]

    const all = others.map((other) => Buffer.from(Signature.toBytes({ ...signed, ...other })).toString("hex"))

    assert.lengthOf(new Set(all), others.length)
  })

  it.effect("verifies with the key that made it, and with no other and no rubbish", () =>
    Effect.gen(function*() {
      const [own, other] = [yield* NodeIdentity.generate, yield* NodeIdentity.generate]
      const keys = NodeSigning.make(own, true)
      const bytes = Signature.toBytes(signed)
      const signature = keys.sign!(bytes)

      assert.isTrue(keys.verify(own.publicKey, signature, bytes))
      assert.isFalse(keys.verify(other.publicKey, signature, bytes))
      assert.isFalse(keys.verify(own.publicKey, signature, bytes.slice(1)))
      assert.isFalse(keys.verify(Uint8Array.of(1, 2, 3), signature, bytes))
      assert.isFalse(keys.verify(own.publicKey, Uint8Array.of(1), bytes))
      assert.isUndefined(NodeSigning.make(own, false).sign)
    }))
})
