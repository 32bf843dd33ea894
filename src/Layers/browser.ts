/**
 * `effect-p2p/browser`: what a page needs, ready-made Layers and the parts they are built of. No chord:
 * a member of a ring must be called by others, and a page accepts no calls.
 */
export * as BrowserCompression from "./BrowserCompression.ts"
export * as BrowserHashing from "./BrowserHashing.ts"
export * as BrowserMesh from "./BrowserMesh.ts"
