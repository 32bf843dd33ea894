/** The wire versions by name, for the options of nodes. Pages, which load one only, name its Layer (`BrowserMesh`). */
import * as Config from "effect/Config"
import type * as Layer from "effect/Layer"
import type { Compression } from "../Protocol/Compression/Compression.ts"
import type { Hashing } from "../Protocol/Hashing.ts"
import type { Protocol } from "../Protocol/Protocol.ts"
import * as Protocol04 from "../Protocol/Protocol04.ts"
import * as Protocol07 from "../Protocol/Protocol07.ts"

/**
 * The names of the wire versions, the default first.
 *
 * @category models
 * @since 0.1.0
 */
export const wireVersions = ["0.4", "0.7"] as const

/**
 * A wire version by name.
 *
 * @category models
 * @since 0.1.0
 */
export type WireVersion = typeof wireVersions[number]

/**
 * Which wire version a node speaks.
 *
 * @category options
 * @since 0.1.0
 */
export interface WireChoice {
  /**
   * The wire version, the same on all nodes of a network: `"0.4"`, or `"0.7"`, that of the last releases
   * of the original programs (`js2p` on npm, `py2p` on PyPI). Default `"0.4"`.
   */
  readonly protocol?: WireVersion | undefined
}

/**
 * The `Protocol` of a wire version.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (version: WireVersion = "0.4"): Layer.Layer<Protocol, never, Hashing | Compression> =>
  version === "0.7" ? Protocol07.layer : Protocol04.layer

/** The setting `PROTOCOL`. @internal */
export const config: Config.Config<WireVersion> = Config.Literals(wireVersions, "PROTOCOL").pipe(
  Config.withDefault("0.4")
)
