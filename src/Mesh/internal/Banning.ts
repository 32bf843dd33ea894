/** Bans by the application's hand. Those that a node finds reason for itself are in `Conduct`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { sourceOf } from "../../Transport/Source.ts"
import { type BanTarget, targetText } from "../BanList.ts"
import type { Mesh, Whom } from "../Mesh.ts"
import * as Conduct from "./Conduct.ts"
import type { MeshNode } from "./MeshNode.ts"

/** That part of the service. */
export const banning = (node: MeshNode): Pick<Mesh["Service"], "ban" | "bans" | "unban"> => ({
  bans: Effect.sync(() => node.bans.list(node.nowMillis())),
  ban: (target, options) =>
    Effect.sync(() => {
      const { for: duration = node.options.banFor, why = "by hand" } = options ?? {}
      Conduct.ban(node, toTarget(target), why, false, Duration.toMillis(duration))
    }),
  unban: (target) =>
    Effect.sync(() => {
      const meant = toTarget(target)
      if (!node.bans.remove(meant, node.nowMillis())) return false
      if (meant._tag === "Source") node.reputation.forgive(meant.source)
      node.emit({ _tag: "PeerUnbanned", target: targetText(meant) })
      return true
    })
})

const toTarget = (target: Whom): BanTarget =>
  "id" in target
    ? { _tag: "Id", id: target.id }
    : { _tag: "Source", source: sourceOf(new PeerAddress({ host: target.host, port: 0 }, { disableChecks: true })) }
