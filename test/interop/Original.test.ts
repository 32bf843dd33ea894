/** Our node among original nodes, played with bytes recorded from them where there are any. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { frame } from "../../src/Protocol/Frame.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import type { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { type Conversation, conversations, type RecordedFrame } from "../fixtures/Transcripts.ts"
import { transcripts } from "../fixtures/Vectors.ts"
import { dialAs, listenAs, network, type Played, startOurs } from "../utils/InteropNode.ts"
import { broadcastOf, bytesOf, js2p, py2p, textsOf, whisperOf } from "../utils/ScriptedPeer.ts"

const here = new PeerAddress({ host: "127.0.0.1", port: 4444 })
const at = (port: number) => new PeerAddress({ host: "127.0.0.1", port })
const second = TestClock.adjust("1 second")

const test = (name: string, body: Effect.Effect<void, unknown, MemoryNetwork | Protocol | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(network)))

type Ours = Effect.Success<ReturnType<typeof startOurs>>

/** An original node that dialed ours and did its handshake. */
const joined = Effect.fnUntraced(function*(ours: Ours, id: string, methods: ReadonlyArray<string>, port: number) {
  const peer = yield* dialAs(id, here)
  yield* peer.handshake(ours.mesh.networkId, methods, at(port))
  yield* second
  return peer
})

const tags = (peer: Played) => peer.received.map((one) => one.says?._tag)
const texts = (peer: Played) =>
  peer.received.flatMap((one) => one.says?._tag === "UserBroadcast" ? textsOf(one.says) : [])
const idsOf = (ours: Ours) => Effect.map(ours.mesh.peers, (peers) => peers.map((peer) => peer.id))
const left = (ours: Ours) => ours.events.filter((event) => event._tag === "PeerLeft")

const isFrame = (entry: { readonly t: number }): entry is RecordedFrame => "main" in entry

/** The message in a recorded frame. */
const messageOf = Effect.fnUntraced(function*({ hex }: RecordedFrame) {
  const protocol = yield* Protocol
  const body = protocol.unpack(Buffer.from(hex, "hex").subarray(4), protocol.methods, 1 << 20)
  const message = isWireFault(body) ? body : protocol.decode(body)
  return isWireFault(message) ? assert.fail(message.detail) : message
})

describe("an original node that connects twice", () => {
  for (const [name, methods] of [["py2p", py2p], ["js2p", js2p]] as const) {
    test(
      `as ${name} does is read on both connections, and written to on the first until that ends`,
      Effect.gen(function*() {
        const ours = yield* startOurs(here)
        const first = yield* joined(ours, "original", methods, 5001)
        const next = yield* joined(ours, "original", methods, 5001)

        yield* ours.mesh.broadcast("while both are up")
        yield* first.say("broadcast", broadcastOf("by the first"))
        yield* next.say("broadcast", broadcastOf("by the second"))
        yield* second
        yield* first.close
        yield* second
        yield* ours.mesh.broadcast("by the one left")
        yield* second

        assert.deepStrictEqual(texts(first), ["while both are up"])
        assert.deepStrictEqual(texts(next), ["by the one left"])
        assert.deepStrictEqual(ours.received.map((message) => message.text), ["by the first", "by the second"])
        assert.deepStrictEqual(yield* idsOf(ours), ["original"])
        assert.deepStrictEqual(left(ours), [])
      })
    )
  }

  test(
    "is not left when the second connection ends, and is when both have",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const first = yield* joined(ours, "original", js2p, 5001)
      const next = yield* joined(ours, "original", js2p, 5001)

      yield* next.close
      yield* second
      yield* ours.mesh.broadcast("still here")
      yield* second
      assert.deepStrictEqual(texts(first), ["still here"])
      assert.deepStrictEqual(left(ours), [])
      yield* first.close
      yield* second

      assert.deepStrictEqual(yield* idsOf(ours), [])
      assert.strictEqual(left(ours).length, 1)
    })
  )

  test(
    "once more than that is refused the third",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const first = yield* joined(ours, "original", js2p, 5001)
      const next = yield* joined(ours, "original", js2p, 5001)
      const third = yield* joined(ours, "original", js2p, 5001)

      assert.deepStrictEqual(
        [yield* first.isEnded, yield* next.isEnded, yield* third.isEnded],
        [false, false, true]
      )
    })
  )

  test(
    "is never dialed by ours while it is connected",
    Effect.gen(function*() {
      const ours = yield* startOurs(here, { upkeepInterval: "1 second" })
      const accepted = yield* listenAs("original", at(5001))
      yield* joined(ours, "original", js2p, 5001)
      const other = yield* joined(ours, "other", js2p, 5002)

      yield* other.say("whisper", { _tag: "Peers", peers: [{ address: at(5001), id: "original" }] })
      const info = yield* ours.mesh.connect(at(5001))
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(info.id, "original")
      assert.deepStrictEqual(yield* Queue.clear(accepted), [])
    })
  )
})

