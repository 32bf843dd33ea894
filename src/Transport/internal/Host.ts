/** One host of the network in memory: its connections, and what is wrong with it. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Wire } from "./Wire.ts"

/** A host, which is one process. */
export class Host {
  readonly name: string
  /** In the order in which they were made. */
  readonly wires = new Set<Wire>()
  /** Not on the network: its connections broke, or (`silent`) nobody was told. */
  down: "crashed" | "silent" | undefined
  /** How often it crashed: a dial from before comes to nothing, though the host may be up again by then. */
  crashCount = 0
  /** Dials to it are refused. */
  isShut = false
  /** The process stands still: what its fibers wait for comes when it goes on. */
  isPaused = false
  readonly #running = Latch.makeUnsafe(true)
  readonly #dialCounts = new Map<string, number>()
  #nextPort = 49_152

  constructor(name: string) {
    this.name = name
  }

  /** Waits while the process stands still. */
  readonly untilRunning: Effect.Effect<void> = Effect.suspend(() =>
    this.isPaused ? Effect.andThen(this.#running.await, this.untilRunning) : Effect.void
  )

  pause(): void {
    this.isPaused = true
    this.#running.closeUnsafe()
    for (const wire of this.wires) wire.wake()
  }

  /** Who waits goes on in the order of the connections, not in that in which they came to wait: it is the same in each run. */
  resume(): void {
    this.isPaused = false
    for (const wire of this.wires) wire.wake()
    this.#running.openUnsafe()
  }

  /** How many times it dialed that host, this one included: the chances of each connection differ. */
  countDial(to: string): number {
    const count = (this.#dialCounts.get(to) ?? 0) + 1
    this.#dialCounts.set(to, count)
    return count
  }

  freePort(): number {
    // Ports of the dynamic range, over and over: those of long ago are free again.
    const port = this.#nextPort
    this.#nextPort = port === 65_535 ? 49_152 : port + 1
    return port
  }
}
