/**
 * The yardstick of a ring: questions and answers over `node:net`, with the frames and the joined writes of
 * `bench/raw.ts`, and nothing else, or as messages of the protocol (`bench/rawCodec.ts`). Whoever is asked may have to
 * ask others first, as the owner of a key does for its copies.
 */
import { once } from "node:events"
import * as net from "node:net"
import { FrameReader, FrameWriter, type RawWire } from "../raw.ts"

/** A frame begins with whether it asks, its number, and how many others are to be asked. */
const headBytes = 6

/** What takes the place of one operation; fractions are the mean of whole numbers. */
export interface Cost {
  /** Round trips of the node that wants something, to one other node each. */
  readonly direct: number
  /** Those of each node that it asks. */
  readonly onward: number
  /** Of one message. */
  readonly bytes: number
}

/** A connection that questions go out on. */
interface Way {
  readonly ask: (onward: number, bytes: number) => Promise<void>
}

/** Frames of one turn are written together. */
const writeTo = (wire: RawWire, socket: net.Socket) => {
  const writer = new FrameWriter()
  writer.add(socket)
  let isDue = false
  return (isQuestion: boolean, number: number, onward: number, bytes: number): void => {
    const frame = Buffer.alloc(Math.max(headBytes, bytes))
    frame[0] = isQuestion ? 1 : 0
    frame.writeUInt32BE(number, 1)
    frame[5] = onward
    writer.write(wire.bodyOf(frame))
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      writer.flush()
    })
  }
}

const read = (wire: RawWire, socket: net.Socket, take: (frame: Uint8Array) => void): void => {
  const reader = new FrameReader((body) => take(wire.payloadOf(body)))
  socket.on("data", (chunk: Buffer) => reader.push(chunk))
}

const numberIn = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(1)

/** A whole number: this one on average. */
const someOf = (mean: number): number => Math.floor(mean + Math.random())

export class RoundTripNode {
  readonly #wire: RawWire
  /** What the wire puts around a payload. */
  readonly #wireBytes: number
  readonly #server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket))
  #ways: ReadonlyArray<Way> = []
  #next = 0

  constructor(wire: RawWire) {
    this.#wire = wire
    this.#wireBytes = wire.bodyOf(new Uint8Array(headBytes)).length - headBytes
  }

  /** Listens, and gives the port. */
  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
    return (this.#server.address() as net.AddressInfo).port
  }

  /** Connects to all others. */
  async connect(ports: ReadonlyArray<number>): Promise<void> {
    this.#ways = await Promise.all(ports.map(async (port) => {
      const socket = net.createConnection({ host: "127.0.0.1", port, noDelay: true })
      await once(socket, "connect")
      const waiting = new Map<number, () => void>()
      const write = writeTo(this.#wire, socket)
      let count = 0
      read(this.#wire, socket, (frame) => {
        const number = numberIn(frame)
        waiting.get(number)?.()
        waiting.delete(number)
      })
      return {
        ask: (onward, bytes) =>
          new Promise((resolve) => {
            waiting.set(count, resolve)
            write(true, count++, onward, bytes)
          })
      }
    }))
  }

  /** What one operation would cost without anything but messages. */
  async operate({ bytes, direct, onward }: Cost): Promise<void> {
    await Promise.all(Array.from({ length: someOf(direct) }, () => this.#ask(someOf(onward), bytes - this.#wireBytes)))
  }

  #ask(onward: number, bytes: number): Promise<void> {
    return this.#ways[this.#next++ % this.#ways.length]!.ask(onward, bytes)
  }

  #serve(socket: net.Socket): void {
    const write = writeTo(this.#wire, socket)
    // Whoever drove this is gone.
    socket.on("error", () => socket.destroy())
    read(this.#wire, socket, (frame) => {
      const number = numberIn(frame)
      const onward = frame[5]!
      const { length } = frame
      if (onward === 0) return write(false, number, 0, length)
      void Promise.all(Array.from({ length: onward }, () => this.#ask(0, length)))
        .then(() => write(false, number, 0, length))
    })
  }
}
