/**
 * The orderly end of a link that this node gives up for another one: the peer is told, and what it
 * said before it knew is still taken, so that no broadcast on its way is lost.
 */
import * as Effect from "effect/Effect"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import type { Link } from "../../Transport/Link.ts"
import type { MeshNode } from "./MeshNode.ts"

/** Says goodbye over a link that is out of the routing table, and closes it after `drainTimeout`, if the peer does not. */
export const part = (node: MeshNode, link: Link, reason: CloseReason): void => {
  link.sayGoodbye(reason)
  node.services.run(Effect.andThen(
    Effect.sleep(node.options.drainTimeout),
    // The goodbye has been said: no other one follows this reason.
    Effect.sync(() => link.close({ _tag: "ConnectionLost", clean: true, detail: "given up for another link" }))
  ))
}
