/** What can go wrong with a simulation itself. */
import * as Schema from "effect/Schema"

/**
 * There is no running node of that name, or there is one already.
 *
 * @category errors
 * @since 0.1.0
 */
export class NodeNameError extends Schema.TaggedError<NodeNameError>()("NodeNameError", {
  node: Schema.String,
  isRunning: Schema.Boolean
}) {
  override get message(): string {
    return this.isRunning ? `a node named "${this.node}" runs already` : `no node named "${this.node}" runs`
  }
}

/**
 * The Layer of a node that was to be started again failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class NodeStartError extends Schema.TaggedError<NodeStartError>()("NodeStartError", {
  node: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the node "${this.node}" did not start again: ${String(this.cause)}`
  }
}

/**
 * An invariant given to `always` did not hold.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvariantViolated extends Schema.TaggedError<InvariantViolated>()("InvariantViolated", {
  invariant: Schema.String,
  /** When it was found, in milliseconds of the simulation's time. */
  atMillis: Schema.Finite,
  detail: Schema.String,
  seed: Schema.String
}) {
  override get message(): string {
    return `${this.invariant}: ${this.detail} (at ${this.atMillis / 1000} s, seed "${this.seed}")`
  }
}

/**
 * A simulation ended and closed its nodes, but not all that they had: they leak.
 *
 * @category errors
 * @since 0.1.0
 */
export class LeftBehind extends Schema.TaggedError<LeftBehind>()("LeftBehind", {
  connectionCount: Schema.Int,
  sleepingFiberCount: Schema.Int
}) {
  override get message(): string {
    return `left behind by nodes that were closed: ${this.connectionCount} connections, ${this.sleepingFiberCount} sleeping fibers`
  }
}
