import { assert, describe, it } from "@effect/vitest"
import { Contact, makePadding } from "../../src/Chord/Contact.ts"
import * as Membership from "../../src/Chord/Membership.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { answerOf, ask, askPredecessor, at, bits, member, positionsOf } from "./model/States.ts"

/** Actions in short: `Ask Successor 5`, `Notify 5`, `Hint 5 7`. */
const shorten = (actions: ReadonlyArray<Membership.Action>): ReadonlyArray<string> =>
  actions.map((action) => {
    const to = Number(action.contact.position)
    if (action._tag === "Ask") return `Ask ${action.reason} ${to}`
    return action._tag === "Hint" ? `Hint ${to} ${action.candidate.position}` : `${action._tag} ${to}`
  })

describe("Membership.join", () => {
  it("takes over the whole list of the one before, asks its successor, and tells the one before", () => {
    const step = Membership.join(bits, at(15), 3, at(10), answerOf(90, [20, 30, 40]))

    assert.deepStrictEqual(step?.state, member(15, 10, [20, 30, 40]))
    assert.deepStrictEqual(shorten(step!.actions), ["Ask Successor 20", "Hint 10 15"])
  })

  it("adds the one before to a list of the whole ring", () => {
    assert.deepStrictEqual(Membership.join(bits, at(15), 3, at(10), answerOf(undefined, [], true))?.state, {
      ...member(15, 10, [10])
    })
    assert.deepStrictEqual(
      Membership.join(bits, at(15), 3, at(10), answerOf(20, [20], true))?.state,
      member(15, 10, [20, 10])
    )
    assert.deepStrictEqual(
      Membership.join(bits, at(15), 2, at(10), answerOf(30, [20, 30], true))?.state,
      member(15, 10, [20, 30], 2)
    )
  })

  it("keeps as many successors as the one before, if those are more, and pads if they are fewer", () => {
    const longer = Membership.join(bits, at(15), 2, at(10), answerOf(90, [20, 30, 40]))
    const shorter = Membership.join(bits, at(15), 4, at(10), answerOf(90, [20, 30]))

    assert.deepStrictEqual(longer?.state, member(15, 10, [20, 30, 40], 3))
    assert.deepStrictEqual(shorter?.state, member(15, 10, [20, 30, -1, -1], 4))
  })

  it("refuses another's place, and a position that is taken", () => {
    assert.isUndefined(Membership.join(bits, at(25), 3, at(10), answerOf(90, [20, 30, 40])))
    assert.isUndefined(Membership.join(bits, at(20), 3, at(10), answerOf(90, [20, 30, 40])))
    assert.isUndefined(Membership.join(bits, at(10, "other"), 3, at(10), answerOf(undefined, [], true)))
  })

  it("is invited by the one before its place, and by no other", () => {
    assert.isTrue(Membership.isPlaceFor(member(10, 90, [20, 30, 40]), 15n))
    assert.isFalse(Membership.isPlaceFor(member(10, 90, [20, 30, 40]), 25n))
    assert.isFalse(Membership.isPlaceFor(member(10, 90, [20, 30, 40]), 20n))
    assert.isTrue(Membership.isPlaceFor(Membership.make(bits, at(10), 3), 5n))
    assert.isFalse(Membership.isPlaceFor(Membership.make(bits, at(10), 3), 10n))
  })
})

