/** The versions that a node has seen, and those that it makes: above all of them, or above those of a key. */
import * as Duration from "effect/Duration"
import type { ChordOptions } from "../ChordConfig.ts"
import * as Version from "../Version.ts"

export class Versions {
  readonly #writer: string
  readonly #options: Pick<ChordOptions, "maxClockSkew">
  readonly #nowMillis: () => number
  #newest: Version.Version | undefined
  /** The last one that it made by its clock alone. */
  #byClock: Version.Version | undefined
  /** The highest counter of those that it made: with a higher one a version is none of them, whatever its time. */
  #counter = 0

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
    const now = this.#nowMillis()
    const made = Version.next(this.#sensible(this.#newest), now, this.#writer)
    if (made.millis <= now) this.#byClock = made
    this.#counter = Math.max(this.#counter, made.counter)
    return this.#newest = made
  }

  /**
   * A version above those that a key has, as far as is known. What is seen of other keys may lie as far ahead as is just
   * taken here, by the clock of one node that is wrong: by this node's own time others take what is above that key, and not
   * above all. Nor is it above all where nothing is known of the key: what then fails would hide the next one, made with
   * more known.
   */
  above(version: Version.Version | undefined): Version.Version {
    const now = Math.floor(this.#nowMillis())
    const isAhead = this.#newest !== undefined && this.#newest.millis > now
    if (!isAhead || (version !== undefined && version.millis >= now)) return this.next()
    const made = Version.next(this.#sensible(this.#byClock), now, this.#writer)
    if (this.#counter < Version.maxCounter) this.#counter++
    this.#byClock = new Version.Version(made.millis, Math.max(made.counter, this.#counter), this.#writer)
    this.#newest = Version.max(this.#sensible(this.#newest), this.#byClock)
    return this.#byClock
  }

  /** Takes in the version of another node; the fault when it is too far ahead. */
  observe(version: Version.Version): Version.VersionTooFarAhead | undefined {
    const fault = this.faultOf(version)
    if (fault === undefined) this.#newest = Version.max(this.#sensible(this.#newest), version)
    return fault
  }

  /** The fault of a version that is too far ahead; nothing is taken in. */
  faultOf(version: Version.Version): Version.VersionTooFarAhead | undefined {
    const observed = Version.observe(undefined, version, this.#nowMillis(), this.#maxSkewMillis)
    return observed._tag === "Failure" ? observed.failure : undefined
  }

  /** A version to go on from, but for one that lies too far ahead: its own from when its clock was wrong, which nobody takes. */
  #sensible(version: Version.Version | undefined): Version.Version | undefined {
    const latest = this.#nowMillis() + this.#maxSkewMillis
    return version !== undefined && version.millis > latest ? undefined : version
  }

  get #maxSkewMillis(): number {
    return Duration.toMillis(this.#options.maxClockSkew)
  }
}
