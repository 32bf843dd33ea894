/**
 * One member of a ring: what it knows of its neighbors, and its fingers. A node holds one, or several
 * (virtual nodes). Plain data and synchronous functions.
 */
import { type Contact, isSame } from "../Contact.ts"
import * as Membership from "../Membership.ts"
import * as Ring from "../Ring.ts"
import { OwnAnswer } from "./Answers.ts"
import type { Found } from "./ChordCodec.ts"
import { FingerTable } from "./FingerTable.ts"
import { Single } from "./Single.ts"

/** How many of its successors an owner names. */
const maxNamed = 8
/** For how many rounds one counts as alive that was doubted and answered. */
const vouchedRounds = 3
/** How many a member names that are nearer before a position. */
const maxCloser = 4

export class Member {
  readonly self: Contact
  readonly fingers: FingerTable
  #membership: Membership.Membership
  /** Where its arc begins: the predecessor, or the last one that there was. */
  #arcStart: bigint | undefined
  /** Whether it found its predecessor itself, and that one has not named it as its successor yet. */
  #isPresuming = false
  /** Where its arc began before that. */
  #sureStart: bigint | undefined
  /** Whether it has that one's own word alone, or that of the one that left, for how far the arc reaches now. */
  #isClaimed = false
  /**
   * Who answered for its position before, while it has not yet got all records of its arc: it took its
   * place lately.
   */
  source: Contact | undefined
  /** Whether it is being asked whether its predecessor lives. */
  isRectifying = false
  /** The look whether its predecessor lives. */
  readonly check = new Single()
  /** The search for a predecessor. */
  readonly search = new Single()
  /** The question to the one that was found. */
  readonly confirmation = new Single()
  /** When a first successor was last asked with success, in milliseconds of the node's `uptimeMillis`. */
  heardMillis: number
  /** When it last knew several others, in milliseconds of the node's `uptimeMillis`. */
  crowdMillis = Number.NEGATIVE_INFINITY
  /** When it lost all others at once, likewise; it was rather cut off from them than outlived them. */
  cutOffMillis = Number.NEGATIVE_INFINITY
  /** Whether others may have stored records of its arc that it has not got: it was alone, or silent for too long. */
  isBehind = false
  /** What it tells those who ask what it knows of its neighbors. */
  readonly answer = new OwnAnswer()
  /** The look whether it still has its place. */
  readonly assurance = new Single()
  /** Whether the last list of successors that it had was all of the ring. */
  wasWhole = true
  #roundCount = 0
  /** By position: successors that somebody got no answer from, and the round in which that is forgotten. */
  readonly #doubted = new Map<bigint, number>()
  /** By position: those that were found to live when somebody doubted it, and the round in which that is forgotten. */
  readonly #vouched = new Map<bigint, number>()

  /** Takes its place now. */
  constructor(membership: Membership.Membership, uptimeMillis: number) {
    this.self = membership.self
    this.fingers = new FingerTable(membership.bits, membership.self.position)
    this.heardMillis = uptimeMillis
    this.#membership = membership
  }

  get membership(): Membership.Membership {
    return this.#membership
  }

  set membership(membership: Membership.Membership) {
    this.#membership = membership
    if (membership.predecessor !== undefined) this.#arcStart = membership.predecessor.position
  }

  /** Whether it is new in its place, and may lack records of its arc. */
  get isSyncing(): boolean {
    return this.source !== undefined
  }

  get bits(): number {
    return this.membership.bits
  }

  get arcStart(): bigint | undefined {
    return this.#arcStart
  }

  /** Where the arc begins that is its own for certain. */
  get sureStart(): bigint | undefined {
    return this.#isPresuming ? this.#sureStart : this.#arcStart
  }

  /** Its predecessor is whom it found itself, past others that did not answer this member, but may answer that one. */
  presume(sureStart: bigint | undefined): void {
    this.#sureStart = sureStart
    this.#isPresuming = true
    this.#isClaimed = false
  }

  /** Its predecessor says itself that it is, and the arc would be larger: others may know somebody between them. */
  claim(sureStart: bigint | undefined): void {
    this.presume(sureStart)
    this.#isClaimed = true
  }

  /** Its predecessor knows nobody between them. */
  confirm(): void {
    this.#isPresuming = false
    this.#isClaimed = false
  }

  get isClaimed(): boolean {
    return this.#isClaimed
  }

  /** Whether its arc, as far as that is certain, would be larger behind somebody. */
  isWider(from: bigint): boolean {
    const start = this.sureStart
    return start === undefined ? this.#isPresuming : Ring.isClockwise(from, start, this.self.position)
  }

