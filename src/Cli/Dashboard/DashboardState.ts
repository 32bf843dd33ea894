/** A node as the page shows it: everything in it is bounded. */
import * as Effect from "effect/Effect"
import type { Chord } from "../../Chord/Chord.ts"
import { toHex } from "../../Chord/Ring.ts"
import type { Mesh } from "../../Mesh/Mesh.ts"
import { format } from "../../Protocol/PeerAddress.ts"
import { fromRing } from "../ChordReport.ts"
import { addressText } from "../MeshReport.ts"
import type { ChordState, MeshState } from "./page/State.ts"

/** Keys that are shown. */
const maxKeys = 300

/** A mesh node, its peers, and whom they say they are linked with. */
export const meshState = (mesh: Mesh["Service"]): Effect.Effect<MeshState> =>
  Effect.gen(function*() {
    const peers = yield* mesh.peers
    return {
      kind: "mesh",
      id: mesh.id,
      addresses: mesh.addresses.map(format),
      peers: peers.map((peer) => ({ ...peer, address: addressText(peer.address) })),
      survey: yield* mesh.survey,
      stats: { ...yield* mesh.stats }
    }
  })

/** A chord node, the members of its ring that it knows, and the keys it holds. */
export const chordState = (chord: Chord["Service"]): Effect.Effect<ChordState> =>
  Effect.gen(function*() {
    const ring = fromRing(chord, yield* chord.ring)
    const { calls, storage, ...counters } = yield* chord.stats
    const keys = yield* chord.holdings(maxKeys)
    return {
      kind: "chord",
      id: chord.id,
      addresses: [format(chord.address)],
      bits: chord.bits,
      size: ring.size,
      whole: ring.whole,
      members: ring.members,
      keys: keys.map((held) => ({
        ...held,
        key: held.key.slice(0, 100),
        positions: held.positions.map((position) => toHex(chord.bits, position))
      })),
      stats: { ...counters, ...calls, ...storage }
    }
  })