describe("Membership.stabilize", () => {
  it("asks the first successor; without one the predecessor; alone nobody", () => {
    assert.deepStrictEqual(shorten(Membership.stabilize(member(10, 90, [20, 30, 40]))), ["Ask Successor 20"])
    assert.deepStrictEqual(shorten(Membership.stabilize(member(10, 90, []))), ["Ask Candidate 90"])
    assert.deepStrictEqual(Membership.stabilize(member(10, undefined, [])), [])
  })

  it("takes over the list of the first successor, and notifies it", () => {
    const step = Membership.onAnswer(member(10, 90, [20, 30, 40]), ask("Successor", 20), answerOf(10, [25, 30, 40]))

    assert.deepStrictEqual(step.state, member(10, 90, [20, 25, 30]))
    assert.deepStrictEqual(shorten(step.actions), ["Notify 20"])
  })

  it("asks a closer successor before it takes it, and then takes its list", () => {
    const state = member(10, 90, [20, 30, 40])

    const first = Membership.onAnswer(state, ask("Successor", 20), answerOf(15, [30, 40, 50]))
    const second = Membership.onAnswer(first.state, ask("Candidate", 15), answerOf(10, [18, 20, 30]))

    assert.deepStrictEqual(positionsOf(first.state.successors), [20, 30, 40])
    assert.deepStrictEqual(shorten(first.actions), ["Ask Candidate 15"])
    assert.deepStrictEqual(positionsOf(second.state.successors), [15, 18, 20])
    assert.deepStrictEqual(shorten(second.actions), ["Notify 15"])
  })

  it("notifies the first successor when the closer one is dead", () => {
    const step = Membership.onDead(member(10, 90, [20, 30, 40]), ask("Candidate", 15))

    assert.deepStrictEqual(positionsOf(step.state.successors), [20, 30, 40])
    assert.deepStrictEqual(shorten(step.actions), ["Notify 20"])
  })

  it("drops a dead first successor, pads the end, and notifies the next", () => {
    const step = Membership.onDead(member(10, 90, [20, 30, 40]), ask("Successor", 20))

    assert.deepStrictEqual(step.state, member(10, 90, [30, 40, -1]))
    assert.deepStrictEqual(shorten(step.actions), ["Notify 30"])
  })

  it("does not change an ideal state at all", () => {
    const state = member(10, 90, [20, 30, 40])

    const step = Membership.onAnswer(state, ask("Successor", 20), answerOf(10, [30, 40, 50]))

    assert.strictEqual(step.state, state)
    assert.strictEqual(Membership.rectify(state, at(90)).state, state)
  })

  it("ignores answers of members that are no longer first, or no longer closer", () => {
    const state = member(10, 90, [20, 30, 40])

    for (const late of [ask("Successor", 30), ask("Candidate", 30)]) {
      assert.deepStrictEqual(Membership.onAnswer(state, late, answerOf(20, [40, 50, 60])), { state, actions: [] })
    }
  })

  it("goes back to the predecessor when the list is exhausted, and is alone when that is dead", () => {
    const exhausted = Membership.onDead(member(10, 90, [20, -1, -1]), ask("Successor", 20))
    const back = Membership.onAnswer(exhausted.state, ask("Candidate", 90), answerOf(80, [10, 30, 40]))
    const alone = Membership.onDead(exhausted.state, ask("Candidate", 90))

    assert.deepStrictEqual(shorten(exhausted.actions), ["Ask Candidate 90"])
    assert.isFalse(Membership.isAlone(exhausted.state))
    assert.deepStrictEqual(positionsOf(back.state.successors), [90])
    assert.isTrue(Membership.isAlone(alone.state))
  })
})

