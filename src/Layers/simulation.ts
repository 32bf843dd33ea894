/** `effect-p2p/simulation`: networks of whole nodes in one process, without sockets and real time. */
export { MemoryNetwork, type MemoryNetworkOptions } from "../Transport/MemoryNetwork.ts"
export * as MemoryMesh from "./MemoryMesh.ts"
