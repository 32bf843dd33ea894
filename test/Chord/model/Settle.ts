/** What a ring comes to when nothing joins, leaves or fails any more. */
import * as Invariant from "../../../src/Chord/Invariant.ts"
import type { Membership } from "../../../src/Chord/Membership.ts"
import type { World } from "./World.ts"

/** `NotIdeal`: it does not come to its ideal state; `NotStable`: it does not stay there. */
export interface Settled {
  readonly problem: "NotIdeal" | "NotStable" | undefined
  readonly members: ReadonlyArray<string>
  /** How many rounds it took. */
  readonly rounds: number
}

/**
 * Delivers every message and lets everybody stabilize in turn, until the ring is ideal; then once more,
 * which must not change it. Stops early if `onStep`, which sees the world after each delivery, says so.
 */
export const settle = (world: World, onStep: () => boolean = () => false): Settled => {
  const limit = 6 * world.states.length + 20
  for (let rounds = 0; rounds <= limit; rounds++) {
    if (deliverAll(world, onStep)) return { problem: undefined, members: [], rounds }
    if (Invariant.isIdeal(world.snapshot())) return stayIdeal(world, rounds, onStep)
    for (const slot of world.live) world.stabilize(slot)
  }
  const members = Invariant.astray(world.snapshot()).map((contact) => contact.nodeId)
  return { problem: "NotIdeal", members, rounds: limit }
}

const stayIdeal = (world: World, rounds: number, onStep: () => boolean): Settled => {
  const before = world.states.slice()
  for (const slot of world.live) world.stabilize(slot)
  if (deliverAll(world, onStep)) return { problem: undefined, members: [], rounds }
  const changed = world.live.filter((slot) => !isEqual(world.states[slot]!, before[slot]!))
  return { problem: changed.length > 0 ? "NotStable" : undefined, members: changed.map((slot) => `n${slot}`), rounds }
}

const isEqual = (a: Membership, b: Membership): boolean =>
  a.predecessor?.position === b.predecessor?.position && a.successors.length === b.successors.length &&
  a.successors.every((entry, index) => entry.position === b.successors[index]!.position)

/** In the order in which they were sent. */
const deliverAll = (world: World, onStep: () => boolean): boolean => {
  for (let message = world.messages[0]; message !== undefined; message = world.messages[0]) {
    world.deliver(message)
    if (onStep()) return true
  }
  return false
}
