/** Which failures the protocol promises to survive. */
import * as Invariant from "../../../src/Chord/Invariant.ts"
import { carriesList, type Slot, type World } from "./World.ts"

/**
 * `fail`: Zave's precondition. `connected`: those that live stay connected, which is all that a small
 * ring asks for. `growing`: that, and every list holds a live member, for rings that grow past their
 * `successorCount`.
 */
export type Contract = "fail" | "connected" | "growing"

/** Whether this failure is within the contract now. */
export const isAllowed = (contract: Contract, world: World, victim: Slot): boolean => {
  if (contract === "fail") return mayFail(world, victim)
  return staysConnected(world, victim) && (contract === "connected" || keepsLiveSuccessors(world, victim))
}

/** Whether every list still holds a live member, and `successorCount + 1` principals are left. */
const mayFail = (world: World, victim: Slot): boolean => {
  if (!keepsLiveSuccessors(world, victim)) return false
  const principals = Invariant.principals(world.snapshot())
  return principals.length > world.successorCount + 1 || !principals.includes(world.stage.contacts[victim]!)
}

/**
 * Whether every list holds a live member after this failure. Lists in flight count as they will be
 * once they are taken over, since the failure may come in between.
 */
const keepsLiveSuccessors = (world: World, victim: Slot): boolean => {
  const { contacts } = world.stage
  const isLive = (slot: Slot): boolean => slot !== victim && world.isLive(slot)
  const lists = world.live.filter((slot) => slot !== victim).map((slot) => world.states[slot]!.successors)
  for (const message of world.messages) {
    if (!carriesList(message)) continue
    const { kind, to, answer: { successors } } = message
    const length = world.states[to]?.successorCount ?? world.stage.successorCount
    lists.push((kind === "welcome" ? successors : [contacts[message.from]!, ...successors]).slice(0, length))
  }
  return lists.every((list) => list.some((entry) => isLive(world.stage.slotOf(entry))))
}

/**
 * Whether all that live after this failure are connected to each other by what they know, and all that
 * have been welcomed, and have yet to hear of it, will know one of them.
 */
const staysConnected = (world: World, victim: Slot): boolean => {
  const isLive = (slot: Slot): boolean => slot !== victim && world.isLive(slot)
  const members = world.live.filter(isLive).map((slot) => world.states[slot]!)
  const isWelcome = world.messages.every((message) =>
    message.kind !== "welcome" || isLive(message.from) ||
    message.answer.successors.some((entry) => isLive(world.stage.slotOf(entry)))
  )
  return isWelcome &&
    Invariant.violations({ members }, "small").every((violation) => violation.clause !== "ConnectedKnowledge")
}
