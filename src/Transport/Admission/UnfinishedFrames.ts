/**
 * The links of a node, those in their handshake included, and the messages that came over them in part:
 * what they take together, and for how long. Those of honest peers come whole soon.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { ByteBudget } from "../ByteBudget.ts"
import type { Link } from "../Link.ts"
import { StallWatch } from "../StallWatch.ts"

/** How often it is looked, in the time that a message may take. */
const looksPerTimeout = 8

/**
 * Ends links whose messages do not.
 *
 * @category models
 * @since 0.1.0
 */
export class UnfinishedFrames {
  readonly links = new Set<Link>()
  readonly budget: ByteBudget
  readonly #some = Latch.makeUnsafe(false)
  /** Waits until there is one: a node without need not look for those that take too long. */
  readonly #untilSome: Effect.Effect<void> = Effect.suspend(() => {
    if (this.budget.usedBytes > 0) return Effect.void
    this.#some.closeUnsafe()
    return this.#some.await
  })

  constructor(maxBytes: number) {
    this.budget = new ByteBudget(maxBytes)
    this.budget.onUse = () => void this.#some.openUnsafe()
    this.budget.onSpent = () => this.#relieve()
  }

  /** Ends the links whose message takes longer than that, by the node's clock that only grows; runs until interrupted. */
  endOverdue(timeout: Duration.Input, nowMillis: () => number): Effect.Effect<never> {
    const frameMillis = Duration.toMillis(timeout)
    const stalls = new StallWatch(nowMillis)
    const look = Effect.map(
      stalls.sleep(frameMillis / looksPerTimeout),
      (now) => this.#endOverdue(now, frameMillis, stalls.awakeMillis)
    )
    return Effect.forever(Effect.andThen(this.#untilSome, look))
  }

  /** What came while this node was stalled, until `awakeMillis`, counts from then. */
  #endOverdue(nowMillis: number, frameMillis: number, awakeMillis: number): void {
    if (this.budget.usedBytes === 0) return
    for (const link of this.links) {
      const sinceMillis = Math.max(awakeMillis, link.frameSinceMillis ?? nowMillis)
      if (nowMillis - sinceMillis < frameMillis) continue
      const receivedBytes = link.unfinishedBytes
      link.close({ _tag: "FrameTimeout", afterMillis: Math.round(nowMillis - sinceMillis), receivedBytes })
    }
  }

  /** They take more memory than they may: the link ends whose message began first. */
  #relieve(): void {
    let oldest: Link | undefined
    for (const link of this.links) {
      if (link.frameSinceMillis === undefined || link.closeReason !== undefined) continue
      if (oldest === undefined || link.frameSinceMillis < oldest.frameSinceMillis!) oldest = link
    }
    oldest?.close({ _tag: "OverBudget", receivedBytes: oldest.unfinishedBytes, limitBytes: this.budget.maxBytes })
  }
}
