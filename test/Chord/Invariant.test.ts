import { assert, describe, it } from "@effect/vitest"
import { Contact, isPadding, isSame, makePadding } from "../../src/Chord/Contact.ts"
import * as Invariant from "../../src/Chord/Invariant.ts"
import { isWhole, type Membership } from "../../src/Chord/Membership.ts"
import * as Ring from "../../src/Chord/Ring.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Draws } from "./model/Draws.ts"

const bits = 8

const at = (position: number, nodeId = `n${position}`): Contact =>
  new Contact(BigInt(position), new PeerAddress({ host: "memory", port: position + 1 }), nodeId)

/** Entries below 0 are padding. */
const member = (
  self: number,
  predecessor: number | undefined,
  successors: ReadonlyArray<number>,
  successorCount = 2
): Membership => {
  const list: Array<Contact> = []
  for (const entry of successors) list.push(entry < 0 ? makePadding(bits, list.at(-1) ?? at(self)) : at(entry))
  return {
    bits,
    self: at(self),
    predecessor: predecessor === undefined ? undefined : at(predecessor),
    successors: list,
    successorCount
  }
}

const ideal = [member(10, 40, [20, 30]), member(20, 10, [30, 40]), member(30, 20, [40, 10]), member(40, 30, [10, 20])]

/** The ideal ring of four with these members in place of, or added to, its own. */
const ringWith = (...members: ReadonlyArray<Membership>): Invariant.Snapshot => ({
  members: [
    ...ideal.filter((one) => members.every((other) => other.self.position !== one.self.position)),
    ...members
  ]
})

const ringWithout = (...positions: ReadonlyArray<number>): Invariant.Snapshot => ({
  members: ideal.filter((one) => !positions.includes(Number(one.self.position)))
})

const told = (violations: ReadonlyArray<Invariant.Violation>): ReadonlyArray<string> =>
  violations.map(({ clause, members }) => [clause, ...members.map((contact) => contact.position)].join(" "))

