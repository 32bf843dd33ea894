/** What happens on a ring, for whoever watches it. */
import type { PeerAddress } from "../Protocol/PeerAddress.ts"
import type { CallError } from "./CallError.ts"
import type { JoinError } from "./ChordError.ts"
import type { StorageError } from "./ChordStorage.ts"
import type { Contact } from "./Contact.ts"
import type { PeersEvent } from "./internal/PeersOptions.ts"

/**
 * Every event; match on `_tag`.
 *
 * - `Joined`: this node has its place in a ring.
 * - `JoinFailed`: the ring could not be joined at a bootstrap address; it is tried again.
 * - `NeighborCame`, `NeighborWent`: a member among the successors, or the predecessor.
 * - `Alone`: nobody else of the ring is known any more; `isLast` when all others were known before.
 * - `OtherRing`: a node was met that belongs to a second ring; the two begin to grow together.
 * - `Repaired`: records were brought to nodes that lacked them, or got from them.
 * - `HandedOver`: records were given to the nodes that have come to answer for them.
 * - `TakeOverFailed`: a place is new to this node, and nobody could give it the records that belong there, or it could
 *   not store them. It goes on trying; meanwhile it asks the next node for each, and says of none that it is not set.
 * - `StorageFailed`: this node's share could not be written.
 * - `LookedUp`: the owner of a position was found for a read, a write or a `lookup`: `path` are the nodes that
 *   answered on the way. Not what the node looks up for itself.
 * - `Rejected`: somebody who dialed this node was not let in, or gave up: `reason` says why.
 * - `PeerBanned`: nothing is to do any more with a host, a network or an id: the node found reason
 *   (`isAutomatic`), or its user said so. `PeerUnbanned`: the user took a ban back.
 * - `PeerThrottled`: a peer's messages are read later, for those of its host are too many
 *   (`maxMessagesPerSecond`). Told at the first, the second, the fourth, ... time; `count` is how often so far.
 *
 * @category events
 * @since 0.1.0
 */
export type ChordEvent =
  | { readonly _tag: "Joined"; readonly position: bigint; readonly successor: Contact | undefined }
  | { readonly _tag: "JoinFailed"; readonly address: PeerAddress; readonly error: JoinError }
  | { readonly _tag: "NeighborCame" | "NeighborWent"; readonly contact: Contact }
  | { readonly _tag: "Alone"; readonly isLast: boolean }
  | { readonly _tag: "OtherRing"; readonly contact: Contact }
  | { readonly _tag: "Repaired"; readonly sent: number; readonly received: number }
  | { readonly _tag: "HandedOver"; readonly count: number }
  | {
    readonly _tag: "TakeOverFailed"
    readonly position: bigint
    readonly source: Contact
    readonly error: CallError | StorageError
  }
  | { readonly _tag: "StorageFailed"; readonly error: StorageError }
  | {
    readonly _tag: "LookedUp"
    readonly position: bigint
    readonly owner: Contact
    readonly path: ReadonlyArray<Contact>
    readonly timeouts: number
    readonly tookMillis: number
  }
  | PeersEvent
