/**
 * The word that somebody does not answer goes from member to predecessor, through all whose lists of
 * successors name it: the lists themselves learn it a step a round, so that those far behind would send
 * lookups there for as many rounds. It is a hint, that no list is changed for.
 */
import { type Contact, isSame } from "../Contact.ts"
import { writeContact } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"

/**
 * A member hears that a node did not answer, and passes on what is news to it. The first successor it asks itself now,
 * not a round later: who joins there, or stores there, waits for that.
 */
export const hear = (node: ChordNode, member: Member, contact: Contact): void => {
  const [first] = member.successors
  if (suspect(node, member, contact) && first !== undefined && isSame(first, contact)) node.wake.openUnsafe()
}

/** A member got no answer from a node, and passes that on if it is news to it. Gives whether it is. */
export const suspect = (node: ChordNode, member: Member, contact: Contact): boolean => {
  if (!member.doubt(contact)) return false
  const { predecessor } = member.membership
  if (predecessor !== undefined && predecessor.position !== contact.position) {
    node.services.run(node.tell(predecessor, "suspect", [writeContact(contact)]))
  }
  return true
}
