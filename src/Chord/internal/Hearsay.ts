/**
 * Which contacts are taken that others tell of. Whoever may join a ring has its members call the addresses that it
 * names, as they call this node: so what a stranger names must not lead to this machine's own services, those of its
 * network, or whatever a name is made to mean. What the user named is taken from everybody. One that is not taken counts
 * as one that does not answer: where nobody may be called, nobody is.
 */
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { isPlausible, type Teller } from "../../Transport/Admission/Hearsay.ts"
import { Contact, isPadding } from "../Contact.ts"
import type { Answer } from "../Membership.ts"
import type { Found } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"

/** Addresses that the user named while the node runs; past it the one named first is forgotten. */
const maxNamed = 1024

/** What is taken. */
export interface HearsayRules {
  /** Whether the transport dials hosts of the real world. */
  readonly resolvesNames: boolean
  /** Whether names are looked up that others tell of. */
  readonly dialNames: boolean
}

export class Hearsay {
  readonly rules: HearsayRules
  readonly #bootstrap: ReadonlySet<string>
  readonly #named = new Set<string>()

  constructor(rules: HearsayRules, bootstrap: ReadonlyArray<PeerAddress>) {
    this.rules = rules
    this.#bootstrap = new Set(bootstrap.map(format))
  }

  /** The user named an address. */
  name(address: PeerAddress): void {
    this.#named.add(format(address))
    if (this.#named.size > maxNamed) this.#named.delete(this.#named.values().next().value!)
  }

  /** Whether an address is taken from somebody. */
  isTaken(address: PeerAddress, teller: Teller): boolean {
    if (isPlausible(address, teller, this.rules.dialNames, this.rules)) return true
    const text = format(address)
    return this.#bootstrap.has(text) || this.#named.has(text)
  }
}

/** Whether a contact is taken from who calls this node; without a teller this node calls itself. */
export const isTaken = (node: ChordNode, contact: Contact, teller: Teller | undefined): boolean =>
  teller === undefined || node.isOwn(contact) || node.hearsay.isTaken(contact.address, teller)

/** What a member that was called answers of itself and others, without those that are not taken from it. */
export const foundTaken = (node: ChordNode, from: Contact, found: Found): Found => {
  const isGood = judge(node, from)
  if (isGood === undefined) return found
  const { predecessor, self } = found
  return {
    ...found,
    // Where it was reached is as good as where it says it is.
    self: isGood(self) ? self : new Contact(self.position, from.address, self.nodeId),
    predecessor: predecessor !== undefined && isGood(predecessor) ? predecessor : undefined,
    closer: found.closer.filter(isGood),
    following: found.following.filter(isGood)
  }
}

/** The same of what a member says of its neighbors. */
export const answerTaken = (node: ChordNode, from: Contact, answer: Answer): Answer => {
  const isGood = judge(node, from)
  if (isGood === undefined) return answer
  const { predecessor, successors } = answer
  const taken = successors.filter((contact) => isPadding(contact) || isGood(contact))
  const first = taken.findIndex((contact) => !isPadding(contact))
  return {
    ...answer,
    predecessor: predecessor !== undefined && isGood(predecessor) ? predecessor : undefined,
    // No list begins with padding.
    successors: taken.length === successors.length ? successors : first === -1 ? [] : taken.slice(first)
  }
}

/** The same of a list of contacts. */
export const contactsTaken = (
  node: ChordNode,
  from: Contact,
  contacts: ReadonlyArray<Contact>
): ReadonlyArray<Contact> => contacts.filter(judge(node, from) ?? (() => true))

/** Judges what one that was called says; undefined where all of it is taken. */
const judge = (node: ChordNode, from: Contact): ((contact: Contact) => boolean) | undefined => {
  if (node.hearsay.rules.resolvesNames !== true || node.isOwn(from)) return undefined
  const teller = node.peers.tellerAt(from.address)
  return (contact) => isTaken(node, contact, teller)
}
