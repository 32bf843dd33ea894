/** CRC-64 as the .xz format has it (polynomial 0xC96C5795D7870F42), in two halves of 32 bits. */

/** The check sum of `bytes` from `start` to `end`. */
export const crc64 = (
  bytes: Uint8Array,
  start: number,
  end: number
): { readonly low: number; readonly high: number } => {
  const { highs, lows } = tables()
  let low = -1
  let high = -1
  for (let i = start; i < end; i++) {
    const entry = (low ^ bytes[i]!) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ lows[entry]!
    high = (high >>> 8) ^ highs[entry]!
  }
  return { low: ~low >>> 0, high: ~high >>> 0 }
}

let made: { readonly lows: Int32Array; readonly highs: Int32Array } | undefined

/** Made when they are first needed. */
const tables = () => {
  if (made !== undefined) return made
  const lows = new Int32Array(256)
  const highs = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let low = byte
    let high = 0
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (low & 1) === 1
      low = (low >>> 1) | (high << 31)
      high >>>= 1
      if (isOdd) {
        low ^= 0xd7870f42
        high ^= 0xc96c5795
      }
    }
    lows[byte] = low
    highs[byte] = high
  }
  made = { lows, highs }
  return made
}
