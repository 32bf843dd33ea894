/** The versions that a node has seen, and those that it makes: above all of them. */
import * as Duration from "effect/Duration"
import type { ChordOptions } from "../ChordConfig.ts"
import * as Version from "../Version.ts"

export class Versions {
  readonly #writer: string
  readonly #options: Pick<ChordOptions, "maxClockSkew">
  readonly #nowMillis: () => number
  #newest: Version.Version | undefined

  /** `newest`: of what lies in the node's share from an earlier life. */
  constructor(
    writer: string,
    options: Pick<ChordOptions, "maxClockSkew">,
    nowMillis: () => number,
    newest: Version.Version | undefined
  ) {
    this.#writer = writer
    this.#options = options
    this.#nowMillis = nowMillis
    this.#newest = newest
  }

  /** A version above all that this node has seen. */
  next(): Version.Version {
    return this.#newest = Version.next(this.#previous, this.#nowMillis(), this.#writer)
  }

  /** Takes in the version of another node; the fault when it is too far ahead. */
  observe(version: Version.Version): Version.VersionTooFarAhead | undefined {
    const observed = this.#observed(version)
    if (observed._tag === "Failure") return observed.failure
    this.#newest = observed.success
    return undefined
  }

  /** The fault of a version that is too far ahead; nothing is taken in. */
  faultOf(version: Version.Version): Version.VersionTooFarAhead | undefined {
    const observed = this.#observed(version)
    return observed._tag === "Failure" ? observed.failure : undefined
  }

  /** What was seen, but for what lies too far ahead: its own from when its clock was wrong, which nobody takes. */
  get #previous(): Version.Version | undefined {
    const latest = this.#nowMillis() + this.#maxSkewMillis
    return this.#newest !== undefined && this.#newest.millis > latest ? undefined : this.#newest
  }

  get #maxSkewMillis(): number {
    return Duration.toMillis(this.#options.maxClockSkew)
  }

  #observed(version: Version.Version) {
    return Version.observe(this.#previous, version, this.#nowMillis(), this.#maxSkewMillis)
  }
}