describe("Invariant.violations", () => {
  it("finds nothing in an ideal ring, however it is ordered", () => {
    assert.deepStrictEqual(Invariant.violations({ members: ideal }), [])
    assert.deepStrictEqual(Invariant.violations({ members: ideal.toReversed() }), [])
    assert.deepStrictEqual(Invariant.violations({ members: [] }), [])
    assert.deepStrictEqual(Invariant.violations({ members: [member(10, undefined, [])] }), [])
  })

  it("accepts a new member that nobody knows of yet, but not that it is the only one left of a list", () => {
    assert.deepStrictEqual(Invariant.violations(ringWith(member(15, 10, [20, 30]))), [])
  })

  it("names a member without a live successor, and those that cannot reach the ring", () => {
    const found = told(Invariant.violations(ringWith(member(15, 10, [16, 17])), "proven"))

    assert.include(found, "OneLiveSuccessor 15")
    assert.include(found, "ConnectedAppendages 15")
  })

  it("counts principals: members that no list skips", () => {
    const skips = ringWith(member(10, 40, [30, 40]))

    assert.deepStrictEqual(Invariant.principals(skips).map((contact) => contact.nodeId), ["n10", "n30", "n40"])
    assert.deepStrictEqual(told(Invariant.violations(skips, "proven")), [])
    assert.deepStrictEqual(
      told(Invariant.violations(ringWith(member(10, 40, [30, 40]), member(20, 10, [40, 10])), "proven")),
      ["SufficientPrincipals 10 40"]
    )
  })

  it("takes a list of the whole ring to go on to its owner", () => {
    assert.deepStrictEqual(
      told(Invariant.violations(ringWith(member(20, 10, [30])), "proven")),
      ["SufficientPrincipals 20 30"]
    )
  })

  it("counts lists in flight", () => {
    const inFlight = [{ from: at(10), successors: [at(30), at(40)], isWhole: false }]
    const dead = [{ from: at(50), successors: [at(60), at(70)], isWhole: false }]

    assert.lengthOf(Invariant.principals({ members: ideal, inFlight }), 3)
    assert.deepStrictEqual(told(Invariant.violations({ members: ideal, inFlight: dead }, "proven")), [
      "LiveInFlight 50"
    ])
  })

  it("names lists that repeat a member, or name their owner", () => {
    for (const list of [[30, 30], [30, 20]]) {
      const found = told(Invariant.violations(ringWith(member(20, 10, list))))
      assert.includeMembers([...found], ["NoDuplicates 20", "OrderedSuccessorLists 20"])
    }
  })

  it("names lists that are out of order", () => {
    const found = told(Invariant.violations(ringWith(member(20, 10, [40, 30]))))

    assert.include(found, "OrderedSuccessorLists 20")
    assert.notInclude(found, "NoDuplicates 20")
  })

  it("names two rings", () => {
    const found = told(Invariant.violations({
      members: [member(10, 30, [30, -1]), member(20, 40, [40, -1]), member(30, 10, [10, -1]), member(40, 20, [20, -1])]
    }))

    assert.include(found, "AtMostOneRing 10 20 30 40")
    assert.include(found, "OrderedRing 10 20 30 40")
  })

  it("names a ring that is out of order: one that takes two turns", () => {
    const found = told(Invariant.violations({
      members: [member(10, 40, [30, -1]), member(20, 30, [40, -1]), member(30, 10, [20, -1]), member(40, 20, [10, -1])]
    }))

    assert.include(found, "OrderedRing 10 20 30")
    assert.notInclude(found.join(), "AtMostOneRing")
  })

  it("names it when there is no ring at all, and principals that are not on it", () => {
    const found = told(Invariant.violations({
      members: [member(10, 40, [20, -1]), member(20, 10, [30, -1]), member(30, 20, [40, -1]), member(40, 30, [50, -1])]
    }))

    assert.include(found, "AtLeastOneRing 10 20 30 40")
    assert.include(found, "PrincipalsInRing 10 20 30 40")
  })

  it("does not take another process at a position for the one that was there", () => {
    const restarted = { ...member(20, 10, [30, 40]), self: at(20, "restarted") }

    const found = told(Invariant.violations({
      members: [member(10, 40, [20, -1]), restarted, member(30, 20, [40, 10]), member(40, 30, [10, 20])]
    }))

    assert.include(found, "OneLiveSuccessor 10")
  })

  it("judges a small ring by what its members know of each other alone", () => {
    const joining = [member(10, undefined, [], 4), member(20, 10, [10], 4), member(30, 10, [10], 4)]
    const apart = [...joining, member(40, 50, [50], 4), member(50, 40, [40], 4)]

    assert.strictEqual(Invariant.regimeOf({ members: joining }), "small")
    assert.deepStrictEqual(told(Invariant.violations({ members: joining })), [])
    assert.deepStrictEqual(told(Invariant.violations({ members: apart })), ["ConnectedKnowledge 40 50"])
  })
})

describe("Invariant.lossOfPrincipals", () => {
  it("names who lives and is skipped now, not who failed", () => {
    const skips = ringWith(member(10, 40, [30, 40]))

    assert.deepStrictEqual(told(Invariant.lossOfPrincipals({ members: ideal }, skips)), ["LossOfPrincipal 20"])
    assert.deepStrictEqual(Invariant.lossOfPrincipals({ members: ideal }, ringWithout(20)), [])
    assert.deepStrictEqual(Invariant.lossOfPrincipals(skips, { members: ideal }), [])
  })
})

describe("Invariant.isIdeal", () => {
  it("is true when everybody knows its predecessor and all that follow", () => {
    assert.isTrue(Invariant.isIdeal({ members: ideal }))
    assert.isTrue(Invariant.isIdeal({ members: [] }))
    assert.isTrue(Invariant.isIdeal({ members: [member(10, undefined, [])] }))
    assert.isTrue(Invariant.isIdeal({ members: [member(10, 20, [20]), member(20, 10, [10])] }))
  })

  it("names those who do not", () => {
    const astray = (snapshot: Invariant.Snapshot) => Invariant.astray(snapshot).map((contact) => contact.nodeId)

    assert.deepStrictEqual(astray(ringWith(member(15, 10, [20, 30]))), ["n10", "n20", "n40"])
    assert.deepStrictEqual(astray(ringWithout(20)), ["n10", "n30", "n40"])
    assert.deepStrictEqual(astray(ringWith(member(20, 10, [30, -1]))), ["n20"])
    assert.deepStrictEqual(astray({ members: [member(10, 20, [])] }), ["n10"])
    assert.deepStrictEqual(astray({ members: [member(10, 20, [20, -1]), member(20, 10, [10])] }), ["n10"])
  })

  it("asks of a list one more than its successor names, if members keep different numbers", () => {
    const members = [10, 20, 30, 40, 50, 60].map((self, index, all) => {
      const after = (count: number) => Array.from({ length: count }, (_, offset) => all[(index + 1 + offset) % 6]!)
      return member(self, all[(index + 5) % 6], index === 1 ? [...after(3), -1] : after(2), index === 1 ? 4 : 2)
    })

    assert.isTrue(Invariant.isIdeal({ members }))
  })
})

