/** Texts as bytes. */
import * as Slab from "./Slab.ts"

/** Of longer texts the bytes cost more than the buffer that holds them. */
const maxShortLength = 1024

const encoder = new TextEncoder()

/** The UTF-8 of a text. Short ones of ASCII, which most are, get a part of a common buffer: a third of the time. */
export const encode = (text: string): Uint8Array => {
  if (text.length > maxShortLength) return encoder.encode(text)
  const bytes = Slab.allocate(text.length)
  const { read, written } = encoder.encodeInto(text, bytes)
  return read === text.length && written === bytes.length ? bytes : encoder.encode(text)
}
