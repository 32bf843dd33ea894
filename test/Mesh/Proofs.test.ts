/** Signed messages: what a receiver knows of the sender, and what forgers and replays come to. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as NodeSigning from "../../src/Layers/NodeSigning.ts"
import * as Topic from "../../src/Mesh/Topic.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import { contentOf } from "../../src/Protocol/Packet.ts"
import * as Signature from "../../src/Protocol/Signature.ts"
import { Signing } from "../../src/Protocol/Signing.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import { startNode, type TestNode, whileTimePasses } from "../utils/MeshNetwork.ts"
import * as RawPeer from "../utils/RawPeer.ts"

const network = MemoryNetwork.layer()
const second = TestClock.adjust("1 second")
const now = 1_700_000_000

/** A node that checks signatures, and signs unless it is told not to. */
const signer = Effect.fnUntraced(function*(
  index: number,
  options: Partial<MemoryMesh.MemoryMeshOptions> = {},
  sign = true
) {
  const identity = sign ? yield* NodeIdentity.generate : undefined
  return yield* startNode(index, options).pipe(Effect.provideService(Signing, NodeSigning.make(identity, sign)))
})

const link = (from: TestNode, to: TestNode) => whileTimePasses(from.mesh.connect(to.address))

const test = (name: string, body: Effect.Effect<void, unknown, Effect.Services<ReturnType<typeof signer>>>) =>
  it.effect(
    name,
    () => Effect.andThen(TestClock.setTime(now * 1000), body).pipe(Effect.scoped, Effect.provide(network))
  )

const proofs = (node: TestNode) => node.received.map(({ proof, text }) => [text, proof])
const refusals = (node: TestNode) => node.events.flatMap((event) => event._tag === "ProofRefused" ? [event.reason] : [])

/** A peer that has seen a signed broadcast and a signed whisper of an author, linked to a checking node. */
const eavesdropper = Effect.gen(function*() {
  const author = yield* signer(1, { maxOutboundLinks: 0 })
  const listener = yield* RawPeer.dial(author, { host: "ear", id: "ear" })
  yield* listener.handshake
  yield* second
  yield* author.mesh.broadcast("to all")
  yield* author.mesh.whisper("ear", "to you")
  yield* second
  const target = yield* signer(2, { maxOutboundLinks: 0 })
  const peer = yield* RawPeer.dial(target, { host: "mouth", id: "mouth" })
  yield* peer.handshake
  yield* second
  const heard = listener.received.filter(({ payload }) => Signature.isSigned(payload))
  return { author, target, peer, broadcast: heard[0]!, whisper: heard[1]! }
})

type Overheard = Effect.Success<typeof eavesdropper>

/** What a forger can make of what was overheard. */
const forgeries: ReadonlyArray<readonly [what: string, make: (heard: Overheard) => Message]> = [
  ["as its own", ({ broadcast, peer }) => peer.make("broadcast", broadcast.payload, broadcast.time)],
  [
    "with other words",
    ({ author, broadcast, peer }) =>
      peer.make(
        "broadcast",
        [broadcast.payload[0]!, RawPeer.bytes("lies"), broadcast.payload[2]!],
        broadcast.time,
        author.mesh.id
      )
  ],
  [
    "with a packet more",
    ({ author, broadcast, peer }) =>
      peer.make(
        "broadcast",
        [...broadcast.payload.slice(0, 2), RawPeer.bytes("more"), broadcast.payload[2]!],
        broadcast.time,
        author.mesh.id
      )
  ],
  [
    "at another time",
    ({ author, broadcast, peer }) => peer.make("broadcast", broadcast.payload, broadcast.time + 1, author.mesh.id)
  ],
  [
    "as a whisper",
    ({ author, broadcast, peer }) => peer.make("whisper", broadcast.payload, broadcast.time, author.mesh.id)
  ],
  [
    "whispered to another node than it was for",
    ({ author, peer, whisper }) => peer.make("whisper", whisper.payload, whisper.time, author.mesh.id)
  ],
  [
    "with rubbish for a signature",
    ({ author, broadcast, peer }) =>
      peer.make(
        "broadcast",
        [...broadcast.payload.slice(0, 2), RawPeer.bytes("effect-p2p:signed:1:rubbish")],
        broadcast.time,
        author.mesh.id
      )
  ]
]

