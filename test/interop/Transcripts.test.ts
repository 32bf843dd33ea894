/** Our real node in the place of each original node of each recorded conversation. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { conversations } from "../fixtures/Transcripts.ts"
import { network } from "../utils/InteropNode.ts"
import { replay, type Replayed } from "./Replay.ts"

const places = conversations.flatMap((conversation) =>
  Object.keys(conversation.nodes).map((place) => ({ conversation, place, title: conversation.title }))
)

/** All that our node wrote to one original node, over every connection to it. */
const sentTo = (replayed: Replayed, letter: string) =>
  replayed.all.filter((line) => line.letter === letter).flatMap((line) => line.peer.received)

const count = (replayed: Replayed, letter: string, tag: Payload["_tag"]): number =>
  sentTo(replayed, letter).filter((one) => one.says?._tag === tag).length

/** Whether a payload holds an address that ends a js2p node. */
const hasNullAddress = (says: Payload | undefined): boolean =>
  (says?._tag === "Handshake" && says.address === null) || (says?._tag === "Response" && says.address === null) ||
  (says?._tag === "Peers" && says.peers.some((peer) => peer.address === null))

describe("our node in the place of an original one", () => {
  it.effect.each(places)("$title: as $place", ({ conversation, place }) =>
    Effect.gen(function*() {
      const replayed = yield* replay(conversation, place)
      const others = Object.keys(conversation.nodes).filter((letter) => letter !== place)
      const isOtherNetwork = conversation.title.endsWith("different networks")

      // Its user gets what was said to it, each once and in order, and nothing else.
      assert.deepStrictEqual(
        replayed.received.map((message) => [message.id, ...message.packets.map((packet) => Buffer.from(packet))]),
        replayed.delivered.map((frame) => [
          frame.id,
          ...frame.packets.map((packet) =>
            typeof packet === "string" ? Buffer.from(packet) : Buffer.from(packet.hex, "hex")
          )
        ])
      )

      // It passes on what it has to, once to each, as waterfall.
      const relayed = others.flatMap((to) =>
        sentTo(replayed, to).flatMap(({ message }) => message.type === "waterfall" ? [{ to, id: message.id }] : [])
      )
      assert.sameDeepMembers(relayed, replayed.relays)
      for (const { nodeId, requestId, to } of replayed.answers) {
        const answers = sentTo(replayed, to).flatMap(({ says }) => says?._tag === "Response" ? [says] : [])
        assert.isTrue(answers.some((says) => says.requestId === requestId && says.nodeId === nodeId))
      }

      for (const letter of others) {
        // A list of peers follows each handshake that was answered, and each request for one.
        const lists = isOtherNetwork ? 0 : count(replayed, letter, "Handshake") + (replayed.lists.get(letter) ?? 0)
        assert.strictEqual(count(replayed, letter, "Peers"), lists)
        // It sends nothing that would end or confuse an original node.
        const isJavaScript = conversation.nodes[letter]!.implementation.includes("js2p")
        for (const { message, says } of sentTo(replayed, letter)) {
          assert.isFalse(isJavaScript && message.type === "renegotiate")
          assert.isAbove(message.payload.length, 0)
          assert.isFalse(hasNullAddress(says))
        }
      }

      // It fails, and ends links, for reasons that are there.
      const reasons = replayed.events.flatMap((event) =>
        event._tag === "PeerLeft" || event._tag === "Rejected" ? [event.reason._tag] : []
      )
      const expected = new Set(isOtherNetwork ? ["NetworkMismatch"] : ["ConnectionLost", "Disconnected", "Malformed"])
      assert.isTrue(reasons.every((reason) => expected.has(reason)), reasons.join())
      const isBroken = conversation.title === "py2p and py2p: renegotiation" && place === "B"
      assert.strictEqual(reasons.includes("Malformed"), isBroken)
      assert.strictEqual(replayed.failures.length, isOtherNetwork && place === "B" ? 1 : 0)
      if (isOtherNetwork) assert.deepStrictEqual(reasons, ["NetworkMismatch"])
    }).pipe(Effect.provide(network)))
})
