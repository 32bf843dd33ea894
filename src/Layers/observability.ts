/** `effect-p2p/observability`: metrics, spans and logs of nodes, for whoever watches machines. */
export * as ChordLog from "../Chord/ChordLog.ts"
export * as ChordMetrics from "../Chord/ChordMetrics.ts"
export * as MeshLog from "../Mesh/MeshLog.ts"
export * as MeshMetrics from "../Mesh/MeshMetrics.ts"
export * as Observability from "./Telemetry.ts"
