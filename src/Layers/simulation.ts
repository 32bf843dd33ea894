/** `effect-p2p/simulation`: networks of whole nodes in one process, without sockets and real time. */
export * as Latency from "../Transport/Latency.ts"
export {
  type ConnectionState,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkConditions,
  type NetworkEvent
} from "../Transport/MemoryNetwork.ts"
export * as MemoryChord from "./MemoryChord.ts"
export * as MemoryMesh from "./MemoryMesh.ts"
export * as MemorySync from "./MemorySync.ts"
export * as HostileMesh from "./Simulation/Attack/HostileMesh.ts"
export * as MeshAttack from "./Simulation/Attack/MeshAttack.ts"
export * as ChordScenario from "./Simulation/Chord/ChordScenario.ts"
export { ChordTrace, type ChordTraceEvent } from "./Simulation/Chord/ChordTrace.ts"
export { Fault, FaultSchedule, ScheduledFault } from "./Simulation/Fault.ts"
export * as Faults from "./Simulation/Faults.ts"
export * as MeshScenario from "./Simulation/Mesh/MeshScenario.ts"
export { MeshTrace, type MeshTraceEvent } from "./Simulation/Mesh/MeshTrace.ts"
export * as MeshPicture from "./Simulation/Picture/MeshPicture.ts"
export * as Simulation from "./Simulation/Simulation.ts"
export { Trace, type TraceEvent } from "./Simulation/Trace.ts"
export { Deadlock, VirtualClock } from "./Simulation/VirtualClock.ts"
