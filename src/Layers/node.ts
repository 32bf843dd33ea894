/** `effect-p2p/node`: what only Node can run, ready-made Layers and the parts they are built of. */
export * as NodeTcp from "../Transport/NodeTcp.ts"
export * as NodeChord from "./NodeChord.ts"
export * as NodeChordStorage from "./NodeChordStorage.ts"
export * as NodeCompression from "./NodeCompression.ts"
export * as NodeHashing from "./NodeHashing.ts"
export * as NodeMesh from "./NodeMesh.ts"
