/**
 * The calls of one node that wait for their answers: by number, each with the link it went out on
 * and its deadline. Plain and synchronous; whoever settles a call runs what its caller does next.
 */
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { CallFailure } from "../CallError.ts"
import { toleranceMillis } from "./Alarm.ts"
import { maxNumber } from "./CallCodec.ts"

/** A link that calls go out on. */
export interface CallLink {
  /** How many calls wait for an answer that comes over it. */
  pendingCount: number
}

/** What became of a call. `Again`: the link closed in order before the call was read, so it may be made anew. */
export type Outcome =
  | { readonly _tag: "Answered"; readonly packets: ReadonlyArray<Uint8Array> }
  | { readonly _tag: "Failed"; readonly reason: CallFailure }
  | { readonly _tag: "Again"; readonly reason: CloseReason }

/** A call that waits. */
export interface PendingCall<Link extends CallLink> {
  readonly number: number
  readonly link: Link
  readonly sentMillis: number
  readonly deadlineMillis: number
  /** Whether its answer tells something of the round trip to the peer. */
  readonly isMeasured: boolean
  readonly settle: (outcome: Outcome) => void
}

export class PendingCalls<Link extends CallLink> {
  readonly #calls = new Map<number, PendingCall<Link>>()
  #lastNumber = 0

  get count(): number {
    return this.#calls.size
  }

  /** The number of the next call: one after the other, none that waits. */
  nextNumber(): number {
    do this.#lastNumber = this.#lastNumber === maxNumber ? 1 : this.#lastNumber + 1
    while (this.#calls.has(this.#lastNumber))
    return this.#lastNumber
  }

  add(call: PendingCall<Link>): void {
    this.#calls.set(call.number, call)
    call.link.pendingCount++
  }

  /** Takes a call out; undefined when none of that number waits for an answer over this link. */
  take(link: Link, number: number): PendingCall<Link> | undefined {
    const call = this.#calls.get(number)
    if (call === undefined || call.link !== link) return undefined
    this.remove(call)
    return call
  }

  /** Takes a call out, if it is still there. */
  remove(call: PendingCall<Link>): void {
    if (this.#calls.get(call.number) !== call) return
    this.#calls.delete(call.number)
    call.link.pendingCount--
  }

  /** Takes out all that wait for an answer over a link, oldest first. */
  takeAll(link: Link): Array<PendingCall<Link>> {
    return link.pendingCount === 0 ? [] : this.#takeWhere((call) => call.link === link)
  }

  /** Takes out those whose deadline is over, oldest first. */
  takeExpired(nowMillis: number): Array<PendingCall<Link>> {
    return this.#takeWhere((call) => call.deadlineMillis - nowMillis <= toleranceMillis)
  }

  /** The earliest deadline; undefined when no call waits. */
  nextDeadline(): number | undefined {
    let next: number | undefined
    for (const { deadlineMillis } of this.#calls.values()) {
      if (next === undefined || deadlineMillis < next) next = deadlineMillis
    }
    return next
  }

  #takeWhere(isTaken: (call: PendingCall<Link>) => boolean): Array<PendingCall<Link>> {
    const taken = [...this.#calls.values()].filter(isTaken)
    for (const call of taken) this.remove(call)
    return taken
  }
}
