/** The mesh-wide dictionary: every node holds all of it. */
export { isNewer, leaseSeconds, mayWrite, type Stamp } from "./Rule.ts"
export * from "./Sync.ts"
export { SyncConfig, type SyncOptions } from "./SyncConfig.ts"
export * from "./SyncError.ts"
export * as SyncKey from "./SyncKey.ts"
export type { SyncEntry } from "./SyncState.ts"
