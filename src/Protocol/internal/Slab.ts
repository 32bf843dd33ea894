/**
 * Room for what is small and many. A buffer of its own costs an allocation outside of the engine's heap,
 * a microsecond or more; parts of a common one cost a twentieth of that.
 */

/** Whoever keeps one part keeps all of it alive: what a link remembers is counted in slabs at worst. */
const slabBytes = 16_384
/** More than this gets a buffer of its own. */
const maxPartBytes = 2048

let slab = new Uint8Array(0)
let used = 0

/** So many bytes, all 0 and nobody else's. */
export const allocate = (bytes: number): Uint8Array => {
  if (bytes > maxPartBytes) return new Uint8Array(bytes)
  if (used + bytes > slab.length) {
    slab = new Uint8Array(slabBytes)
    used = 0
  }
  const part = new Uint8Array(slab.buffer, used, bytes)
  used += bytes
  return part
}