describe("signed messages", () => {
  test(
    "prove their sender through nodes that do not sign, and come without the signature",
    Effect.gen(function*() {
      const [author, middle, end] = [yield* signer(1, { maxOutboundLinks: 0 }), yield* startNode(2), yield* signer(3)]
      yield* link(author, middle)
      yield* link(end, middle)

      yield* author.mesh.broadcast(["two", "packets"])
      yield* author.mesh.broadcast("two")
      yield* second

      assert.deepStrictEqual(end.received.map(({ texts }) => texts), [["two", "packets"], ["two"]])
      assert.deepStrictEqual(proofs(end), [["two", "proven"], ["two", "proven"]])
      // One without keys delivers the same, and knows nothing of the sender.
      assert.deepStrictEqual(middle.received.map(({ proof, texts }) => [...texts, proof]), [
        ["two", "packets", "claimed"],
        ["two", "claimed"]
      ])
    })
  )

  test(
    "prove whispers, two equal ones of one second, and topics",
    Effect.gen(function*() {
      const topic = Topic.make("number", Schema.Number)
      const [author, end] = [yield* signer(1), yield* signer(2)]
      yield* link(author, end)
      const values: Array<readonly [number, string]> = []
      yield* Stream.runForEach(
        end.mesh.subscribe(topic),
        ({ proof, value }) => Effect.sync(() => void values.push([value, proof]))
      ).pipe(Effect.forkScoped({ startImmediately: true }))

      yield* author.mesh.whisper(end.mesh.id, "same")
      yield* author.mesh.whisper(end.mesh.id, "same")
      yield* author.mesh.publish(topic, 7)
      yield* second

      assert.deepStrictEqual(proofs(end), [["same", "proven"], ["same", "proven"]])
      assert.deepStrictEqual(values, [[7, "proven"]])
    })
  )

  test(
    "are one packet of plain text more for original nodes, and the same bytes as ever when nothing is signed",
    Effect.gen(function*() {
      const [author, unsigned] = [yield* signer(1), yield* signer(2, {}, false)]
      const packets: Array<ReadonlyArray<string>> = []
      for (const node of [author, unsigned]) {
        const original = yield* RawPeer.dial(node, { host: `original of ${node.host}` })
        yield* original.handshake
        yield* second
        yield* node.mesh.broadcast("hello")
        yield* second
        const { payload } = original.received.find(({ type }) => type === "broadcast")!
        packets.push(payload.map((packet) => new TextDecoder("utf-8", { fatal: true }).decode(packet)))
      }

      assert.deepStrictEqual(packets[0]!.slice(0, 2), ["\u0000", "hello"])
      assert.match(packets[0]![2]!, /^effect-p2p:signed:1:[\w-]{59}:\w+:[\w-]{86}$/)
      assert.lengthOf(packets[0]!, 3)
      assert.deepStrictEqual(packets[1], ["\u0000", "hello"])
    })
  )

  for (const [what, make] of forgeries) {
    test(
      `are refused when somebody passes them on ${what}`,
      Effect.gen(function*() {
        const heard = yield* eavesdropper

        yield* heard.peer.say(make(heard))
        yield* second

        assert.deepStrictEqual(proofs(heard.target), [])
        assert.deepStrictEqual(refusals(heard.target), ["Forged"])
        assert.strictEqual((yield* heard.target.mesh.stats).unproven, 1)
      })
    )
  }

  test(
    "are proven when somebody passes them on as they are, once",
    Effect.gen(function*() {
      const { author, broadcast, peer, target } = yield* eavesdropper

      for (let i = 0; i < 2; i++) {
        yield* peer.say(peer.make("waterfall", broadcast.payload, broadcast.time, author.mesh.id))
      }
      yield* second

      assert.deepStrictEqual(proofs(target), [["to all", "proven"]])
    })
  )

  test(
    "are refused as whispers that were whispered before, or too long ago",
    Effect.gen(function*() {
      const target = yield* signer(1, { maxOutboundLinks: 0 })
      const author = yield* signer(2)
      yield* link(author, target)
      yield* author.mesh.whisper(target.mesh.id, "pay once")
      yield* second
      const keys = NodeSigning.make(yield* NodeIdentity.generate, true)
      const peer = yield* RawPeer.dial(target, { host: "mouth" })
      yield* peer.handshake
      yield* second
      const id = peer.protocol.identityId(keys.publicKey!, target.mesh.networkId)
      const whisper = (time: number) => {
        const payload = [Uint8Array.of(2), RawPeer.bytes("pay")]
        const signed = {
          networkId: target.mesh.networkId,
          kind: "whisper",
          receiver: target.mesh.id,
          sender: RawPeer.bytes(id),
          time: BigInt(time),
          nonce: "n",
          payload,
          isTyped: false
        } as const
        const signature = keys.sign!(Signature.toBytes(signed))
        const packet = Signature.toPacket({ publicKey: keys.publicKey!, nonce: "n", signature })
        return peer.make("whisper", [...payload, packet], time, id)
      }

      for (const time of [now, now, now - 100, now + 100]) yield* peer.say(whisper(time))
      yield* second

      assert.deepStrictEqual(proofs(target), [["pay once", "proven"], ["pay", "proven"]])
      // The third is counted, and told with the fourth.
      assert.deepStrictEqual(refusals(target), ["Replayed", "Replayed"])
      assert.strictEqual((yield* target.mesh.stats).unproven, 3)
    })
  )

  test(
    "are refused as whispers that were whispered before many broadcasts, too",
    Effect.gen(function*() {
      const author = yield* signer(1, { maxOutboundLinks: 0 })
      const target = yield* signer(2, { maxOutboundLinks: 0, maxSeenIds: 16 })
      const other = yield* signer(3)
      // Whispers to a node that the listener claims to be: what it hears it says again to the one it is for.
      const listener = yield* RawPeer.dial(author, { host: "ear", id: target.mesh.id })
      yield* listener.handshake
      yield* second
      yield* author.mesh.whisper(target.mesh.id, "pay once")
      yield* second
      const whisper = listener.received.find(({ payload }) => Signature.isSigned(payload))!
      yield* link(other, target)
      const peer = yield* RawPeer.dial(target, { host: "mouth" })
      yield* peer.handshake
      yield* second
      const replay = peer.say(peer.make("whisper", whisper.payload, whisper.time, author.mesh.id))
      yield* replay

      for (let i = 0; i < 20; i++) yield* other.mesh.broadcast(`${i}`)
      yield* second
      yield* replay
      yield* second

      assert.deepStrictEqual(refusals(target), ["Replayed"])
      assert.lengthOf(target.received.filter(({ text }) => text === "pay once"), 1)
      assert.lengthOf(target.received, 21)
    })
  )
})

