/**
 * Work of which so much is done at once: what is more waits for its turn, in the order in which it came. Nodes that are asked
 * for more than they do at once refuse it, and all that comes again keeps them from what is under way: of a thousand
 * writes at once hardly one would come to its end.
 */
import * as Effect from "effect/Effect"
import type { Deadline, Deadlines } from "./Deadlines.ts"

interface Ticket {
  isIn: boolean
  /** Of one that waits: ends that, at its turn or when its time is over. */
  deadline: Deadline | undefined
}

export class Slots {
  readonly #maxCount: () => number
  readonly #deadlines: Deadlines
  readonly #waiting = new Set<Ticket>()
  #count = 0
  #isLettingIn = false

  /** How much is done at once may change from one time to another: what is under way goes on. */
  constructor(maxCount: () => number, deadlines: Deadlines) {
    this.#maxCount = maxCount
    this.#deadlines = deadlines
  }

  /** Does the work at its turn; where that has not come until `endMillis`, what is for those who are `late`. */
  enter<A, E, E2>(endMillis: number, work: Effect.Effect<A, E>, late: Effect.Effect<A, E2>): Effect.Effect<A, E | E2> {
    return Effect.suspend(() => {
      const ticket: Ticket = { isIn: false, deadline: undefined }
      const begin = Effect.suspend((): Effect.Effect<A, E | E2> => ticket.isIn ? work : late)
      return Effect.ensuring(
        Effect.suspend(() => this.#letIn(ticket) ? work : Effect.andThen(this.#wait(ticket, endMillis), begin)),
        Effect.sync(() => this.#leave(ticket))
      )
    })
  }

  #letIn(ticket: Ticket): boolean {
    if (this.#count >= this.#maxCount()) return false
    this.#count++
    return ticket.isIn = true
  }

  /** Ends when the ticket is in, or at its deadline. */
  #wait(ticket: Ticket, endMillis: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const ring = (): void => {
        this.#forget(ticket)
        resume(Effect.void)
      }
      this.#deadlines.add(ticket.deadline = { atMillis: endMillis, ring })
      this.#waiting.add(ticket)
    })
  }

  #leave(ticket: Ticket): void {
    this.#forget(ticket)
    if (!ticket.isIn) return
    this.#count--
    // Whoever is let in begins at once, and where it fails at once leaves in here: it is not to let in others on its stack.
    if (this.#isLettingIn) return
    this.#isLettingIn = true
    try {
      for (const next of this.#waiting) {
        if (!this.#letIn(next)) return
        next.deadline?.ring()
      }
    } finally {
      this.#isLettingIn = false
    }
  }

  #forget(ticket: Ticket): void {
    this.#waiting.delete(ticket)
    if (ticket.deadline !== undefined) this.#deadlines.delete(ticket.deadline)
  }
}
