/**
 * What comes over an open socket, for one reader. While somebody waits for it, it is handed on in the turn in which it
 * comes. What comes while nobody does holds the socket up: Node reads some 64 KiB more at most, then the peer has to wait.
 *
 * Not the reader of Effect's sockets: that one waits for `readable`, reads behind it and wakes a fiber each time, which
 * takes a tenth of the processor of nodes whose messages come one by one (`docs/performance.md`).
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { type Connection, ConnectionClosed } from "../Transport.ts"
import { codeOf } from "./SystemErrors.ts"

type Chunks = NonEmptyReadonlyArray<Uint8Array>

export class NodeSocketReader {
  readonly #socket: Net.Socket
  /** Goes on with whoever waits. */
  #resume: ((pulled: Effect.Effect<Chunks, ConnectionClosed>) => void) | undefined
  /** Looks at bytes that come while somebody waits; see `Connection.intercept`. */
  #look: ((chunks: Chunks) => boolean) | undefined
  /** What came while nobody waited. */
  #held: [Uint8Array, ...Array<Uint8Array>] | undefined
  /** What comes behind the last bytes. */
  #end: ConnectionClosed | undefined

  constructor(socket: Net.Socket) {
    this.#socket = socket
    socket.pause()
    socket.on("data", this.#take)
    socket.on("end", this.#finish).on("close", this.#finish)
    // Heard for as long as there is the socket: an error that nobody hears ends the process.
    socket.on("error", (error) => this.#over(lostBy(error)))
    if (socket.readableEnded || socket.closed) this.#finish()
  }

  readonly pull: Connection["pull"] = Effect.suspend(() => {
    const held = this.#held
    if (held !== undefined) {
      this.#held = undefined
      return Effect.succeed(held)
    }
    if (this.#end !== undefined) return Effect.fail(this.#end)
    if (this.#socket.isPaused()) this.#socket.resume()
    return this.#wait
  })

  readonly #wait: Connection["pull"] = Effect.callback((resume) => {
    this.#resume = resume
    return this.#stopWaiting
  })
  readonly #stopWaiting = Effect.sync(() => {
    this.#resume = undefined
  })

  readonly intercept = (look: (chunks: Chunks) => boolean): void => {
    this.#look = look
  }

  /** Reads no more: whoever waits hears that the connection is lost, and what still comes is for others. */
  stop(): void {
    this.#socket.off("data", this.#take)
    this.#over(aborted)
  }

  readonly #take = (chunk: Uint8Array): void => {
    const chunks: Chunks = [chunk]
    if (this.#resume !== undefined && this.#look?.(chunks) === true) return
    // Looking may have ended the wait, or the connection: a socket that is being closed has to go on reading.
    if (this.#end !== undefined) return
    if (this.#resume !== undefined) this.#wake(Effect.succeed(chunks))
    else {
      if (this.#held === undefined) this.#held = [chunk]
      else this.#held.push(chunk)
      this.#socket.pause()
    }
  }

  /** Closed in order: by the other end, or by this one without an error. */
  readonly #finish = (): void => this.#over(ended)

  /** Only the first end counts. */
  #over(end: ConnectionClosed): void {
    this.#end ??= end
    if (this.#resume !== undefined) this.#wake(Effect.fail(this.#end))
  }

  #wake(pulled: Effect.Effect<Chunks, ConnectionClosed>): void {
    const resume = this.#resume
    this.#resume = undefined
    resume?.(pulled)
  }
}

const ended = new ConnectionClosed({ clean: true, detail: "closed" })

/** It ended at this side. */
export const aborted = new ConnectionClosed({ clean: false, detail: "aborted" })

/** It ended by an error of the socket. */
export const lostBy = (error: Error): ConnectionClosed =>
  new ConnectionClosed({ clean: false, detail: codeOf(error) || "aborted" })
