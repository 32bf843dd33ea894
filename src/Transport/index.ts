/** Connections between nodes, and the sessions over them. */
export { type Ban, type BanTarget, targetText } from "./Admission/BanList.ts"
export type { Banning, Whom } from "./Admission/Guard.ts"
export type { SourceLimits } from "./Admission/SourceLimits.ts"
export { CloseReason, describe as describeReason, LinkClosed } from "./CloseReason.ts"
export * as Goodbye from "./Goodbye.ts"
export * as Handshake from "./Handshake.ts"
export * as Link from "./Link.ts"
export {
  type ConnectionState,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkConditions
} from "./MemoryNetwork.ts"
export { Outbox } from "./Outbox.ts"
export { Outgoing } from "./Outgoing.ts"
export { TlsFault, TlsRefused } from "./TlsFault.ts"
export {
  type Connection,
  ConnectionClosed,
  DialError,
  type Listener,
  ListenError,
  type RefusedConnection,
  Transport
} from "./Transport.ts"
export * as Transports from "./Transports.ts"
export type { Waiting } from "./Waiting.ts"
export * as WebSocket from "./WebSocket.ts"