describe("an original node", () => {
  test(
    "that asks for peers hundreds of times a second is answered once a second, and relayed all the same",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const stormy = yield* joined(ours, "stormy", py2p, 5001)
      const calm = yield* joined(ours, "calm", py2p, 5002)
      const listsBefore = tags(stormy).filter((tag) => tag === "Peers").length

      for (let i = 0; i < 500; i++) {
        yield* stormy.say("whisper", { _tag: "RequestPeers" })
        yield* TestClock.adjust("10 millis")
      }
      yield* stormy.say("broadcast", broadcastOf("by the way"), 7)
      yield* second

      const lists = tags(stormy).filter((tag) => tag === "Peers").length - listsBefore
      assert.strictEqual(lists, 5)
      assert.deepStrictEqual(texts(calm), ["by the way"])
      assert.deepStrictEqual((yield* idsOf(ours)).toSorted(), ["calm", "stormy"])
    })
  )

  test(
    "that asks for peers by broadcast is answered, and its question passed on",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const asker = yield* joined(ours, "asker", py2p, 5001)
      const other = yield* joined(ours, "other", js2p, 5002)
      const before = tags(asker).filter((tag) => tag === "Peers").length

      yield* asker.say("broadcast", { _tag: "RequestPeers" })
      yield* second

      assert.strictEqual(tags(asker).filter((tag) => tag === "Peers").length, before + 1)
      const relayed = other.received.filter((one) => one.says?._tag === "RequestPeers")
      assert.deepStrictEqual(relayed.map(({ message }) => [message.type, message.sender]), [["waterfall", "asker"]])
    })
  )

  test(
    "that asks where our node is is told, and where one is that nobody knows is not",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const asker = yield* joined(ours, "asker", js2p, 5001)

      yield* asker.say("broadcast", { _tag: "Request", requestId: "r1", nodeId: ours.mesh.id })
      yield* asker.say("broadcast", { _tag: "Request", requestId: "r2", nodeId: "nobody" })
      yield* second

      const answers = asker.received.filter((one) => one.says?._tag === "Response")
      assert.deepStrictEqual(answers.map((one) => [one.message.type, one.says]), [
        ["broadcast", { _tag: "Response", requestId: "r1", address: here, nodeId: ours.mesh.id }]
      ])
    })
  )

  test(
    "that sends a frame nobody can take apart loses its link, and nobody else does",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const broken = yield* joined(ours, "broken", py2p, 5001)
      const whole = yield* joined(ours, "whole", py2p, 5002)
      const recorded = conversations.flatMap((conversation) => conversation.frames).find((entry) =>
        "undecodable" in entry
      )

      yield* broken.write(Buffer.from(recorded !== undefined && "hex" in recorded ? recorded.hex : "", "hex"))
      yield* second
      yield* whole.say("broadcast", broadcastOf("unharmed"), 3)
      yield* second

      const reasons = left(ours).map((event) => [event.id, event.reason])
      assert.deepInclude(reasons[0]?.[1], { _tag: "Malformed", reason: "PacketOverrun" })
      assert.deepStrictEqual(reasons.map(([id]) => id), ["broken"])
      assert.deepStrictEqual([yield* broken.isEnded, yield* whole.isEnded], [true, false])
      assert.deepStrictEqual(tags(broken).filter((tag) => tag === "Custom"), [])
      assert.deepStrictEqual(ours.received.map((message) => message.text), ["unharmed"])
    })
  )

  test(
    "gets no message without payload passed on, which would end it",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const giver = yield* joined(ours, "giver", py2p, 5001)
      const fragile = yield* joined(ours, "fragile", js2p, 5002)
      const protocol = yield* Protocol
      const count = fragile.received.length

      for (const type of ["broadcast", "waterfall", "whisper"] as const) {
        yield* giver.send(protocol.make(type, "giver", [], 1))
      }
      yield* second

      assert.strictEqual(fragile.received.length, count)
      assert.isFalse(yield* giver.isEnded)
    })
  )

  test(
    "is named to others only with an address they can dial",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const nowhere = yield* dialAs("nowhere", here)
      yield* nowhere.handshake(ours.mesh.networkId, js2p, null)
      yield* joined(ours, "somewhere", js2p, 5001)
      const asker = yield* joined(ours, "asker", js2p, 5002)

      yield* asker.say("broadcast", { _tag: "Request", requestId: "r", nodeId: "nowhere" })
      yield* second

      const lists = asker.received.flatMap((one) => one.says?._tag === "Peers" ? [one.says.peers] : [])
      assert.deepStrictEqual(lists.map((peers) => peers.map((peer) => peer.id)), [["somewhere"]])
      assert.notInclude(tags(asker), "Response")
      assert.include(yield* idsOf(ours), "nowhere")
    })
  )
})

/** The recorded answers to a search, as py2p and as js2p write them. */
const recordedAnswers = conversations.flatMap((conversation) => {
  const answer = conversation.frames.find((entry): entry is RecordedFrame => isFrame(entry) && entry.sub === "response")
  return answer === undefined ? [] : [{ title: conversation.title, conversation, answer }]
})

