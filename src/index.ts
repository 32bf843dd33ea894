/**
 * `effect-p2p`: peer-to-peer networks as Effect layers. Safe to import in a browser; what needs
 * Node is in `effect-p2p/node`.
 */
export {
  CallError,
  Chord,
  ChordConfig,
  type ChordEvent,
  type ChordOptions,
  type ChordStats,
  ChordStorage,
  Contact,
  Dictionary,
  type Entry,
  type Holding,
  JoinError,
  type Lookup,
  LookupError,
  QuorumError,
  type ReadOptions,
  type RingMember,
  StorageError,
  type WriteError,
  type WriteOptions
} from "./Chord/index.ts"
export * from "./Mesh/index.ts"
export * from "./Protocol/index.ts"
export * from "./Sync/index.ts"
export * from "./Transport/index.ts"
