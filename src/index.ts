/**
 * `effect-p2p`: peer-to-peer networks as Effect layers. Safe to import in a browser; what needs
 * Node is in `effect-p2p/node`.
 */
export * from "./Mesh/index.ts"
export * from "./Protocol/index.ts"
export * from "./Transport/index.ts"