describe("a reply to an author who is no neighbor", () => {
  it.effect.each(recordedAnswers)(
    "finds it by the answer recorded in $title",
    ({ answer, conversation }) =>
      Effect.gen(function*() {
        const protocol = yield* Protocol
        const author = conversation.nodes["A"]!
        yield* TestClock.setTime(answer.time * 1000)
        const ours = yield* startOurs(here)
        const accepted = yield* listenAs(
          author.id,
          new PeerAddress({ host: author.announces[0], port: author.announces[1] })
        )
        const between = yield* joined(ours, "between", py2p, 5001)
        const said = protocol.make(
          "waterfall",
          author.id,
          protocol.encodePayload(broadcastOf("who is there")),
          answer.time
        )
        yield* between.send(said)
        yield* second

        const replying = yield* Effect.forkChild(ours.mesh.reply(ours.received[0]!, "me"))
        yield* TestClock.adjust("50 millis")
        const request = between.received.map((one) => one.says).findLast((says) => says?._tag === "Request")
        assert.strictEqual(request?._tag === "Request" ? request.nodeId : undefined, author.id)
        // The recorded packets, but for the number of the request, which is ours.
        const { payload } = yield* messageOf(answer)
        const number = bytesOf(request?._tag === "Request" ? request.requestId : "")
        yield* between.send(
          protocol.make("broadcast", "between", [payload[0]!, number, ...payload.slice(2)], answer.time)
        )
        yield* TestClock.adjust("50 millis")
        const [found] = yield* Queue.clear(accepted)
        yield* found!.handshake(ours.mesh.networkId, js2p, at(author.announces[1]))
        yield* second

        assert.strictEqual(between.received.find((one) => one.says?._tag === "Request")?.message.type, "broadcast")
        assert.strictEqual(tags(found!)[0], "Handshake")
        assert.sameMembers(tags(found!), ["Handshake", "Peers", "UserWhisper"])
        assert.deepStrictEqual(found!.received.flatMap((one) => textsOf(one.says)), ["me"])
        assert.strictEqual(replying.pollUnsafe()?._tag, "Success")
      }).pipe(Effect.scoped, Effect.provide(network))
  )
})

const chordHandshakes = (transcripts.chord as ReadonlyArray<Pick<Conversation, "title" | "frames">>).flatMap(
  ({ frames, title }) => {
    const found = frames.find((entry): entry is RecordedFrame => isFrame(entry) && entry.sub === "handshake")
    return found === undefined ? [] : [{ title, handshake: found }]
  }
)

describe("a chord node on a mesh", () => {
  it.effect.each(chordHandshakes)(
    "is refused as of another network: $title",
    ({ handshake }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(handshake.time * 1000)
        const ours = yield* startOurs(here)
        const peer = yield* dialAs("chord", here)

        yield* peer.write(Buffer.from(handshake.hex, "hex"))
        yield* second

        const rejected = ours.events.filter((event) => event._tag === "Rejected").map((event) => event.reason)
        const own = ours.mesh.networkId
        assert.deepStrictEqual(rejected, [{ _tag: "NetworkMismatch", own, peer: String(handshake.packets[1]) }])
        assert.deepStrictEqual(tags(peer), ["Handshake"])
        assert.isTrue(yield* peer.isEnded)
      }).pipe(Effect.scoped, Effect.provide(network))
  )
})

describe("what an original node cannot make sense of", () => {
  test(
    "is never said to it: pings, goodbyes, renegotiation it did not begin",
    Effect.gen(function*() {
      const ours = yield* startOurs(here, { upkeepInterval: "5 seconds" })
      const originals = [yield* joined(ours, "py", py2p, 5001), yield* joined(ours, "js", js2p, 5002)]

      yield* TestClock.adjust("2 minutes")
      for (const peer of originals) yield* peer.say("whisper", whisperOf("hello"))
      yield* ours.mesh.whisper("js", "bye")
      yield* ours.mesh.disconnect("js")
      yield* ours.mesh.disconnect("py")
      yield* second

      const known = new Set(["Handshake", "Peers", "RequestPeers", "UserWhisper"])
      const types = new Set<Message["type"]>(originals.flatMap((peer) => peer.received.map((one) => one.message.type)))
      assert.deepStrictEqual([...types], ["whisper"])
      assert.isTrue(originals.every((peer) => tags(peer).every((tag) => tag !== undefined && known.has(tag))))
      assert.isTrue(yield* originals[0]!.isEnded)
    })
  )

  test(
    "is kept from it also when it speaks before its handshake, which ends the connection",
    Effect.gen(function*() {
      const ours = yield* startOurs(here)
      const protocol = yield* Protocol
      const peer = yield* dialAs("hasty", here)

      yield* peer.write(frame(protocol.encode(protocol.make("whisper", "hasty", [bytesOf("x"), bytesOf("y")], 0))))
      yield* second

      const reasons = ours.events.flatMap((event) => event._tag === "Rejected" ? [event.reason._tag] : [])
      assert.deepStrictEqual(reasons, ["HandshakeInvalid"])
      assert.deepStrictEqual(tags(peer), ["Handshake"])
    })
  )
})