describe("Membership.rectify", () => {
  it("takes a closer predecessor at once, and tells the one before", () => {
    const step = Membership.rectify(member(10, 80, [20, 30, 40]), at(90))

    assert.deepStrictEqual(step.state, member(10, 90, [20, 30, 40]))
    assert.deepStrictEqual(shorten(step.actions), ["Hint 80 90"])
  })

  it("asks its predecessor before it takes one further away", () => {
    const state = member(10, 90, [20, 30, 40])

    const step = Membership.rectify(state, at(80))
    const dead = Membership.onDead(step.state, askPredecessor(90, 80))
    const live = Membership.onAnswer(step.state, askPredecessor(90, 80), answerOf(undefined, []))

    assert.strictEqual(step.state, state)
    assert.deepStrictEqual(shorten(step.actions), ["Ask Predecessor 90"])
    assert.deepStrictEqual(dead.state, member(10, 80, [20, 30, 40]))
    assert.strictEqual(live.state, state)
    assert.deepStrictEqual(shorten(live.actions), ["Hint 80 90"])
  })

  it("does not put back the first of two notifiers when both found the predecessor dead", () => {
    const state = member(10, 90, [20, 30, 40])

    const first = Membership.onDead(state, askPredecessor(90, 80))
    const second = Membership.onDead(first.state, askPredecessor(90, 70))

    assert.deepStrictEqual(positionsOf([second.state.predecessor!]), [80])
    assert.deepStrictEqual(shorten(second.actions), ["Ask Predecessor 80"])
  })

  it("adds the notifier to a list of the whole ring, not to another", () => {
    assert.deepStrictEqual(Membership.rectify(member(10, undefined, []), at(90)).state, member(10, 90, [90]))
    assert.deepStrictEqual(Membership.rectify(member(10, 90, [20, 90]), at(30)).state, member(10, 90, [20, 30, 90]))
    assert.deepStrictEqual(
      Membership.rectify(member(10, 90, [20, 30, 40]), at(35)).state,
      member(10, 90, [20, 30, 40])
    )
  })

  it("takes who came back elsewhere for the one that was there", () => {
    const moved = new Contact(90n, new PeerAddress({ host: "elsewhere", port: 1 }), "n90")

    const { state } = Membership.rectify(member(10, 90, [20, 90]), moved)

    assert.strictEqual(state.predecessor, moved)
    assert.deepStrictEqual(state.successors, [at(20), moved])
  })

  it("never takes itself, nor padding", () => {
    const state = Membership.make(bits, at(10), 3)

    assert.strictEqual(Membership.rectify(state, at(10)).state, state)
    assert.strictEqual(Membership.rectify(state, makePadding(bits, at(20))).state, state)
  })
})

describe("Membership.offer", () => {
  it("asks one that is closer, and no other", () => {
    const state = member(10, 90, [20, 30, 40])

    assert.deepStrictEqual(shorten(Membership.offer(state, at(15))), ["Ask Candidate 15"])
    for (const other of [at(20), at(25), at(10), makePadding(bits, at(15))]) {
      assert.deepStrictEqual(Membership.offer(state, other), [])
    }
  })
})

describe("Membership in a small ring", () => {
  it("joins both lists, and asks those that the successor does not have", () => {
    const state = member(10, 90, [20, 40, 90], 8)

    const step = Membership.onAnswer(state, ask("Successor", 20), answerOf(10, [30, 90, 10], true))
    const live = Membership.onAnswer(step.state, ask("Doubt", 40), answerOf(undefined, []))
    const dead = Membership.onDead(step.state, ask("Doubt", 40))

    assert.deepStrictEqual(positionsOf(step.state.successors), [20, 30, 40, 90])
    assert.deepStrictEqual(shorten(step.actions), ["Notify 20", "Ask Doubt 40"])
    assert.deepStrictEqual(live, { state: step.state, actions: [] })
    assert.deepStrictEqual(positionsOf(dead.state.successors), [20, 30, 90])
  })

  it("finds that the ring became small when the list of its successor comes round to it", () => {
    const state = member(10, 90, [20, 50, 90])

    const step = Membership.onAnswer(state, ask("Successor", 20), answerOf(10, [90, 10, -1]))
    const last = Membership.onDead(step.state, ask("Doubt", 50))
    const whole = Membership.onAnswer(last.state, ask("Successor", 20), answerOf(10, [90, 10, -1]))

    assert.deepStrictEqual(shorten(step.actions), ["Notify 20", "Ask Doubt 50"])
    assert.deepStrictEqual(positionsOf(last.state.successors), [20, 90, -1])
    assert.deepStrictEqual(positionsOf(whole.state.successors), [20, 90])
    assert.isTrue(Membership.isWhole(whole.state))
  })

  it("asks one behind itself in the list of its successor whether it is closer", () => {
    const step = Membership.onAnswer(
      member(10, 90, [50, 90], 8),
      ask("Successor", 50),
      answerOf(10, [90, 10, 20, 30], true)
    )

    assert.deepStrictEqual(shorten(step.actions), ["Ask Candidate 20"])
  })

  it("is one no more when it has as many others as it keeps successors", () => {
    const step = Membership.onAnswer(member(10, 90, [20, 90]), ask("Successor", 20), answerOf(10, [30, 40, 90]))

    assert.deepStrictEqual(positionsOf(step.state.successors), [20, 30, 40])
    assert.isFalse(Membership.isWhole(step.state))
  })
})

