/** What a node that dials has in mind and does not dial yet, for whoever wants to see it. */
import type { PeerAddress } from "../Protocol/PeerAddress.ts"

/**
 * An address that failed and is dialed again later.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly address: PeerAddress
  /** Dials that came to nothing, and links that ended soon, since a link there lasted. */
  readonly failureCount: number
  /** Milliseconds until the next dial of the node's own accord. */
  readonly leftMillis: number
}
