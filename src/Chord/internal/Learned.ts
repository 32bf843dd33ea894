/**
 * Addresses from elsewhere where nodes of the ring may be: those of the user's, from a list or a file, and hearsay,
 * such as a LAN's. Strangers choose the latter, and what they name gets dialed: so it must not be this machine's
 * own services, those of its network, or whatever a name is made to mean, nor drive out what the user said.
 */
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { isPlausible } from "../../Transport/Admission/Hearsay.ts"
import { reachOf, sourceOf } from "../../Transport/Source.ts"
import type { HearsayRules } from "./Hearsay.ts"

/** Addresses that are kept; past it the one learned or tried longest ago goes, of hearsay first. */
const maxLearned = 256

/** Addresses that one source may have told of. Everybody on this machine has its addresses: theirs are not counted. */
const maxTold = 8

interface Kept {
  readonly address: PeerAddress
  /** Who told of it; undefined for the user. */
  readonly source: string | undefined
}

export class Learned {
  /** By their texts, those to be tried next first. */
  readonly #kept = new Map<string, Kept>()
  readonly #rules: HearsayRules

  constructor(rules: HearsayRules) {
    this.#rules = rules
  }

  get addresses(): ReadonlyArray<PeerAddress> {
    return Array.from(this.#kept.values(), ({ address }) => address)
  }

  /** Takes an address that `teller` told of, or the user; `true` when it is new. */
  add(address: PeerAddress, teller: PeerAddress | undefined): boolean {
    const text = format(address)
    const source = teller && sourceOf(teller)
    if (address.port === 0 || this.#kept.has(text) || (teller !== undefined && !this.#isTaken(address, teller))) {
      return false
    }
    if (this.#kept.size >= maxLearned) {
      const goes = [...this.#kept].find((each) => each[1].source !== undefined)?.[0] ??
        (source === undefined ? this.#kept.keys().next().value : undefined)
      if (goes === undefined) return false
      this.#kept.delete(goes)
    }
    this.#kept.set(text, { address, source })
    return true
  }

  /** Those whose turn it is: as many, which then go behind the others. */
  next(count: number): ReadonlyArray<PeerAddress> {
    const next = [...this.#kept].slice(0, count)
    for (const [text, kept] of next) {
      this.#kept.delete(text)
      this.#kept.set(text, kept)
    }
    return next.map(([, { address }]) => address)
  }

  #isTaken(address: PeerAddress, teller: PeerAddress): boolean {
    if (!isPlausible(address, { direction: "inbound", remote: teller }, this.#rules.dialNames, this.#rules)) {
      return false
    }
    if (this.#rules.resolvesNames !== true || reachOf(address.hostname) === "loopback") return true
    const source = sourceOf(teller)
    let count = 0
    for (const kept of this.#kept.values()) if (kept.source === source) count++
    return count < maxTold
  }
}
