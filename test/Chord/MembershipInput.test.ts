import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { type Contact, isPadding, isSame, makePadding } from "../../src/Chord/Contact.ts"
import * as Membership from "../../src/Chord/Membership.ts"
import * as Ring from "../../src/Chord/Ring.ts"
import { ask, askPredecessor, at, bits } from "./model/States.ts"

const Position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 31 }))
const Entry = Schema.Int.check(Schema.isBetween({ minimum: -4, maximum: 31 }))
const Heard = Schema.Struct({
  kind: Schema.Literals([
    "Successor",
    "Candidate",
    "Doubt",
    "Predecessor",
    "dead",
    "notify",
    "offer",
    "farewell",
    "resize"
  ]),
  contact: Position,
  other: Entry,
  list: Schema.Array(Entry).check(Schema.isMaxLength(8)),
  isWhole: Schema.Boolean
})

/** Any contact a peer can name: below 0 it is padding. */
const anyContact = (position: number): Contact => position < 0 ? makePadding(bits, at(-position)) : at(position)

const hear = (state: Membership.Membership, heard: typeof Heard.Type): Membership.Membership => {
  const { contact, isWhole, kind, list, other } = heard
  const answer = { predecessor: anyContact(other), successors: list.map(anyContact), isWhole }
  const question = (reason: string): Membership.Ask =>
    reason === "Predecessor" || reason === "Doubt" || reason === "Candidate"
      ? reason === "Predecessor" ? askPredecessor(contact, Math.abs(other)) : ask(reason, contact)
      : { _tag: "Ask", reason: "Successor", contact: state.successors[0] ?? at(contact) }
  switch (kind) {
    case "dead":
      return Membership.onDead(state, question(["Successor", "Doubt", "Predecessor"][list.length % 3]!)).state
    case "notify":
      return Membership.rectify(state, anyContact(other)).state
    case "offer":
      for (const action of Membership.offer(state, anyContact(other))) assert.isFalse(isPadding(action.contact))
      return state
    case "farewell":
      return Membership.onFarewell(state, at(contact), anyContact(other)).state
    case "resize":
      return Membership.resize(state, 1 + list.length)
    default:
      return Membership.onAnswer(state, question(kind), answer).state
  }
}

describe("Membership, whatever it hears", () => {
  const Hearings = Arbitrary.array(Arbitrary.schema(Heard), { maxLength: 30 })

  it.prop("stays well-formed", [Hearings, Position], ([hearings, own]) => {
    let state = Membership.make(bits, at(own), 4)
    for (const heard of hearings) {
      state = hear(state, heard)

      const { predecessor, self, successorCount, successors } = state
      const first = successors.findIndex(isPadding)
      assert.isAtMost(successors.length, successorCount)
      assert.isTrue(first < 0 || (first > 0 && successors.slice(first).every(isPadding)), "padding at the end alone")
      assert.isTrue(first < 0 || successors.length === successorCount, "no padding in a list of the whole ring")
      assert.isTrue(predecessor === undefined || (!isPadding(predecessor) && !isSame(predecessor, self)))
      let last = self.position
      for (const entry of successors) {
        assert.isTrue(Ring.isClockwise(last, entry.position, self.position), "in order, and without itself")
        last = entry.position
      }
    }
  }, { arbitrary: { runs: 1000 } })
})
