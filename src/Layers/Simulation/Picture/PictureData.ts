/** What the picture of a simulated mesh is drawn from. */
import type { MeshFigures } from "../Mesh/MeshFigures.ts"

/**
 * A node in the picture.
 *
 * @category models
 * @since 0.1.0
 */
export interface PictureNode {
  readonly name: string
  /** Whether it lived at the end; who does not is drawn hollow, outside. */
  readonly isAlive: boolean
  /** Links between the author of one broadcast, who has 0, and this node; undefined if it did not get it. */
  readonly hops: number | undefined
}

/**
 * How far broadcasts had come at one time: fractions, 0 to 1, of the nodes that they were meant for.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpreadStep {
  /** Milliseconds since a broadcast was sent. */
  readonly millis: number
  /** What nine broadcasts in ten had reached. */
  readonly p10: number
  readonly p50: number
  /** What one broadcast in ten had reached. */
  readonly p90: number
}

/**
 * How far the survivors had healed at one time.
 *
 * @category models
 * @since 0.1.0
 */
export interface HealStep {
  /** Milliseconds since the crash. */
  readonly millis: number
  /** Outbound links of the survivors, as a fraction, 0 to 1, of those before the crash. */
  readonly linkFraction: number
}

/**
 * All that the picture shows.
 *
 * @category models
 * @since 0.1.0
 */
export interface MeshPictureData {
  readonly figures: MeshFigures
  readonly nodes: ReadonlyArray<PictureNode>
  /** Links at the end, each once, as a pair of indices of `nodes`. */
  readonly links: ReadonlyArray<readonly [from: number, to: number]>
  /** By rising time; empty if nothing was broadcast. */
  readonly spread: ReadonlyArray<SpreadStep>
  /** By rising time; undefined if nobody crashed. */
  readonly healing: ReadonlyArray<HealStep> | undefined
}
