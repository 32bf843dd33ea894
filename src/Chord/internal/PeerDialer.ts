/**
 * Links that this node opens, because somebody calls: one dial an address at a time, whoever else
 * calls there meanwhile waits for the same.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import { DialError } from "../../Transport/Transport.ts"
import type { CallNode } from "./CallNode.ts"
import * as PeerConnection from "./PeerConnection.ts"
import type { PeerLink } from "./PeerPool.ts"

type Joined = Deferred.Deferred<PeerLink, LinkClosed | DialError>

/**
 * A new link to an address, or the one that is being made. It is made to the end whether or not
 * somebody still waits for it: who gave up calls again as a rule.
 */
export const connect = (
  node: CallNode,
  address: PeerAddress,
  key: string
): Effect.Effect<PeerLink, LinkClosed | DialError> => {
  const underway = node.dials.get(key)
  if (underway !== undefined) return Deferred.await(underway)
  if (node.isStopped) return refuse({ _tag: "Stopped" })
  if (key === node.ownKey) return refuse({ _tag: "SelfConnection" })
  const banned = node.guard.refusalOf(address.hostname, undefined)
  if (banned !== undefined) return refuse(banned)
  const { maxLinks } = node.settings
  if (node.pool.countOf("outbound") + node.dials.size >= maxLinks && !PeerConnection.closeIdle(node, "outbound")) {
    return refuse({ _tag: "Full", limit: maxLinks })
  }
  const joined: Joined = Deferred.makeUnsafe()
  node.dials.set(key, joined)
  node.counters.dials++
  node.services.run(dial(node, address, key, joined))
  return Deferred.await(joined)
}

const refuse = (reason: CloseReason): Effect.Effect<never, LinkClosed> => Effect.fail(new LinkClosed({ reason }))

/** Dials, and serves the link until it ends. */
const dial = (node: CallNode, address: PeerAddress, key: string, joined: Joined): Effect.Effect<void> => {
  const { connectMillis } = node.times
  const startMillis = node.nowMillis()
  const settle = (result: Effect.Effect<PeerLink, LinkClosed | DialError>): void => {
    if (node.dials.get(key) === joined) node.dials.delete(key)
    Deferred.doneUnsafe(joined, result)
  }
  const failed = (error: LinkClosed | DialError): void => {
    node.counters.failedDials++
    settle(Effect.fail(error))
  }
  const timedOut = Effect.suspend(() =>
    Effect.fail(new DialError({ address, kind: "TimedOut", cause: new Error("connectTimeout") }))
  )
  return node.services.transport.dial(address).pipe(
    Effect.timeoutOrElse({ duration: connectMillis, orElse: () => timedOut }),
    Effect.flatMap((connection) =>
      PeerConnection.run(node, connection, {
        address,
        timeoutMillis: Math.max(0, startMillis + connectMillis - node.nowMillis()),
        joined: (peerLink) => settle(Effect.succeed(peerLink)),
        failed: (reason) => failed(new LinkClosed({ reason }))
      })
    ),
    Effect.scoped,
    Effect.catch((error) => Effect.sync(() => failed(error))),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        // As a rule the dial was settled long ago, and an error would be made for nobody.
        if (node.dials.get(key) === joined) settle(giveUp(exit))
      })
    )
  )
}

/** What those hear who still wait when the fiber of a dial ends: the node stops, or something broke. */
const giveUp = (exit: Exit.Exit<void>): Effect.Effect<never, LinkClosed> =>
  Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
    ? refuse({ _tag: "Stopped" })
    : Effect.failCause(exit.cause)
