/**
 * What came of a WebSocket's message that is not whole: whoever reads messages sees nothing of it. Where one ends is read
 * from the headers of frames (RFC 6455, section 5.2), in all bytes of the connection from the first one on.
 */

const isFinal = (firstByte: number): boolean => (firstByte & 0x80) !== 0
const isControl = (firstByte: number): boolean => (firstByte & 0x08) !== 0

export class OpenMessage {
  #tell: ((bytes: number) => void) | undefined
  #heldBytes = 0
  /** How much of the header came of the frame that comes, and how long it is, as far as is known. */
  #headerBytes = 0
  #headerLength = 0
  #firstByte = 0
  /** Where the payload's length ends in the header, and that length. */
  #lengthEnd = 0
  #payloadLength = 0
  /** What is to come of the payload. */
  #leftBytes = 0
  /** The frame that began last, apart from those between the frames of a message, was not the message's last one. */
  #isInParts = false

  /** Tells how many bytes it holds, each time that some come; 0 when it is whole, also where another one has begun. */
  watch(tell: (bytes: number) => void): void {
    this.#tell = tell
    if (this.#heldBytes > 0) tell(this.#heldBytes)
  }

  /** Bytes came. A message holds on to all of those that it has a part in. */
  push(chunk: Uint8Array): void {
    let hasEnded = false
    for (let index = 0; index < chunk.length;) {
      if (this.#leftBytes === 0) this.#readHeader(chunk[index++]!)
      else {
        const count = Math.min(this.#leftBytes, chunk.length - index)
        this.#leftBytes -= count
        index += count
      }
      hasEnded ||= !this.#isOpen
    }
    if (hasEnded && this.#heldBytes > 0) this.#hold(0)
    if (this.#isOpen) this.#hold(this.#heldBytes + chunk.length)
  }

  get #isOpen(): boolean {
    return this.#headerBytes > 0 || this.#leftBytes > 0 || this.#isInParts
  }

  #readHeader(byte: number): void {
    const index = this.#headerBytes++
    if (index === 0) {
      this.#firstByte = byte
      this.#headerLength = 2
    } else if (index === 1) {
      const short = byte & 0x7f
      this.#lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10
      this.#payloadLength = short < 126 ? short : 0
      this.#headerLength = this.#lengthEnd + (byte < 0x80 ? 0 : 4)
    } else if (index < this.#lengthEnd) this.#payloadLength = this.#payloadLength * 256 + byte
    if (this.#headerBytes < this.#headerLength) return
    this.#headerBytes = 0
    this.#leftBytes = this.#payloadLength
    if (!isControl(this.#firstByte)) this.#isInParts = !isFinal(this.#firstByte)
  }

  #hold(bytes: number): void {
    this.#heldBytes = bytes
    this.#tell?.(bytes)
  }
}
