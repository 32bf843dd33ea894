/** Main flags without a name, as types: `0x` and their bytes in hex. */
import type { MessageType } from "../Message.ts"

const hexForm = /^0x(?:[0-9a-f]{2})*$/i

/** No flag is long: what is goes on as it came, and is named by so many of its bytes. */
const maxBytes = 16

/** The type for the bytes from `start` to `end`. */
export const toType = (body: Uint8Array, start: number, end: number): MessageType => {
  let hex = ""
  for (let i = start; i < Math.min(end, start + maxBytes); i++) hex += body[i]!.toString(16).padStart(2, "0")
  return `0x${hex}`
}

/** The bytes of such a type; undefined when it is none. */
export const toBytes = (type: MessageType): Uint8Array | undefined => {
  if (!hexForm.test(type)) return undefined
  const out = new Uint8Array((type.length - 2) / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(type.slice(2 + 2 * i, 4 + 2 * i), 16)
  return out
}
