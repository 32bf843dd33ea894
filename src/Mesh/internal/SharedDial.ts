/**
 * One dial for all who want a link to the same address at the same time. It goes on for as long as one of
 * them waits for it, whoever began it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { LinkClosed } from "../../Transport/CloseReason.ts"
import { canDial, type DialError, refuseDial } from "../../Transport/Transport.ts"
import type { Peer } from "../RoutingTable.ts"
import type { MeshNode } from "./MeshNode.ts"
import * as Session from "./Session.ts"

export interface SharedDial {
  readonly joined: Deferred.Deferred<Peer, LinkClosed | DialError>
  readonly fiber: Fiber.Fiber<void>
  waiterCount: number
  /** Nobody waits for it any more, and it is about to end. */
  isGivenUp: boolean
}

/**
 * Waits for the dial of an address that is under way, or begins one, for the node with that id if one is given.
 * The first one to wait has chosen the id: `WrongPeer` may be of somebody else. Undefined after waiting for one
 * that was given up.
 */
export const join = (
  node: MeshNode,
  address: PeerAddress,
  id: string | undefined
): Effect.Effect<Peer | undefined, LinkClosed | DialError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const dial = node.dials.get(format(address)) ?? begin(node, address, id)
      if (!dial.isGivenUp) dial.waiterCount++
      return dial
    }),
    (dial) => dial.isGivenUp ? Effect.as(Fiber.await(dial.fiber), undefined) : Deferred.await(dial.joined),
    (dial) => Effect.suspend(() => leave(node, address, dial))
  )

const begin = (node: MeshNode, address: PeerAddress, id: string | undefined): SharedDial => {
  const joined = Deferred.makeUnsafe<Peer, LinkClosed | DialError>()
  const session = Effect.flatMap(
    canDial(node.services.transport, address) ? node.services.transport.dial(address) : refuseDial(address),
    (connection) => Session.run(node, connection, "outbound", { address, id, joined })
  )
  const fiber = node.services.run(session.pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.asVoid(Deferred.fail(joined, error)))
  ))
  const dial = { joined, fiber, waiterCount: 0, isGivenUp: false }
  node.dials.set(format(address), dial)
  fiber.addObserver(() => {
    forget(node, address, dial)
    // As a rule it was settled long ago, and an error would be made for nobody. Who still waits does so because the node ends.
    if (Deferred.isDoneUnsafe(joined)) return
    Deferred.doneUnsafe(joined, Effect.fail(new LinkClosed({ reason: { _tag: "Stopped" } })))
  })
  return dial
}

const leave = (node: MeshNode, address: PeerAddress, dial: SharedDial): Effect.Effect<void> => {
  if (dial.isGivenUp) return Effect.void
  dial.waiterCount--
  if (Deferred.isDoneUnsafe(dial.joined)) forget(node, address, dial)
  else if (dial.waiterCount === 0) {
    dial.isGivenUp = true
    return Fiber.interrupt(dial.fiber)
  }
  return Effect.void
}

const forget = (node: MeshNode, address: PeerAddress, dial: SharedDial): void => {
  const key = format(address)
  if (node.dials.get(key) === dial) node.dials.delete(key)
}
