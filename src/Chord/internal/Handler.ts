/** Answers what other nodes ask. What is known without waiting is answered at once. */
import * as Effect from "effect/Effect"
import type { Teller } from "../../Transport/Admission/Hearsay.ts"
import type { CallRefused } from "../CallError.ts"
import type { Contact } from "../Contact.ts"
import { readContact, readPosition, writeContact, writeFound } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { isTaken } from "./Hearsay.ts"
import type { Member } from "./Member.ts"
import type { Caller, Packets } from "./PeersOptions.ts"
import { malformed, noMember, notTaken } from "./Refusal.ts"
import * as Share from "./Share.ts"
import { onDigest, onPull } from "./ShareArc.ts"
import * as Stabilizer from "./Stabilizer.ts"
import { hearSay } from "./Suspicion.ts"

type Result = Packets | CallRefused | Effect.Effect<Packets, CallRefused>

/** The packets of a request behind the position of the member that it is for. */
type Serve = (node: ChordNode, member: Member, packets: Packets, from: Caller, teller: Teller | undefined) => Result

const done: Packets = []

/** Answers one request. */
export const handle = (node: ChordNode, from: Caller, kind: string, packets: Packets, teller?: Teller): Result => {
  const serve = services.get(kind)
  if (serve === undefined) return Stabilizer.refuse(malformed, `"${kind}" is nothing that chord nodes ask`)
  const [target, ...rest] = packets
  const position = readPosition(node.bits, target)
  if (position === undefined) return Stabilizer.refuse(malformed, "it does not say for which position it is")
  const member = node.memberAt(position) ?? (kind === "who" ? node.memberAt(undefined) : undefined)
  return member === undefined || (node.isOutside && isForMembers(kind, rest))
    ? Stabilizer.refuse(noMember, kind === "who" ? whyNowhere(node) : "no member with that position lives here")
    : serve(node, member, rest, from, teller)
}

/** What whoever would join here has to know. */
const whyNowhere = ({ hasLeft }: ChordNode): string =>
  hasLeft
    ? "it has left its ring: join at another node, or have this one join its own address to begin a ring"
    : "it is in no ring yet: try again later, or at another node"

/** Asked of one that is taken for a member of a ring: by those who know this node from a life before, while it is outside. */
const isForMembers = (kind: string, packets: Packets): boolean =>
  kind === "find" ? packets.length > 1 : kind === "get" || kind === "put" || kind === "version"

/** Takes a contact from a request. */
const withContact =
  (packet: Uint8Array | undefined, serve: (node: ChordNode, member: Member, contact: Contact) => void) =>
  (node: ChordNode, member: Member): Result => {
    const contact = readContact(node.bits, packet)
    if (contact === undefined) return Stabilizer.refuse(malformed, "a contact was expected")
    serve(node, member, contact)
    return done
  }

/** The same of what everybody says of itself alone: a stranger could take all neighbors from a member. */
const withSelf =
  (packet: Uint8Array | undefined, from: Caller, serve: (node: ChordNode, member: Member, self: Contact) => void) =>
  (node: ChordNode, member: Member): Result => {
    const contact = readContact(node.bits, packet)
    if (contact !== undefined && contact.nodeId !== from.id) {
      return Stabilizer.refuse(malformed, "nobody says that of another node")
    }
    return withContact(packet, serve)(node, member)
  }

/** By the kind of call: a map, for peers write it, and an object has more than what is listed. */
const services: ReadonlyMap<string, Serve> = new Map(Object.entries<Serve>({
  /** Which members live here: the first one, for one who knows only the address. */
  who: (_node, member) =>
    writeFound({ isOwner: false, self: member.self, predecessor: undefined, closer: [], following: [] }),
  state: (node, { answer, membership }, [known]) => answer.tell(membership, node.services.placement.hashing, known),
  notify: (node, member, [packet], from, teller) => {
    const notifier = readContact(node.bits, packet)
    if (notifier !== undefined && !isTaken(node, notifier, teller)) {
      return Stabilizer.refuse(notTaken, `strangers are not called at ${notifier.address} from here`)
    }
    let asked: Effect.Effect<void> | undefined
    const result = withSelf(packet, from, (node, member, self) => {
      asked = Stabilizer.onNotify(node, member, self)
    })(node, member)
    return asked === undefined ? result : Effect.as(asked, done)
  },
  hint: (node, member, [packet], from, teller) =>
    withContact(packet, (node, member, candidate) => {
      if (isTaken(node, candidate, teller)) Stabilizer.onHint(node, member, candidate, from.id)
    })(node, member),
  farewell: (node, member, [leaver, packet], from, teller) =>
    withSelf(leaver, from, (node, member, contact) => {
      const before = readContact(node.bits, packet)
      const heir = before !== undefined && isTaken(node, before, teller) ? before : undefined
      Stabilizer.onFarewell(node, member, contact, heir)
    })(node, member),
  /** Somebody got no answer from a node that this member named. */
  suspect: (node, member, [packet]) => withContact(packet, hearSay)(node, member),
  find: (node, member, [wanted, after], _from, by) => {
    const position = readPosition(node.bits, wanted)
    if (position === undefined) return Stabilizer.refuse(malformed, "a position was expected")
    const teller = after === undefined ? undefined : readContact(node.bits, after)
    // Who asks was told that this member follows the teller, and so is the owner.
    if (
      teller !== undefined && isTaken(node, teller, by) && member.membership.predecessor === undefined &&
      !member.owns(position)
    ) {
      return Effect.map(Stabilizer.seekPredecessor(node, member, teller), () => writeFound(member.find(position)))
    }
    return writeFound(member.find(position))
  },
  /** For a new member, which they suit nearly. */
  fingers: (_node, member) => member.fingers.contacts().map(writeContact),
  put: Share.onPut,
  copy: Share.onCopy,
  get: Share.onGet,
  version: Share.onVersion,
  held: Share.onHeld,
  pull: onPull,
  digest: onDigest
}))
