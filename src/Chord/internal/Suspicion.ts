/**
 * The word that somebody does not answer goes from member to predecessor, through all whose lists of
 * successors name it: the lists themselves learn it a step a round, so that those far behind would send
 * lookups there for as many rounds. It is a hint, that no list is changed for.
 */
import * as Effect from "effect/Effect"
import { type Contact, isSame } from "../Contact.ts"
import { writeContact, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import type { Member } from "./Member.ts"

/** Nodes that are asked at the same time whether they live; whom more are said to be silent is not heard. */
const maxLooks = 16

/**
 * Somebody says that a node did not answer. It is believed, for lookups are not to run into it, and asked: whoever lives is
 * named again at once, or a stranger could take all fingers from all members, and have lookups go round the ring.
 */
export const hearSay = (node: ChordNode, member: Member, contact: Contact): void => {
  const { doubted } = node
  const key = `${member.self.position} ${contact.position}`
  if (doubted.has(key) || doubted.size >= maxLooks || member.isVouched(contact) || !member.names(contact)) return
  hear(node, member, contact)
  doubted.add(key)
  // Of its own position: a process that has left that place refuses.
  const look = Effect.match(node.call(contact, "find", [writePosition(contact.position)]), {
    onSuccess: () => member.vouch(contact),
    onFailure: () => undefined
  })
  node.services.run(Effect.ensuring(look, Effect.sync(() => doubted.delete(key))))
}

/**
 * A member finds, or hears, that a node did not answer, and passes on what is news to it. The first successor it asks itself now,
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