describe("Membership.leave", () => {
  it("tells the first successor and the predecessor, once if they are one", () => {
    assert.deepStrictEqual(shorten(Membership.leave(member(10, 90, [20, 30, 40]))), ["Farewell 20", "Farewell 90"])
    assert.deepStrictEqual(shorten(Membership.leave(member(10, 90, [90]))), ["Farewell 90"])
    assert.deepStrictEqual(Membership.leave(Membership.make(bits, at(10), 3)), [])
  })

  it("makes its predecessor that of its successor, and is forgotten by both", () => {
    const successor = Membership.onFarewell(member(20, 10, [30, 40, 50]), at(10), at(90))
    const predecessor = Membership.onFarewell(member(90, 80, [10, 20, 30]), at(10), at(90))

    assert.deepStrictEqual(successor.state, member(20, 90, [30, 40, 50]))
    assert.deepStrictEqual(predecessor.state, member(90, 80, [20, 30, -1]))
    assert.deepStrictEqual(shorten(predecessor.actions), ["Notify 20"])
  })

  it("leaves the other of two alone", () => {
    assert.isTrue(Membership.isAlone(Membership.onFarewell(member(20, 10, [10]), at(10), at(20)).state))
  })
})

describe("Membership.forget", () => {
  it("drops a dead member wherever it stands; padding keeps the length unless the list is the whole ring", () => {
    assert.deepStrictEqual(Membership.forget(member(10, 90, [20, 30, 40]), at(30)), member(10, 90, [20, 40, -1]))
    assert.deepStrictEqual(Membership.forget(member(10, 90, [20, 90]), at(90)), member(10, undefined, [20]))
  })

  it("leaves out padding where nobody could live", () => {
    assert.deepStrictEqual(Membership.forget(member(10, 7, [5, 7, 8]), at(5)), member(10, 7, [7, 8, -1]))
    assert.deepStrictEqual(Membership.forget(member(10, 7, [5, 7, 9]), at(5)), member(10, 7, [7, 9]))
  })

  it("leaves alone another process at that position", () => {
    const state = member(10, 90, [20, 30, 40])

    assert.strictEqual(Membership.forget(state, at(30, "restarted")), state)
  })
})

describe("Membership.resize", () => {
  it("pads a longer list, and cuts a shorter one", () => {
    const state = member(10, 90, [20, 30, 40])

    assert.deepStrictEqual(Membership.resize(state, 5), member(10, 90, [20, 30, 40, -1, -1], 5))
    assert.deepStrictEqual(Membership.resize(state, 2), member(10, 90, [20, 30], 2))
    assert.strictEqual(Membership.resize(state, 3), state)
  })

  it("does not pad a list of the whole ring", () => {
    assert.deepStrictEqual(Membership.resize(member(10, 90, [20, 90]), 5), member(10, 90, [20, 90], 5))
  })

  it("refuses less than one successor", () => {
    for (const count of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => Membership.resize(member(10, 90, [20]), count), RangeError)
      assert.throws(() => Membership.make(bits, at(10), count), RangeError)
    }
  })
})

describe("Membership.changes", () => {
  it("tells who came and who went, padding never", () => {
    const { came, went } = Membership.changes(member(10, 90, [20, 30, 40]), member(10, 80, [30, 40, -1]))

    assert.deepStrictEqual(positionsOf(came), [80])
    assert.deepStrictEqual(positionsOf(went), [20, 90])
    assert.deepStrictEqual(Membership.neighbors(member(10, 90, [20, 90])), [at(20), at(90)])
  })
})