  /** Whether a position that it owns may be the one of somebody alive, whom it alone cannot reach. */
  isPresumed(position: bigint): boolean {
    // Alone there is nobody left who could confirm it: see `isPlaceHeld`.
    if (!this.#isPresuming || Membership.isAlone(this.#membership)) return false
    return this.#sureStart === undefined || !isWithin(this.#sureStart, position, this.self.position)
  }

  /** A first successor has answered what it was asked at `askedMillis`. */
  heard(askedMillis: number, maxSilentMillis: number): void {
    if (askedMillis - this.heardMillis > maxSilentMillis) this.isBehind = true
    this.heardMillis = Math.max(this.heardMillis, askedMillis)
  }

  /** Whether it answers for a position: after its predecessor, up to itself. */
  owns(position: bigint): boolean {
    if (Membership.isAlone(this.#membership)) return true
    // While nobody has taken the place of a dead predecessor, what was this member's own still is.
    return this.#arcStart !== undefined && isWithin(this.#arcStart, position, this.self.position)
  }

  /** What it tells one who looks for the owner of a position. */
  find(position: bigint): Found {
    const { predecessor } = this.membership
    const self = this.self
    const successors = this.successors
    if (this.owns(position)) {
      return { isOwner: true, self, predecessor, closer: [], following: successors.slice(0, maxNamed) }
    }
    const closer = this.nearest(position, maxCloser)
    const following = successors.filter((contact) => isWithin(self.position, position, contact.position))
    return { isOwner: false, self, predecessor, closer, following }
  }

  /** Which of its successors answers for a position, if the list reaches so far, and that one is not doubted. */
  successorAt(position: bigint): Contact | undefined {
    let from = this.self.position
    for (const contact of this.successors) {
      if (isWithin(from, position, contact.position)) return this.isDoubted(contact) ? undefined : contact
      from = contact.position
    }
    return undefined
  }

  /** The successors without padding. */
  get successors(): ReadonlyArray<Contact> {
    const { successors } = this.membership
    const end = successors.findIndex((contact) => contact.nodeId === "")
    return end === -1 ? successors : successors.slice(0, end)
  }

  /**
   * Those it knows that lie before a position, nearest first: of the fingers and successors. Those that
   * are doubted are named only where there is nobody else.
   */
  nearest(position: bigint, count: number): ReadonlyArray<Contact> {
    const found = this.#nearest(position, count, (contact) => !this.#doubted.has(contact.position))
    return found.length > 0 || this.#doubted.size === 0 ? found : this.#nearest(position, count, () => true)
  }

  #nearest(position: bigint, count: number, isWanted: (contact: Contact) => boolean): ReadonlyArray<Contact> {
    const found: Array<Contact> = []
    const consider = (contact: Contact): void => {
      if (!Ring.isClockwise(this.self.position, contact.position, position)) return
      let index = found.length
      while (index > 0 && Ring.isClockwise(found[index - 1]!.position, contact.position, position)) index--
      if (found[index - 1]?.position === contact.position || index >= count) return
      found.splice(index, 0, contact)
      if (found.length > count) found.pop()
    }
    for (const contact of this.fingers.byIndex.values()) consider(contact)
    for (const contact of this.successors) if (isWanted(contact)) consider(contact)
    return found
  }

  /**
   * Somebody got no answer from a node. It is no finger any more; as a successor it stays (only the round takes one
   * out), but is named last. Gives whether that was news.
   */
  doubt(contact: Contact): boolean {
    this.fingers.evict(contact)
    if (this.#doubted.has(contact.position)) return false
    const { successorCount, successors } = this.#membership
    if (!successors.some((successor) => isSame(successor, contact))) return false
    // By then the word of its death, a step a round, has come here.
    this.#doubted.set(contact.position, this.#roundCount + successorCount)
    return true
  }

  /** Whether somebody got no answer from a successor, and it was not found to live since. */
  isDoubted({ position }: Contact): boolean {
    return this.#doubted.has(position)
  }

  /** Whether it names a contact to those who look for others. */
  names(contact: Contact): boolean {
    const isIt = (known: Contact): boolean => isSame(known, contact)
    return this.successors.some(isIt) || [...this.fingers.byIndex.values()].some(isIt)
  }

  /** Whether it answered lately when somebody said that it does not. */
  isVouched({ position }: Contact): boolean {
    return this.#vouched.has(position)
  }

  /** It answers, though somebody said that it does not: nobody is listened to who says so for some rounds. */
  vouch(contact: Contact): void {
    this.#vouched.set(contact.position, this.#roundCount + vouchedRounds)
    this.#doubted.delete(contact.position)
    this.fingers.hint(contact)
  }

  /** A round begins: doubts of those that were taken out, or are still there after so long, are over. */
  beginRound(): void {
    this.#roundCount++
    for (const [position, endRound] of this.#vouched) {
      if (endRound <= this.#roundCount) this.#vouched.delete(position)
    }
    if (this.#doubted.size === 0) return
    const listed = new Set(this.#membership.successors.map((contact) => contact.position))
    for (const [position, endRound] of this.#doubted) {
      if (endRound <= this.#roundCount || !listed.has(position)) this.#doubted.delete(position)
    }
  }

  /** Everybody it knows, each once. */
  get known(): ReadonlyArray<Contact> {
    const found = new Map<bigint, Contact>()
    for (const contact of Membership.neighbors(this.membership)) found.set(contact.position, contact)
    for (const contact of this.fingers.byIndex.values()) found.set(contact.position, contact)
    return [...found.values()]
  }
}

/** Whether a position lies in (`from`, `to`], clockwise; where both are the same that is all of the ring. */
export const isWithin = (from: bigint, position: bigint, to: bigint): boolean =>
  position === to || Ring.isClockwise(from, position, to)
