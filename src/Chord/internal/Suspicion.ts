/**
 * The word that somebody does not answer goes from member to predecessor, through all whose lists of
 * successors name it: the lists themselves learn it a step a round, so that those far behind would send
 * lookups there for as many rounds. It is a hint, that no list is changed for.
 */
import type { Contact } from "../Contact.ts"
import { writeContact } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"

/** A member hears that a node did not answer, and passes on what is news to it. */
export const suspect = (node: ChordNode, member: Member, contact: Contact): void => {
  if (!member.doubt(contact)) return
  const { predecessor } = member.membership
  if (predecessor === undefined || predecessor.position === contact.position) return
  node.services.run(node.tell(predecessor, "suspect", [writeContact(contact)]))
}
