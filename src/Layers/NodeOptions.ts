/** Options that all kinds of nodes on Node have. */
import type * as Layer from "effect/Layer"
import type { Compression } from "../Protocol/Compression/Compression.ts"
import type { NodeWebSocketOptions } from "../Transport/NodeWebSocket.ts"

/**
 * Where a node listens, and where it is reached.
 *
 * @category options
 * @since 0.1.0
 */
export interface AddressChoice {
  /** The address to listen on. Default `"127.0.0.1"`, this machine alone; `"0.0.0.0"` for all of its addresses. */
  readonly host?: string | undefined
  /** The port to listen on. Default 0: any free one; `address` of the node tells which. */
  readonly port?: number | undefined
  /** Where others can dial this node, `"host:port"`, when that is not where it listens. */
  readonly announce?: string | undefined
}

/**
 * Which compression methods a node offers.
 *
 * @category options
 * @since 0.1.0
 */
export interface CompressionChoice<E = never> {
  /**
   * The methods in their order: `Compression.layerMerge(NodeCompression.layer, Bz2.layer)` adds one.
   * Default `NodeCompression.layer`.
   */
  readonly compression?: Layer.Layer<Compression, E> | undefined
}

/**
 * How the WebSockets of a node are.
 *
 * @category options
 * @since 0.1.0
 */
export interface WebSocketChoice {
  /** Which pages may connect, the server that a WebSocket stands on, its bounds, and so on. */
  readonly webSocket?: NodeWebSocketOptions | undefined
}
