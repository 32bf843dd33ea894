/** Why calls between the nodes of a ring fail: what they refuse, and what the failure says of whoever was called. */
import { CallError } from "../CallError.ts"
import type { Contact } from "../Contact.ts"

/** Whether a failed call means that the member is gone, rather than busy. */
export const isDead = ({ reason }: CallError): boolean => {
  switch (reason._tag) {
    case "Unreachable":
      return !isOwn(reason.cause)
    case "TimedOut":
    case "WrongPeer":
      return true
    case "Refused":
      return reason.tag === noMember || reason.tag === "Unsupported"
    default:
      return false
  }
}

/**
 * Whether a call was not sent because all links of this node are in use, or as many calls under way as may be: that says
 * nothing of the other one.
 */
export const isShortage = (reason: CallError["reason"]): boolean =>
  reason._tag === "TooManyCalls" || (reason._tag === "Unreachable" && reason.cause._tag === "Full")

/**
 * Whether it was not sent for that, or because this node ends: who took the other one for dead then would count a write as
 * kept by all there are.
 */
const isOwn = ({ _tag }: { readonly _tag: string }): boolean => _tag === "Full" || _tag === "Stopped"

/** Whether a call failed in a way in which it may for one that lives: where nobody can be dialed, nobody does. */
export const isSilence = ({ reason }: CallError): boolean =>
  reason._tag === "TimedOut" ||
  (reason._tag === "Unreachable" && reason.cause._tag !== "DialError" && !isOwn(reason.cause))

/** Whether a node did not answer at all, at whichever of its positions. */
export const isSilent = (error: CallError): boolean => isDead(error) && error.reason._tag !== "Refused"

/** Refused: this process does not hold that position. */
export const noMember = "NoMember"
/** Refused: what was said is none of what nodes say to each other. */
export const malformed = "Malformed"
/** Refused: the member is new in its place, and has not got its records yet. */
export const syncing = "Syncing"
/** Refused: the node keeps nothing for others any more. */
export const leaving = "Leaving"
/** Refused, by the layer of calls: as many calls of this node are in work there as it allows. */
export const busy = "Busy"
/** Refused: nobody calls a node where this one says that it is, as strangers may not lead others there. */
export const notTaken = "NotTaken"
/** Refused: another member answers for that. */
export const notMine = "NotMine"

/** An answer that cannot be read, as an error. */
export const unreadable = (contact: Contact, kind: string): CallError =>
  new CallError({
    address: contact.address,
    kind,
    reason: { _tag: "Refused", tag: malformed, detail: "the answer cannot be read" }
  })