describe("requireProof", () => {
  for (
    const [requireProof, expected] of [
      ["never", ["proven", "claimed", "claimed"]],
      ["known", ["proven", "claimed"]],
      ["always", ["proven"]]
    ] as const
  ) {
    test(
      `"${requireProof}" takes ${
        expected.join(", ")
      } of a proven message, a stranger's, and one in the proven one's name`,
      Effect.gen(function*() {
        const target = yield* signer(1, { requireProof, maxOutboundLinks: 0 })
        const author = yield* signer(2)
        yield* link(author, target)
        const peer = yield* RawPeer.dial(target, { host: "mouth", id: "mouth" })
        yield* peer.handshake
        yield* author.mesh.broadcast("mine")
        yield* second

        const claim = (text: string, sender: string) =>
          peer.say(peer.make("broadcast", [Uint8Array.of(0), RawPeer.bytes(text)], now, sender))
        yield* claim("a stranger's", "mouth")
        yield* claim("in your name", author.mesh.id)
        yield* second

        assert.deepStrictEqual(target.received.map(({ proof }) => proof), [...expected])
        assert.deepStrictEqual(refusals(target), Array.from({ length: 3 - expected.length }, () => "Unproven"))
      })
    )
  }

  test(
    "\"known\" does not forget the first when many more prove themselves",
    Effect.gen(function*() {
      const target = yield* signer(1, { requireProof: "known", maxProvenIds: 1, maxOutboundLinks: 0 })
      const [first, next] = [yield* signer(2, { maxOutboundLinks: 0 }), yield* signer(3, { maxOutboundLinks: 0 })]
      for (const node of [first, next]) {
        yield* link(node, target)
        yield* node.mesh.broadcast(`from ${node.host}`)
        yield* second
      }
      const peer = yield* RawPeer.dial(target, { host: "mouth", id: "mouth" })
      yield* peer.handshake
      yield* second

      yield* peer.say(peer.make("broadcast", [Uint8Array.of(0), RawPeer.bytes("x")], now, first.mesh.id))
      yield* second

      assert.lengthOf(target.received, 2)
      assert.deepStrictEqual(refusals(target), ["Unproven"])
    })
  )
})

describe("a signature over wire version 0.7", () => {
  test(
    "covers the kinds of packets, and makes one message of all ways to write it",
    Effect.gen(function*() {
      const settings = { protocol: "0.7", maxOutboundLinks: 0 } as const
      const author = yield* signer(1, settings)
      const listener = yield* RawPeer.dial(author, { protocol: "0.7", host: "ear", id: "ear" })
      yield* listener.handshake
      yield* second
      yield* author.mesh.broadcast("to all")
      yield* second
      const heard = listener.received.find(({ payload }) => Signature.isSigned(payload))!
      const target = yield* signer(2, settings)
      const mouth = yield* RawPeer.dial(target, { protocol: "0.7", host: "mouth", id: "mouth" })
      yield* mouth.handshake
      yield* second
      const [flag, words, signature] = heard.packets
      const asBytes = mouth.make("broadcast", [flag!, contentOf(words!), signature!], heard.time, author.mesh.id)
      // The same list, and one byte behind it that the id covers and nobody reads.
      const hashing = yield* Effect.provide(Hashing, Hashing.layerFast)
      const list = Uint8Array.of(...heard.body!.subarray(32), 0xc0)
      const again = Uint8Array.of(...hashing.digest("sha256", list), ...list)

      yield* mouth.say(asBytes)
      yield* mouth.write(frame(heard.body!))
      yield* mouth.write(frame(again))
      yield* second

      assert.deepStrictEqual(proofs(target), [["to all", "proven"]])
      assert.deepStrictEqual(refusals(target), ["Forged", "Replayed"])
    })
  )
})
