/** The last events of a node, for pages that ask for those they have not seen. */
import { excerpt } from "../../Protocol/internal/Excerpt.ts"
import type { PageEvent } from "./page/State.ts"

/** Events that are kept; a page that was away for longer misses the oldest. */
const maxEvents = 500

/** Characters of a text that are kept: a message may have two million. */
const maxTextLength = 300

/** Entries of a list that are kept. */
const maxListLength = 64

export class Feed {
  readonly #events: Array<PageEvent> = []
  #seq = 0

  get seq(): number {
    return this.#seq
  }

  add(atMillis: number, fields: { readonly event: string }): void {
    const { event, ...rest } = fields
    const cut = Object.entries(rest).map(([name, value]) => [name, shorten(value)])
    this.#events.push({ ...Object.fromEntries(cut), seq: ++this.#seq, atMillis, event })
    if (this.#events.length > maxEvents) this.#events.shift()
  }

  /** What came after an event. */
  since(seq: number): ReadonlyArray<PageEvent> {
    const first = this.#seq - this.#events.length
    return this.#events.slice(Math.max(0, seq - first))
  }
}

const shorten = (value: unknown): unknown => {
  if (typeof value === "string") return value.length > maxTextLength ? `${excerpt(value, maxTextLength)}…` : value
  return Array.isArray(value) ? value.slice(0, maxListLength).map(shorten) : value
}
