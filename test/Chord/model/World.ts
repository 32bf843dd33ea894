/**
 * A ring as a model checker sees it: the members' states, the messages in flight, and every step that
 * can come next. A step delivers any message (so delay and reordering are all there is), loses one,
 * or starts something at a member.
 *
 * What the model takes for granted, as the proof does: a member that is asked and lives answers at
 * last; one that is dead is found to be, and no live one ever. So a lost question or answer is asked
 * again, which is a delay and no alarm; a lost notification is just gone. A member may have any number
 * of questions open at once, which is harsher than a node is.
 */
import { Contact, isPadding } from "../../../src/Chord/Contact.ts"
import type * as Invariant from "../../../src/Chord/Invariant.ts"
import * as Membership from "../../../src/Chord/Membership.ts"
import * as Ring from "../../../src/Chord/Ring.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"
import type { Operations } from "./Operations.ts"

/** A member is meant by its slot: its index among all that ever live, in the order of positions. */
export type Slot = number

export type Message =
  | { readonly kind: "ask"; readonly from: Slot; readonly to: Slot; readonly ask: Membership.Ask }
  | {
    readonly kind: "answer"
    readonly from: Slot
    readonly to: Slot
    readonly ask: Membership.Ask
    readonly answer: Membership.Answer
  }
  | { readonly kind: "notify"; readonly from: Slot; readonly to: Slot }
  | { readonly kind: "hint"; readonly from: Slot; readonly to: Slot; readonly candidate: Contact }
  | { readonly kind: "farewell"; readonly from: Slot; readonly to: Slot; readonly predecessor: Contact | undefined }
  | { readonly kind: "join"; readonly from: Slot; readonly to: Slot }
  | { readonly kind: "welcome"; readonly from: Slot; readonly to: Slot; readonly answer: Membership.Answer }

/** What never changes in a run. */
export class Stage {
  readonly bits: number
  readonly successorCount: number
  readonly operations: Operations
  readonly contacts: ReadonlyArray<Contact>
  readonly #slots: ReadonlyMap<bigint, Slot>

  /** `positions`: all that members ever hold, ascending. */
  constructor(bits: number, positions: ReadonlyArray<bigint>, successorCount: number, operations: Operations) {
    this.bits = bits
    this.successorCount = successorCount
    this.operations = operations
    this.contacts = positions.map((position, slot) =>
      new Contact(position, new PeerAddress({ host: "memory", port: slot + 1 }), `n${slot}`)
    )
    this.#slots = new Map(positions.map((position, slot) => [position, slot]))
  }

  /** The slot of a contact; -1 for padding. */
  slotOf(contact: Contact): Slot {
    return isPadding(contact) ? -1 : this.#slots.get(contact.position) ?? -1
  }
}

/** One moment of a run. */
export class World {
  readonly stage: Stage
  /** The state of each slot; `undefined` when nobody lives there. */
  readonly states: Array<Membership.Membership | undefined>
  messages: ReadonlyArray<Message>

  constructor(
    stage: Stage,
    states: ReadonlyArray<Membership.Membership | undefined>,
    messages: ReadonlyArray<Message> = []
  ) {
    this.stage = stage
    this.states = states.slice()
    this.messages = messages
  }

  /** A ring in which these slots live and know exactly what they should. */
  static ideal(stage: Stage, slots: ReadonlyArray<Slot>): World {
    const { bits, contacts, successorCount } = stage
    const states = contacts.map((self, slot) => {
      const index = slots.indexOf(slot)
      if (index < 0) return undefined
      const others = [...slots.slice(index + 1), ...slots.slice(0, index)].map((other) => contacts[other]!)
      const successors = others.slice(0, successorCount)
      return { bits, self, predecessor: others[others.length - 1], successors, successorCount }
    })
    return new World(stage, states)
  }

  /** The same moment, to go on from in another way. */
  clone(): World {
    return new World(this.stage, this.states, this.messages)
  }

  isLive(slot: Slot): boolean {
    return this.states[slot] !== undefined
  }

  get live(): ReadonlyArray<Slot> {
    return this.states.flatMap((state, slot) => state === undefined ? [] : [slot])
  }

  /** The largest number of successors that anybody keeps, or will once it has joined. */
  get successorCount(): number {
    const counts = this.states.map((state) => state?.successorCount ?? this.stage.successorCount)
    for (const message of this.messages) {
      if (message.kind === "welcome") counts.push(message.answer.successors.length)
    }
    return Math.max(...counts)
  }

  snapshot(): Invariant.Snapshot {
    const inFlight: Array<Invariant.InFlightList> = []
    for (const message of this.messages) {
      if (!carriesList(message)) continue
      const { isWhole, successors } = message.answer
      inFlight.push({ from: this.stage.contacts[message.from]!, successors, isWhole })
    }
    return { members: this.states.filter((state) => state !== undefined), inFlight }
  }

  /** Starts a round at a member. */
  stabilize(slot: Slot): void {
    this.#act(slot, this.stage.operations.stabilize(this.states[slot]!))
  }

  /** A member keeps another number of successors from now on. */
  resize(slot: Slot, successorCount: number): void {
    this.states[slot] = Membership.resize(this.states[slot]!, successorCount)
  }