/** The definitions as they stand in the paper, without a thought for speed. */
const plain = {
  isLive: (members: ReadonlyArray<Membership>, contact: Contact) =>
    !isPadding(contact) && members.some((member) => isSame(member.self, contact)),
  principals: (members: ReadonlyArray<Membership>) =>
    members.filter((p) =>
      members.every((m) => {
        const extended = [m.self, ...m.successors, ...(isWhole(m) ? [m.self] : [])]
        return extended.slice(1).every((entry, index) =>
          !Ring.isClockwise(extended[index]!.position, p.self.position, entry.position)
        )
      })
    ),
  best: (members: ReadonlyArray<Membership>, m: Membership) => {
    const first = m.successors.find((entry) => plain.isLive(members, entry))
    return members.find((other) => first !== undefined && isSame(other.self, first))
  },
  reachable: (members: ReadonlyArray<Membership>, m: Membership) => {
    const reached = new Set<Membership>()
    for (let at = plain.best(members, m); at !== undefined && !reached.has(at); at = plain.best(members, at)) {
      reached.add(at)
    }
    return reached
  },
  clauses: (members: ReadonlyArray<Membership>, base: number): ReadonlySet<string> => {
    const found = new Set<string>()
    const ring = members.filter((m) => plain.reachable(members, m).has(m))
    const principals = plain.principals(members)
    if (principals.length < base) found.add("SufficientPrincipals")
    if (!members.every((m) => plain.best(members, m) !== undefined)) found.add("OneLiveSuccessor")
    if (!principals.every((p) => ring.includes(p))) found.add("PrincipalsInRing")
    if (ring.length === 0) found.add("AtLeastOneRing")
    if (ring.some((m) => ring.some((other) => !plain.reachable(members, m).has(other)))) found.add("AtMostOneRing")
    for (const m of ring) {
      const next = plain.best(members, m)!
      if (ring.some((x) => Ring.isClockwise(m.self.position, x.self.position, next.self.position))) {
        found.add("OrderedRing")
      }
    }
    if (members.some((m) => !ring.includes(m) && !ring.some((x) => plain.reachable(members, m).has(x)))) {
      found.add("ConnectedAppendages")
    }
    return found
  }
}

describe("Invariant, on rings of any kind", () => {
  it("agrees with the definitions as the paper has them", () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < 3000; seed++) {
      const draws = new Draws(seed)
      const count = draws.between(2, 7)
      const places = draws.shuffle(Array.from({ length: 12 }, (_, index) => index * 10)).slice(0, count + 2)
      const known = places.toSorted((a, b) => a - b)
      const members = draws.shuffle(known).slice(0, count).map((self) => {
        const behind = [...known.filter((place) => place > self), ...known.filter((place) => place < self)]
        const list = behind.filter(() => draws.chance() < 0.7).slice(0, 3)
        if (draws.chance() < 0.1) list.reverse()
        while (list.length < 3 && list.length > 0 && draws.chance() < 0.8) list.push(-1)
        return member(self, draws.pick(known), list, 3)
      })

      const found = Invariant.violations({ members }, "proven").map((violation) => violation.clause)

      assert.deepStrictEqual(
        found.filter((clause) => clause !== "OrderedSuccessorLists").toSorted(),
        [...plain.clauses(members, 4)].toSorted(),
        `seed ${seed}`
      )
      for (const clause of found) seen.set(clause, (seen.get(clause) ?? 0) + 1)
    }
    assert.sameMembers([...seen.keys()], [
      "AtLeastOneRing",
      "AtMostOneRing",
      "ConnectedAppendages",
      "OneLiveSuccessor",
      "OrderedRing",
      "OrderedSuccessorLists",
      "PrincipalsInRing",
      "SufficientPrincipals"
    ])
  })
})
