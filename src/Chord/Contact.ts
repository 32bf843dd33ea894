/**
 * What one member of a ring knows of another: the position it holds, where it can be called, and
 * the process it lives in.
 */
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import * as Ring from "./Ring.ts"

/**
 * A member of a ring as others know it. A process may hold several positions (virtual nodes): these
 * are contacts with one `nodeId` and one `address`, and each of them is a member of its own.
 *
 * A plain class, cheap to make; never changed.
 *
 * @category models
 * @since 0.1.0
 */
export class Contact {
  /** Where on the ring: 0 to 2^bits - 1. No two live members share one. */
  readonly position: bigint
  /** Where its process answers calls. */
  readonly address: PeerAddress
  /** The id of its process; empty for padding alone. */
  readonly nodeId: string

  constructor(position: bigint, address: PeerAddress, nodeId: string) {
    this.position = position
    this.address = address
    this.nodeId = nodeId
  }
}

/** Port 0 says that nothing can be dialed. */
const nowhere = new PeerAddress({ host: "0.0.0.0", port: 0 })

/**
 * The entry that fills up a successor list after `last`: the position that follows it, where by
 * definition nobody lives. It says "there are more members here that I do not know of". (Zave, "How
 * to make Chord correct", section 4.)
 *
 * @category constructors
 * @since 0.1.0
 */
export const makePadding = (bits: number, last: Contact): Contact =>
  new Contact(Ring.next(bits, last.position), nowhere, "")

/**
 * Whether this entry stands for nobody: it is never live, never called, and never told to users.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPadding = (contact: Contact): boolean => contact.nodeId === ""

/**
 * Whether both mean the same member: the same position, held by the same process, at the same
 * address. A process that was started anew with another id, or elsewhere, is another member.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSame = (a: Contact, b: Contact): boolean =>
  a === b ||
  (a.position === b.position && a.nodeId === b.nodeId && a.address.port === b.address.port &&
    a.address.host === b.address.host)
