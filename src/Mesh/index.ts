/** The flood network. */
export { Mesh, type PeerInfo, type SendOptions, type Surveyed, type WhisperError } from "./Mesh.ts"
export { MeshConfig, type MeshOptions } from "./MeshConfig.ts"
export * from "./MeshError.ts"
export { MeshEvent } from "./MeshEvent.ts"
export { MeshMessage, type Packets, type Proof } from "./MeshMessage.ts"
export type { MeshStats } from "./MeshStats.ts"
export * as Query from "./Query.ts"
export * as Topic from "./Topic.ts"
