import * as Layer from "effect/Layer"

/**
 * A node that shares with no other what it is built of. Effect builds each value of a Layer once for a
 * whole program, with what is provided to it where it comes first: so without this, two nodes with
 * different settings would be one, with the settings of the first. The result is one value itself:
 * whoever uses it in several places of a program gets one node.
 */
export const apart = <A, E, R>(node: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.fromBuildMemo((_, scope) => Layer.buildWithMemoMap(node, Layer.makeMemoMapUnsafe(), scope))
