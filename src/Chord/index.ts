/** The distributed dictionary: so far, the ring it stands on. */
export * as Ring from "./Ring.ts"
