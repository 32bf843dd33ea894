/** Every setting of a node's share in the dictionary; all nodes of a network have the same `leasing`. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { checked, type Given } from "../Transport/Settings.ts"

/**
 * The settings; see each field for its meaning, unit and default.
 *
 * @category options
 * @since 0.1.0
 */
export interface SyncOptions {
  /**
   * Whether a key belongs to the node that wrote it for an hour after its last write, so that no other may
   * write it: nor the same one once it has started again, without an identity by which it keeps its id. Without it the last
   * write counts. Default true, as in the original programs.
   */
  readonly leasing: boolean
  /** Keys at most, deleted ones that are remembered among them; further ones are refused (`SyncFull`). Default 10000. */
  readonly maxEntries: number
  /** The longest key, in bytes of UTF-8. Default 256. */
  readonly maxKeyBytes: number
  /** The largest value, in bytes of its JSON. No node reads more than 163840 bytes of one. Default 65536. */
  readonly maxValueBytes: number
  /**
   * How long it is remembered that a key was deleted. A node that was away for longer brings the key back.
   * Default 1 hour.
   */
  readonly tombstoneTtl: Duration.Input
  /** How often this node compares what it holds with one of its peers, at random. Default 30 seconds. */
  readonly reconcileInterval: Duration.Input
  /**
   * How far ahead of this node's clock a write may lie that a peer tells of; as far as broadcasts may (`maxClockSkew` of the
   * mesh) if that is more. What is held and lies further ahead, and more than a minute, for a clock was wrong, makes way for
   * any write. Default 60 seconds.
   */
  readonly maxClockSkew: Duration.Input
}

/**
 * The settings of a node, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export class SyncConfig extends Context.Service<SyncConfig, SyncOptions>()("effect-p2p/Sync/SyncConfig") {
  /** The default of every setting. */
  static readonly defaults: SyncOptions = {
    leasing: true,
    maxEntries: 10_000,
    maxKeyBytes: 256,
    maxValueBytes: 65_536,
    tombstoneTtl: Duration.hours(1),
    reconcileInterval: Duration.seconds(30),
    maxClockSkew: Duration.seconds(60)
  }

  /**
   * The defaults with some settings changed; what is undefined stays. Dies with a `RangeError` for a number or a
   * time that makes no sense.
   */
  static readonly layer = (options: Given<SyncOptions> = {}): Layer.Layer<SyncConfig> =>
    Layer.sync(this, () => checked(SyncConfig.defaults, options))

  /**
   * The subnet of a network with or without leases: the two kinds never mix, as in the original programs.
   */
  static readonly subnet = (subnet: string, leasing: boolean): string => subnet + (leasing ? "1" : "0")
}
