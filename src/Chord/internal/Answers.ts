/**
 * What a member knows of its neighbors fills some kilobytes, and is the same for most rounds. So whoever asks for it again
 * names the digest of what it was told last, and an answer without packets means that nothing has changed.
 */
import type { Hashing } from "../../Protocol/Hashing.ts"
import { isEqual } from "../../Protocol/internal/Bytes.ts"
import { type Contact, isSame } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import { readAnswer, writeAnswer } from "./ChordCodec.ts"
import type { Packets } from "./PeersOptions.ts"

/** A node asks its first successors and its predecessor; past it, the one that was told longest ago makes room. */
const maxKept = 16
/** Of the SHA-256: nobody finds two answers with the same. */
const digestBytes = 16

const unchanged: Packets = []

/** An answer as it was told, or is to be. */
interface Kept {
  readonly contact: Contact
  readonly digest: Uint8Array
  readonly answer: Membership.Answer
}

/** Those that one node was told. */
export class Answers {
  /** By position. */
  readonly #kept = new Map<bigint, Kept>()

  /** What a member was last told by another one. */
  of(contact: Contact): Kept | undefined {
    const kept = this.#kept.get(contact.position)
    return kept !== undefined && isSame(kept.contact, contact) ? kept : undefined
  }

  /** Reads an answer of a contact that was asked with what was known then; undefined when it is none. */
  read(
    bits: number,
    hashing: Hashing["Service"],
    contact: Contact,
    packets: Packets,
    known: Kept | undefined
  ): Membership.Answer | undefined {
    if (packets.length === 0) return known?.answer
    const answer = readAnswer(bits, packets)
    if (answer === undefined) return undefined
    this.#kept.delete(contact.position)
    this.#kept.set(contact.position, { contact, digest: digestOf(hashing, packets), answer })
    if (this.#kept.size > maxKept) this.#kept.delete(this.#kept.keys().next().value!)
    return answer
  }
}

/** The answer of one member, made anew only when what it knows has changed. */
export class OwnAnswer {
  #membership: Membership.Membership | undefined
  #packets: Packets = unchanged
  #digest: Uint8Array | undefined

  /** For one who was told what has this digest, if it was told anything. */
  tell(membership: Membership.Membership, hashing: Hashing["Service"], known: Uint8Array | undefined): Packets {
    if (membership !== this.#membership) {
      this.#membership = membership
      this.#packets = writeAnswer(Membership.answer(membership))
      this.#digest = undefined
    }
    if (known?.length !== digestBytes) return this.#packets
    this.#digest ??= digestOf(hashing, this.#packets)
    return isEqual(known, this.#digest) ? unchanged : this.#packets
  }
}

const digestOf = (hashing: Hashing["Service"], packets: Packets): Uint8Array => {
  const bytes = new Uint8Array(packets.reduce((sum, packet) => sum + 2 + packet.length, 0))
  let end = 0
  for (const packet of packets) {
    bytes[end++] = packet.length >>> 8
    bytes[end++] = packet.length
    bytes.set(packet, end)
    end += packet.length
  }
  return hashing.digest("sha256", bytes).slice(0, digestBytes)
}
