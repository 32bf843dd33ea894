/**
 * What came over a WebSocket and waits to be read. Bytes alone do not tell how much that is: a message takes
 * memory and time as well, and one without bytes nothing else.
 */
import type * as Socket from "effect/socket/Socket"
import { ConnectionClosed } from "../Transport.ts"

/** What a message takes at least, in bytes. */
const leastBytes = 256
/** Messages that may wait where reading can be held back; those that came with the last one are read on top of them. */
const maxMessages = 1024
/**
 * By how many the empty messages may outnumber the others: they carry nothing that could be counted against a peer, and
 * ours send none.
 */
const maxEmptyMessages = 64

/** Any of the codes that pages may use (RFC 6455, section 7.4.2). */
const unreadCode = 4009

const encoder = new TextEncoder()
const tooMuch = new ConnectionClosed({ clean: false, detail: "more came in than was read (maxUnreadBytes)" })
const tooEmpty = new ConnectionClosed({ clean: false, detail: "too many empty messages came in" })

/** Holds a WebSocket back when too much waits to be read, or closes it where that cannot be done; see `maxUnreadBytes`. */
export class Unread {
  /** Why the connection was ended from here. */
  fault: ConnectionClosed | undefined
  readonly #webSocket: Socket.WebSocketLike
  readonly #maxBytes: number | undefined
  #bytes = 0
  #messageCount = 0
  #emptyCount = 0
  #isHeld = false

  constructor(webSocket: Socket.WebSocketLike, maxBytes: number | undefined) {
    this.#webSocket = webSocket
    this.#maxBytes = maxBytes
    webSocket.addEventListener("message", this.#came)
  }

  readonly #came = ({ data }: Socket.WebSocketEvent): void => {
    if (this.fault !== undefined) return
    // Text, which ours never send, counts for the bytes as which it is taken.
    const bytes = data instanceof ArrayBuffer
      ? data.byteLength
      : typeof data === "string"
      ? encoder.encode(data).length
      : 0
    this.#messageCount++
    this.#bytes += Math.max(bytes, leastBytes)
    this.#emptyCount = bytes === 0 ? this.#emptyCount + 1 : Math.max(0, this.#emptyCount - 1)
    if (this.#emptyCount > maxEmptyMessages) this.#end(tooEmpty)
    else if (this.#maxBytes !== undefined && this.#bytes > this.#maxBytes) this.#end(tooMuch)
    else if (this.#messageCount >= maxMessages) this.#hold(true)
  }

  taken<A extends ReadonlyArray<Uint8Array>>(chunks: A): A {
    this.#messageCount -= chunks.length
    for (const chunk of chunks) this.#bytes -= Math.max(chunk.length, leastBytes)
    if (this.#messageCount < maxMessages) this.#hold(false)
    return chunks
  }

  /** Nobody reads any more: what still comes is dropped, so that the other end's farewell gets through. */
  stop(): void {
    this.#webSocket.removeEventListener("message", this.#came)
    this.#hold(false)
  }

  #end(fault: ConnectionClosed): void {
    this.fault = fault
    this.#webSocket.close(unreadCode)
    // A farewell would be waited for while more and more comes; browsers drop that by themselves.
    cut(this.#webSocket)
  }

  #hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld || !isPausable(this.#webSocket)) return
    this.#isHeld = isHeld
    if (isHeld) this.#webSocket.pause()
    else this.#webSocket.resume()
  }
}

const isPausable = (
  webSocket: Socket.WebSocketLike
): webSocket is Socket.WebSocketLike & { readonly pause: () => void; readonly resume: () => void } =>
  "pause" in webSocket && typeof webSocket.pause === "function"

/** Ends a connection without a farewell, where the platform can. */
export const cut = (webSocket: Socket.WebSocketLike): void => {
  if ("terminate" in webSocket && typeof webSocket.terminate === "function") webSocket.terminate()
}
