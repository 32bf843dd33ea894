/**
 * Small frames joined into blocks, once for all links that are to write the same: a broadcast goes to many, and at the end
 * of a turn their queues hold the same frames as a rule. Nobody writes into a frame or a block.
 */
import { coalesce } from "../Outbox.ts"

/** What is kept of what was joined last, in bytes: twice that, as frames and as blocks, until something else is joined. */
const maxKeptBytes = 262_144

interface Joined {
  readonly frames: ReadonlyArray<Uint8Array>
  readonly blocks: ReadonlyArray<Uint8Array>
}

const none: Joined = { frames: [], blocks: [] }
let last = none

/** `coalesce`, which whoever asks for the same frames next shares. */
export const joined = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  if (frames.length < 2) return frames
  if (areSame(frames, last.frames)) return last.blocks
  const blocks = coalesce(frames)
  last = isKept(blocks) ? { frames, blocks } : none
  return blocks
}

const areSame = (frames: ReadonlyArray<Uint8Array>, others: ReadonlyArray<Uint8Array>): boolean => {
  if (frames.length !== others.length) return false
  for (let i = 0; i < frames.length; i++) {
    if (frames[i] !== others[i]) return false
  }
  return true
}

const isKept = (blocks: ReadonlyArray<Uint8Array>): boolean => {
  let bytes = 0
  for (const block of blocks) bytes += block.length
  return bytes <= maxKeptBytes
}
