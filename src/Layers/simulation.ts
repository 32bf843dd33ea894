/** `effect-p2p/simulation`: networks of whole nodes in one process, without sockets and real time. */
export {
  type Latency,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkEvent
} from "../Transport/MemoryNetwork.ts"
export * as MemoryMesh from "./MemoryMesh.ts"
export * as MeshScenario from "./Simulation/MeshScenario.ts"
export * as Simulation from "./Simulation/Simulation.ts"
export { Trace, type TraceEvent } from "./Simulation/Trace.ts"
export { Deadlock, VirtualClock } from "./Simulation/VirtualClock.ts"
