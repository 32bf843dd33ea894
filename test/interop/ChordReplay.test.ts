/** Our real chord node in the place of each original node of each recorded conversation. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as Invariant from "../../src/Chord/Invariant.ts"
import * as Base58 from "../../src/Protocol/Base58.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { network } from "../utils/InteropNode.ts"
import { addressOf, conversations, replay, type Replayed } from "./ChordReplay.ts"

const places = conversations.flatMap((conversation) =>
  Object.keys(conversation.nodes).map((place) => ({ conversation, place, title: conversation.title }))
)

/**
 * What the user of our node is told when it looks up; the original in its place got the value, failed, or
 * waited for ever. Ours is told "nothing" of a key that nobody stored.
 */
const told: Readonly<Record<string, ReadonlyArray<string>>> = {
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 3.11: join, store, lookup: as A": ["value"],
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 3.11: join, store, lookup: as B": ["value"],
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 2.7 (Jython): join, store, lookup: as A": ["value"],
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 2.7 (Jython): join, store, lookup: as B": [
    "value",
    "nothing"
  ],
  "chord, ring of 2^6, three nodes at 0, 20 and 41, py2p on Python 2.7 (Jython): as A": ["value"]
}

/** The tables of which our node is asked for a value that was stored, with it or by it. */
const asked: Readonly<Record<string, ReadonlyArray<string>>> = {
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 2.7 (Jython): join, store, lookup: as A": [
    "sha224",
    "sha256",
    "sha384"
  ],
  "chord, ring of 2^4, two nodes at 0 and 8, py2p on Python 2.7 (Jython): join, store, lookup: as B": [
    "sha1",
    "sha512"
  ],
  "chord, ring of 2^6, three nodes at 0, 20 and 41, py2p on Python 2.7 (Jython): as B": ["sha1", "sha224"]
}

const saidOn = (replayed: Replayed, letter: string): ReadonlyArray<Payload | undefined> =>
  replayed.all.filter((line) => line.letter === letter).flatMap((line) => line.peer.received.map((one) => one.says))

const hasNullAddress = (says: Payload | undefined): boolean =>
  (says?._tag === "Handshake" && says.address === null) ||
  (says?._tag === "Peers" && says.peers.some((peer) => peer.address === null))

const plain = (says: Payload | undefined) =>
  says?._tag === "Retrieved" ? [says.table, String(says.key), Buffer.from(says.value).toString()] : []

describe("our chord node in the place of an original one", () => {
  it.effect.each(places)("$title: as $place", ({ conversation, place }) =>
    Effect.gen(function*() {
      const replayed = yield* replay(conversation, place)
      const { all, chord, early, got, joins, lists, own } = replayed
      const others = Object.keys(conversation.nodes).filter((letter) => letter !== place)
      const isOtherSize = conversation.title.endsWith("different size")
      const frames = conversation.frames.filter((entry) => "main" in entry)
      const networkId = frames.find((frame) => frame.sub === "handshake" && conversation.nodes[frame.from]!.k === own.k)
        ?.packets[1]

      // Who accepts says nothing before the other has said who it is.
      assert.deepStrictEqual(early, [])
      const ring = yield* chord.ring
      const ownId = Base58.fromInteger(ring[0]!.membership.self.position)
      for (const { greeted, isDialed, letter, peer } of all) {
        const said = peer.received.map((one) => one.says)
        if (isOtherSize || !greeted) {
          assert.deepStrictEqual(said.map((says) => says?._tag), isDialed ? ["Handshake"] : [])
          assert.isTrue(isDialed || !greeted || (yield* peer.isEnded))
          continue
        }
        // It answers each handshake once, plain, under the network's id with k, and with a list behind it.
        assert.deepStrictEqual(said.slice(0, 2).map((says) => says?._tag), ["Handshake", "Peers"])
        assert.strictEqual(said.filter((says) => says?._tag === "Handshake").length, 1)
        assert.isFalse(peer.received[0]!.isCompressed)
        const nodeId = isDialed ? chord.id : ownId
        assert.deepInclude(said[0], {
          _tag: "Handshake",
          nodeId,
          networkId: String(networkId),
          address: addressOf(conversation, place)
        })
        assert.isTrue(said.every((says) => says?._tag !== "Peers" || says.peers.some((one) => one.id === peer.id)))
        assert.isTrue(isDialed || peer.received.every((one) => one.message.sender === ownId))
        assert.include(others, letter)
      }

      for (const letter of others) {
        const said = saidOn(replayed, letter)
        const lines = all.filter((line) => line.letter === letter && line.greeted && !isOtherSize)
        assert.strictEqual(
          said.filter((says) => says?._tag === "Peers").length,
          lines.length + (lists.get(letter) ?? 0)
        )
        // It answers what was asked of the original in its place, with what that answered.
        const answered = said.filter((says) => says?._tag === "Retrieved").map(plain).sort()
        const recorded = frames.filter((frame) =>
          frame.from === place && frame.to === letter && frame.sub === "response"
        )
        for (const [table, digits, value] of recorded.map((frame) => frame.packets)) {
          assert.deepInclude(answered, [String(table), String(Base58.toInteger(String(digits))), String(value)])
        }
        // It says nothing else, and nothing that would end an original.
        const kinds = new Set(said.map((says) => says?._tag))
        for (const kind of kinds) assert.include(["Handshake", "Peers", "Retrieved"], kind)
        assert.isFalse(said.some(hasNullAddress))
      }

      const answers = others.flatMap((letter) => saidOn(replayed, letter)).flatMap((says) =>
        says?._tag === "Retrieved" ? [says.table] : []
      )
      assert.deepStrictEqual(answers, asked[`${conversation.title}: as ${place}`] ?? [])
      assert.deepStrictEqual(got, told[`${conversation.title}: as ${place}`] ?? [])
      // An original is no ring to join, and no member of ours; it is a guest over the link that was made.
      const joinCount = conversation.frames.filter((entry) =>
        "do" in entry && entry.do.startsWith(`${place}: `) && entry.do.includes("joins")
      ).length
      assert.strictEqual(joins.length, joinCount)
      assert.isFalse(joins.includes("joined"))
      assert.strictEqual(
        all.filter((line) =>
          line.isDialed && (line.greeted || isOtherSize)
        ).length,
        joinCount
      )
      assert.strictEqual(ring.length, 1)
      assert.deepStrictEqual(ring[0]!.membership.successors, [])
      assert.deepStrictEqual(Invariant.violations({ members: ring.map((member) => member.membership) }), [])
    }).pipe(Effect.scoped, Effect.provide(network), Random.withSeed("replay")))
})
