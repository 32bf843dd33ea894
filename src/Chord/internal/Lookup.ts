/**
 * Finds who answers for a position: iterative, so that the asker can go round nodes that do not
 * answer (Stoica et al., SIGCOMM 2001, section 4.3; the owner says itself whether the position is its
 * own).
 */
import * as Effect from "effect/Effect"
import { fromParts, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { CallError } from "../CallError.ts"
import { LookupError } from "../ChordError.ts"
import { Contact, isSame } from "../Contact.ts"
import * as Ring from "../Ring.ts"
import { type Found, readFound, writeContact, writePosition } from "./ChordCodec.ts"
import type { ChordNode } from "./ChordNode.ts"
import { foundTaken } from "./Hearsay.ts"
import { isDead, isSilence, unreadable } from "./Refusal.ts"
import { hear } from "./Suspicion.ts"

/** Where a lookup ended. */
export interface Located {
  readonly owner: Contact
  /** The predecessor that the owner names. */
  readonly predecessor: Contact | undefined
  /** The last one before the position that answered: what it, too, says is that nobody is between it and the owner. */
  readonly before: Contact | undefined
  /** Those that follow the owner, as far as it told. */
  readonly successors: ReadonlyArray<Contact>
  /** The nodes that answered, in order, without the owner. */
  readonly path: ReadonlyArray<Contact>
  readonly timeouts: number
}

/** Nodes that a lookup asks at most. */
const maxAsked = 64
/** Nodes that it keeps in mind. */
const maxCandidates = 32

/** A node that a call to has just failed, and how. */
export interface Lost {
  readonly contact: Contact
  readonly error: CallError
}

/** The owner of a position. Who was `lost` a moment ago is not asked first, as if this search had. */
export const locate = (node: ChordNode, position: bigint, lost?: Lost): Effect.Effect<Located, LookupError> =>
  Effect.suspend(() => {
    const own = node.ownerOf(position)
    if (own !== undefined) return Effect.succeed(fromOwn(own.find(position)))
    const state = new Search(node, position)
    if (lost !== undefined) state.lose(lost)
    return search(node, state)
  })

/**
 * Who is the owner of a position by this node's own lists of successors, or by who answered for it lately; undefined
 * where that says nothing, or a member of this node answers for it.
 */
export const presumed = (node: ChordNode, position: bigint): Located | undefined => {
  if (node.ownerOf(position) !== undefined) return undefined
  const owner = node.listedOwner(position) ?? node.arcs.ownerOf(position, node.uptimeMillis())
  if (owner === undefined) return undefined
  node.counters.lookups++
  return { owner, predecessor: undefined, before: undefined, successors: [], path: [], timeouts: 0 }
}

/**
 * Who is the owner where nobody is `presumed` to be: a member of this node, or who is by the word of the last one before
 * the position; for callers that then ask that node what only an owner answers.
 */
export const seek = (node: ChordNode, position: bigint): Effect.Effect<Located, LookupError> =>
  Effect.suspend(() => {
    const own = node.ownerOf(position)
    return own === undefined
      ? search(node, new Search(node, position), true)
      : Effect.succeed(fromOwn(own.find(position)))
  })

/** The same, asking others alone, from one of them on: to join, or to look into another ring. */
export const locateFrom = (node: ChordNode, position: bigint, entry: Contact): Effect.Effect<Located, LookupError> =>
  Effect.suspend(() => search(node, new Search(node, position, entry)))

/** The last node before a position that answers, from `entry` on or by this node's own tables. */
export const lastBefore = (node: ChordNode, position: bigint, entry?: Contact): Effect.Effect<Contact, LookupError> =>
  Effect.suspend(() => {
    const state = new Search(node, position, entry)
    return Effect.flatMap(
      search(node, state, true),
      ({ predecessor }) =>
        predecessor === undefined ? state.failure("nobody is before it") : Effect.succeed(predecessor)
    )
  })

/** The node at an address, and one of its members. */
export const who = (node: ChordNode, address: PeerAddress): Effect.Effect<Contact, CallError> =>
  Effect.flatMap(node.peers.call({ address }, "who", [new Uint8Array(0)]), (packets) => {
    const found = readFound(node.bits, packets)
    return found === undefined
      ? Effect.fail(unreadable(new Contact(0n, address, ""), "who"))
      // Where it was reached is as good as where it says it is.
      : Effect.succeed(
        new Contact(found.self.position, fromParts(address.host, address.port) ?? address, found.self.nodeId)
      )
  })

const fromOwn = (found: Found): Located => ({
  owner: found.self,
  predecessor: found.predecessor,
  before: undefined,
  successors: found.following,
  path: [],
  timeouts: 0
})

const search = (node: ChordNode, state: Search, isWordEnough = false): Effect.Effect<Located, LookupError> =>
  Effect.gen(function*() {
    node.counters.lookups++
    while (state.asked < maxAsked) {
      const next = state.next()
      if (next === undefined) return yield* state.failure("no node is left to ask")
      if (isWordEnough && next.after !== undefined) return state.presumed(next.contact, next.after)
      const located = yield* Effect.matchEffect(ask(node, state, next), {
        onSuccess: (found) => Effect.succeed(state.heard(next, found)),
        onFailure: (error) => Effect.sync(() => state.failed(next, error))
      })
      if (located !== undefined) return located
    }
    return yield* state.failure(`${maxAsked} nodes were asked`)
  }).pipe(
    Effect.timeoutOrElse({
      duration: node.options.lookupTimeout,
      orElse: () => Effect.suspend(() => state.failure("it took too long"))
    }),
    Effect.tapError(() => Effect.sync(() => node.counters.lookupsFailed++))
  )

const ask = (node: ChordNode, state: Search, step: Step) => {
  const packets = [writePosition(state.position), ...(step.after === undefined ? [] : [writeContact(step.after)])]
  return Effect.flatMap(node.call(step.contact, "find", packets), (answer) => {
    const found = readFound(node.bits, answer)
    return found === undefined
      ? Effect.fail(unreadable(step.contact, "find"))
      : Effect.succeed(foundTaken(node, step.contact, found))
  })
}

/** Whom to ask; `after` is the node that says that the contact follows it: is the position the contact's own? */
interface Step {
  readonly contact: Contact
  readonly after: Contact | undefined
  /** Who is the owner if this contact does not live: it named it as its predecessor. */
  readonly heir: Located | undefined
}

/** What a lookup knows so far. */
class Search {
  readonly position: bigint
  asked = 0
  readonly #node: ChordNode
  /** Who may be the owner, first choice first. */
  #owners: Array<Step> = []
  /** Before the position, nearest first. */
  #candidates: Array<Contact> = []
  /** The nearest before the position that answered: those that follow it come last. */
  #last: Found | undefined
  /** Asked as one before the position. */
  readonly #seen: Array<Contact> = []
  /** Asked as the owner: one that was asked as one before it may turn out to be that. */
  readonly #tried: Array<Contact> = []
  readonly #dead: Array<Contact> = []
  /** Of those, the ones that only were silent, and have not been asked once more. */
  readonly #silent: Array<Contact> = []
  readonly #path: Array<Contact> = []
  #timeouts = 0

  constructor(node: ChordNode, position: bigint, entry?: Contact) {
    this.#node = node
    this.position = position
    if (entry !== undefined) {
      this.#candidates = [entry]
      return
    }
    for (const member of node.members) {
      this.#advance(member.find(position))
      // All that it knows: those nearest may be dead.
      for (const contact of member.nearest(position, maxCandidates)) this.#consider(contact)
    }
  }

  next(): Step | undefined {
    const last = this.#last
    const nearest = this.#candidates[0]
    if (
      this.#owners.length === 0 && last !== undefined && (nearest === undefined || !this.#isNearer(nearest, last.self))
    ) {
      // Nobody is left between the last one before the position and those behind it.
      this.#owners = last.following
        .filter((contact) => !includes(this.#tried, contact) && !includes(this.#dead, contact))
        .map((contact) => ({ contact, after: last.self, heir: undefined }))
    }
    const step = this.#owners.shift() ?? this.#nextCandidate()
    if (step === undefined) return undefined
    this.asked++
    if (step.after === undefined) this.#seen.push(step.contact)
    else this.#tried.push(step.contact)
    return step
  }

  /** Takes an answer; gives the owner if that is known now. */
  heard(step: Step, found: Found): Located | undefined {
    const { predecessor, self } = found
    if (!this.#node.isOwn(self)) this.#node.remember(self)
    if (found.isOwner) {
      this.#node.counters.hops += this.#path.length
      return this.#located(found)
    }
    if (step.after !== undefined && predecessor !== undefined) return this.#askBefore(found, predecessor, step.after)
    this.#path.push(self)
    this.#advance(found)
    for (const contact of found.closer) this.#consider(contact)
    return undefined
  }

  /** Somebody does not answer: round it; who named it as its predecessor is the owner then. */
  failed(step: Step, error: CallError): Located | undefined {
    this.lose({ contact: step.contact, error })
    if (!isDead(error)) return undefined
    return step.heir === undefined ? undefined : this.#inherit(step.heir, step.after)
  }

  /** Somebody does not answer; who is dead is asked no more, and who named it is told. */
  lose({ contact, error }: Lost): void {
    this.#timeouts++
    this.#node.counters.timeouts++
    if (!isDead(error)) return
    this.#node.arcs.forget(contact)
    if (!includes(this.#dead, contact)) {
      this.#dead.push(contact)
      if (isSilence(error)) this.#silent.push(contact)
    }
    for (const member of this.#node.members) hear(this.#node, member, contact)
    const teller = this.#path.at(-1)
    if (teller !== undefined) this.#node.services.run(this.#node.tell(teller, "suspect", [writeContact(contact)]))
  }

  /** The owner as far as it is known without asking it, and the last one before it. */
  presumed(owner: Contact, predecessor: Contact): Located {
    this.#node.counters.hops += this.#path.length
    return { owner, predecessor, before: predecessor, successors: [], path: this.#path, timeouts: this.#timeouts }
  }

  failure(detail: string): Effect.Effect<never, LookupError> {
    return Effect.fail(new LookupError({ hops: this.#path.length, timeouts: this.#timeouts, detail }))
  }

  #located(found: Found): Located {
    return {
      owner: found.self,
      predecessor: found.predecessor,
      before: this.#last?.self,
      successors: found.following,
      path: this.#path,
      timeouts: this.#timeouts
    }
  }

  /** The one that was thought to be the owner names another one before it: that one, unless it is dead. */
  #askBefore(found: Found, before: Contact, after: Contact): Located | undefined {
    const heir = this.#located({ ...found, predecessor: undefined })
    if (includes(this.#dead, before)) return this.#inherit(heir, after)
    if (!includes(this.#tried, before)) this.#owners.unshift({ contact: before, after, heir })
    return undefined
  }

  /**
   * The heir is the owner, since all between the position and it are dead. Those that only did not answer
   * in time are asked once more: a single late answer must not give a place to another.
   */
  #inherit(heir: Located, after: Contact | undefined): Located | undefined {
    const isBetween = ({ position }: Contact): boolean =>
      position === this.position || Ring.isClockwise(this.position, position, heir.owner.position)
    const index = this.#silent.findIndex(isBetween)
    if (index === -1) return { ...heir, timeouts: this.#timeouts }
    const [contact] = this.#silent.splice(index, 1)
    this.#owners.unshift({ contact: contact!, after, heir })
    return undefined
  }

  /** Keeps the answer of the nearest one before the position. */
  #advance(found: Found): void {
    if (found.isOwner) return
    if (this.#last === undefined || this.#isNearer(found.self, this.#last.self)) this.#last = found
  }

  #isNearer(contact: Contact, than: Contact): boolean {
    return Ring.isClockwise(than.position, contact.position, this.position)
  }

  #nextCandidate(): Step | undefined {
    const contact = this.#candidates.shift()
    return contact === undefined ? undefined : { contact, after: undefined, heir: undefined }
  }

  #consider(contact: Contact): void {
    if (includes(this.#seen, contact) || includes(this.#dead, contact)) return
    const list = this.#candidates
    let index = list.length
    while (index > 0 && this.#isNearer(contact, list[index - 1]!)) index--
    if (list[index - 1]?.position === contact.position) return
    list.splice(index, 0, contact)
    if (list.length > maxCandidates) list.pop()
  }
}

const includes = (list: ReadonlyArray<Contact>, contact: Contact): boolean =>
  list.some((other) => isSame(other, contact))