  /** Somebody who does not live asks to join, by way of `via`. */
  askToJoin(slot: Slot, via: Slot): void {
    this.#send({ kind: "join", from: slot, to: via })
  }

  /** A member hears that its position lies between these two of another ring. */
  merge(slot: Slot, before: Slot, after: Slot): void {
    const { contacts } = this.stage
    this.#act(slot, Membership.merge(this.states[slot]!, contacts[before]!, contacts[after]!))
  }

  /** A member is gone, with all that was under way to it and all that it still wanted to know. */
  crash(slot: Slot): void {
    this.states[slot] = undefined
    this.messages = this.messages.filter((message) =>
      message.kind === "ask" || message.kind === "join" ? message.from !== slot : message.to !== slot
    )
  }

  /** A member says farewell and is gone. */
  leave(slot: Slot): void {
    this.#act(slot, this.stage.operations.leave(this.states[slot]!))
    this.crash(slot)
  }

  deliver(message: Message): void {
    this.messages = this.messages.filter((other) => other !== message)
    const { operations } = this.stage
    const state = this.states[message.to]
    switch (message.kind) {
      case "ask":
        return this.#deliverAsk(message)
      case "join":
        return this.#deliverJoin(message)
      case "welcome":
        return this.#deliverWelcome(message)
      case "answer":
        if (state === undefined) return
        return this.#take(message.to, operations.onAnswer(state, message.ask, message.answer))
      case "notify":
        if (state === undefined) return
        return this.#take(message.to, operations.rectify(state, this.stage.contacts[message.from]!))
      case "hint":
        if (state === undefined) return
        return this.#act(message.to, operations.offer(state, message.candidate))
      case "farewell":
        if (state === undefined) return
        return this.#take(
          message.to,
          operations.onFarewell(state, this.stage.contacts[message.from]!, message.predecessor)
        )
    }
  }

  /** Who waits for an answer asks again; what nobody waits for is gone. */
  lose(message: Message): void {
    this.messages = this.messages.filter((other) => other !== message)
    if (message.kind === "ask" || message.kind === "join") this.#send(message)
    else if (message.kind === "answer") {
      this.#send({ kind: "ask", from: message.to, to: message.from, ask: message.ask })
    } else if (message.kind === "welcome") this.#send({ kind: "join", from: message.to, to: message.from })
  }

  /** A false alarm, which the other steps never give: one that lives is taken for dead. */
  alarm(message: Extract<Message, { kind: "ask" }>): void {
    this.messages = this.messages.filter((other) => other !== message)
    this.#take(message.from, this.stage.operations.onDead(this.states[message.from]!, message.ask))
  }

  #deliverAsk({ ask, from, to }: Extract<Message, { kind: "ask" }>): void {
    const { operations } = this.stage
    const asked = this.states[to]
    if (asked !== undefined) this.#send({ kind: "answer", from: to, to: from, ask, answer: operations.answer(asked) })
    else this.#take(from, operations.onDead(this.states[from]!, ask))
  }

  /** The place is looked for as a lookup would: by the last one known before it. */
  #deliverJoin({ from, to }: Extract<Message, { kind: "join" }>): void {
    const state = this.states[to]
    if (state === undefined || this.isLive(from)) return
    const { position } = this.stage.contacts[from]!
    if (Membership.isPlaceFor(state, position)) {
      return this.#send({ kind: "welcome", from: to, to: from, answer: this.stage.operations.answer(state) })
    }
    const before = Membership.neighbors(state).findLast((contact) =>
      Ring.isClockwise(state.self.position, contact.position, position)
    )
    if (before !== undefined) this.#send({ kind: "join", from, to: this.stage.slotOf(before) })
  }

  #deliverWelcome({ answer, from, to }: Extract<Message, { kind: "welcome" }>): void {
    if (this.isLive(to)) return
    const { bits, contacts, operations, successorCount } = this.stage
    const step = operations.join(bits, contacts[to]!, successorCount, contacts[from]!, answer)
    if (step !== undefined) this.#take(to, step)
  }

  #take(slot: Slot, step: Membership.Step): void {
    this.states[slot] = step.state
    this.#act(slot, step.actions)
  }

  #act(from: Slot, actions: ReadonlyArray<Membership.Action>): void {
    for (const action of actions) {
      const to = this.stage.slotOf(action.contact)
      switch (action._tag) {
        case "Ask":
          this.#send({ kind: "ask", from, to, ask: action })
          break
        case "Notify":
          this.#send({ kind: "notify", from, to })
          break
        case "Hint":
          this.#send({ kind: "hint", from, to, candidate: action.candidate })
          break
        case "Farewell":
          this.#send({ kind: "farewell", from, to, predecessor: action.predecessor })
          break
      }
    }
  }

  #send(message: Message): void {
    this.messages = [...this.messages, message]
  }
}

/** Whether this list may yet become somebody's. */
export const carriesList = (message: Message): message is Extract<Message, { kind: "answer" | "welcome" }> =>
  message.kind === "welcome" ||
  (message.kind === "answer" && (message.ask.reason === "Successor" || message.ask.reason === "Candidate"))

/** What tells messages apart in a schedule: two of one key are as good as the same. */
export const keyOf = (message: Message): string => {
  const path = `${message.kind} ${message.from}>${message.to}`
  return message.kind === "ask" || message.kind === "answer" ? `${path} ${message.ask.reason}` : path
}
