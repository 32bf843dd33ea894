/**
 * Draws that depend on a seed and a count alone, not on what else was drawn before: so the chances of
 * one connection are the same whatever other connections do, and in whatever order.
 */

/** A 32-bit seed from a text. */
export const seedOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Draw number `count` of a seed: 0 (inclusive) to 1 (exclusive). */
export const draw = (seed: number, count: number): number => {
  let state = (seed + Math.imul(count + 1, 0x9e3779b9)) | 0
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return ((state ^ (state >>> 16)) >>> 0) / 0x1_0000_0000
}
