/**
 * Path lengths in rings too large to run: whole members with right lists and fingers, each choosing the
 * next by the code that nodes do it with, and no network between them. At 1000 it gives what nodes do.
 */
import { Effect, Random } from "effect"
import { PeerAddress } from "effect-p2p"
import { Contact, Membership, Ring } from "effect-p2p/Chord"
import { Member } from "../../src/Chord/internal/Member.ts"

const bits = 160

/** A ring at rest: members in order, each knowing its successors, and the fingers that these do not cover. */
const ideal = (positions: ReadonlyArray<bigint>): ReadonlyArray<Member> => {
  const contacts = positions.map((position, index) =>
    new Contact(position, new PeerAddress({ host: `${index}`, port: 4444 }), `${index}`)
  )
  const count = contacts.length
  const successorCount = Membership.successorCount(count)
  return contacts.map((self, index) => {
    const after = Array.from(
      { length: Math.min(successorCount, count - 1) },
      (_, step) => contacts[(index + 1 + step) % count]!
    )
    const member = new Member({
      ...Membership.make(bits, self, successorCount),
      predecessor: contacts[(index + count - 1) % count]!,
      successors: after
    }, 0)
    const covered = Ring.distance(bits, self.position, after.at(-1)!.position)
    for (let finger = bits - 1; 1n << BigInt(finger) > covered; finger--) {
      member.fingers.byIndex.set(finger, contacts[ownerOf(positions, Ring.fingerStart(bits, self.position, finger))]!)
    }
    return member
  })
}

/** The index of the first position that is not before the wanted one; the ring closes. */
const ownerOf = (positions: ReadonlyArray<bigint>, wanted: bigint): number => {
  let low = 0
  for (let high = positions.length; low < high;) {
    const middle = (low + high) >> 1
    if (positions[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low % positions.length
}

/** The mean number of members asked before the owner, over so many lookups of one seed. */
export const meanPath = (count: number, lookups: number): number =>
  Effect.runSync(Random.withSeed(
    Effect.gen(function*() {
      const random = yield* Random.Random
      const draw = (): bigint => {
        let position = 0n
        for (let word = 0; word < bits / 32; word++) {
          position = (position << 32n) | BigInt(random.nextIntUnsafe() >>> 0)
        }
        return position
      }
      const positions = Array.from({ length: count }, draw).sort((a, b) => a < b ? -1 : 1)
      const members = ideal(positions)
      let hops = 0
      for (let lookup = 0; lookup < lookups; lookup++) {
        const wanted = draw()
        let at = members[Math.floor(random.nextDoubleUnsafe() * count)]!
        while (!at.owns(wanted)) {
          const [next] = at.nearest(wanted, 1)
          // It is the predecessor: the owner is its successor.
          if (next === undefined) break
          at = members[ownerOf(positions, next.position)]!
          hops++
        }
      }
      return hops / lookups
    }),
    `walk ${count}`
  ))
