/**
 * Nodes that did not answer when they were to keep a copy. Such a one stays in the lists for some rounds, and all that is
 * written to the arcs before it would wait for it as long as for the first time: it is asked once at a time instead, until it
 * answers, and nobody waits for that. What it did not get the next repair brings.
 */
import type { Contact } from "../Contact.ts"

/** Past it, the one that was asked longest ago is forgotten. */
const maxKept = 64

export class Mute {
  /** By the id of the node: whether it is being asked again. */
  readonly #isAsked = new Map<string, boolean>()

  has({ nodeId }: Contact): boolean {
    return this.#isAsked.has(nodeId)
  }

  /** It did not answer. */
  add({ nodeId }: Contact): void {
    this.#isAsked.delete(nodeId)
    this.#isAsked.set(nodeId, false)
    if (this.#isAsked.size > maxKept) this.#isAsked.delete(this.#isAsked.keys().next().value!)
  }

  /** It answered. */
  delete({ nodeId }: Contact): void {
    this.#isAsked.delete(nodeId)
  }

  /** Whether it is to be asked again now; it is then, until `add` or `delete`. */
  askAgain({ nodeId }: Contact): boolean {
    if (this.#isAsked.get(nodeId) !== false) return false
    this.#isAsked.set(nodeId, true)
    return true
  }
}
