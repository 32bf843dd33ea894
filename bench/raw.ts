/**
 * The yardstick: `node:net` with the frames of the protocol (four bytes of length) and the same
 * batching, small frames of a tick joined and large ones uncopied, and nothing else. As
 * `raw + hash` it also takes one SHA-384 over each payload where a mesh cannot avoid it: where it
 * is sent, and at each node that receives it. As `raw + codec` its frames are messages of the protocol (`rawCodec.ts`).
 */
import * as crypto from "node:crypto"
import { once } from "node:events"
import * as net from "node:net"
import * as tls from "node:tls"
import { type BenchNode, paced, type StartNode, type Variant } from "./node.ts"
import { type Payloads, stamped, type Tally, type Value } from "./payload.ts"
import { startCodecWire } from "./rawCodec.ts"

const headerBytes = 4
const blockBytes = 65_536
const joinBelowBytes = 16_384
const fewBytes = 4096

/** Joins small frames into blocks, and writes each to all sockets. */
export class FrameWriter {
  readonly #sockets: Array<net.Socket> = []
  #block = Buffer.allocUnsafeSlow(blockBytes)
  #draining: Promise<void> | undefined
  #blockCount = 0

  get count(): number {
    return this.#sockets.length
  }

  add(socket: net.Socket): void {
    this.#sockets.push(socket)
  }

  write(payload: Uint8Array): void {
    if (payload.length >= joinBelowBytes) {
      this.flush()
      const header = Buffer.allocUnsafe(headerBytes)
      header.writeUInt32BE(payload.length)
      for (const socket of this.#sockets) {
        socket.cork()
        socket.write(header)
        socket.write(payload)
        socket.uncork()
      }
      return
    }
    if (this.#blockCount + headerBytes + payload.length > blockBytes) this.flush()
    this.#block.writeUInt32BE(payload.length, this.#blockCount)
    this.#block.set(payload, this.#blockCount + headerBytes)
    this.#blockCount += headerBytes + payload.length
  }

  flush(): void {
    if (this.#blockCount === 0) return
    const written = this.#block.subarray(0, this.#blockCount)
    // A new block for each of a few bytes would keep the engine busy with what it holds outside of its heap.
    const isFew = written.length < fewBytes
    const bytes = isFew ? Buffer.from(written) : written
    for (const socket of this.#sockets) socket.write(bytes)
    if (!isFew) this.#block = Buffer.allocUnsafeSlow(blockBytes)
    this.#blockCount = 0
  }

  get isFull(): boolean {
    return this.#sockets.some((socket) => socket.writableNeedDrain)
  }

  /** One wait for all who wait: some give up, and would leave a listener each. */
  drained(): Promise<void> {
    return this.#draining ??= this.#untilDrained().finally(() => this.#draining = undefined)
  }

  async #untilDrained(): Promise<void> {
    for (const socket of this.#sockets) {
      if (socket.writableNeedDrain) await once(socket, "drain")
    }
  }
}

/** Cuts chunks into payloads: views where they lie in one chunk, copies else. */
export class FrameReader {
  readonly #onPayload: (payload: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)
  #body: Buffer | undefined
  #bodyCount = 0

  constructor(onPayload: (payload: Buffer) => void) {
    this.#onPayload = onPayload
  }

  push(chunk: Buffer): void {
    let position = 0
    if (this.#body !== undefined) {
      position = chunk.copy(this.#body, this.#bodyCount)
      this.#bodyCount += position
      if (this.#bodyCount < this.#body.length) return
      this.#onPayload(this.#body)
      this.#body = undefined
    }
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length - position >= headerBytes) {
      const end = position + headerBytes + bytes.readUInt32BE(position)
      if (end > bytes.length) break
      this.#onPayload(bytes.subarray(position + headerBytes, end))
      position = end
    }
    this.#keep(bytes.subarray(position))
  }

  #keep(rest: Buffer): void {
    const bodyBytes = rest.length < headerBytes ? 0 : rest.readUInt32BE(0)
    if (bodyBytes < joinBelowBytes) {
      this.#rest = rest
      return
    }
    this.#rest = Buffer.alloc(0)
    this.#body = Buffer.allocUnsafeSlow(bodyBytes)
    this.#bodyCount = rest.copy(this.#body, 0, headerBytes)
  }
}

/** Keeps digests in use. */
let sink = 0

export const hash = (payload: Uint8Array): void => {
  sink += crypto.hash("sha384", payload, "binary").length
}

/** What stands in frames for payloads. Nothing is made for a message that the yardstick does not need. */
export interface RawWire {
  readonly bodyOf: (payload: Uint8Array) => Uint8Array
  readonly payloadOf: (body: Buffer) => Uint8Array
  /** The body with which the last one that was read is passed on. */
  readonly relayedBody: (body: Buffer) => Uint8Array
}

const same = <A>(bytes: A): A => bytes

const hashed = <A extends Uint8Array>(bytes: A): A => {
  hash(bytes)
  return bytes
}

/** Payloads as they are. */
export const plainWire: RawWire = { bodyOf: same, payloadOf: same, relayedBody: same }
const hashingWire: RawWire = { bodyOf: hashed, payloadOf: hashed, relayedBody: same }

const wireOf = (variant: Variant): RawWire | Promise<RawWire> => {
  switch (variant) {
    case "raw + hash":
    case "raw TLS + hash":
      return hashingWire
    case "raw + codec":
      return startCodecWire()
    default:
      return plainWire
  }
}

/** What is sent and counted: payloads on a wire, or values in JSON with a digest at each end. */
interface Content {
  readonly next: (payloads: Payloads, bytes: number) => Uint8Array
  readonly take: (tally: Tally, body: Buffer) => void
}

const payloadsOn = (wire: RawWire): Content => ({
  next: (payloads, bytes) => wire.bodyOf(payloads.next(bytes)),
  take: (tally, body) => tally.take(wire.payloadOf(body))
})

const hashedValues: Content = {
  next: (payloads, bytes) => hashed(Buffer.from(JSON.stringify(payloads.nextValue(bytes)))),
  take: (tally, body) => tally.takeCount((JSON.parse(hashed(body).toString()) as Value).count)
}

/** A key and its certificate, as PEM. */
export interface Credentials {
  readonly key: string
  readonly cert: string
}

/** A node that passes on what it receives to the nodes that it dialed; over TLS where it is given credentials. */
export const startRaw = (credentials?: Credentials): StartNode => async (variant, tally, onRemark) => {
  const wire = await wireOf(variant)
  const content = variant === "raw JSON + hash" ? hashedValues : payloadsOn(wire)
  const writer = new FrameWriter()
  const sockets = new Set<net.Socket>()
  const keep = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on("error", (error) => onRemark(`raw socket: ${error.message}`))
  }
  const serve = (socket: net.Socket): void => {
    keep(socket)
    const reader = new FrameReader((body) => {
      content.take(tally, body)
      if (writer.count > 0) writer.write(wire.relayedBody(body))
    })
    socket.on("data", (chunk: Buffer) => {
      reader.push(chunk)
      tally.endBatch()
      writer.flush()
      if (!writer.isFull) return
      socket.pause()
      void writer.drained().then(() => socket.resume())
    })
  }
  const server = credentials === undefined
    ? net.createServer({ noDelay: true }, serve)
    : tls.createServer({ ...credentials, noDelay: true }, serve)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")

  const publish = async (payloads: Payloads, bytes: number, millis: number): Promise<number> => {
    const until = performance.now() + millis
    let count = 0
    for (; performance.now() < until; count++) {
      writer.write(content.next(payloads, bytes))
      if (writer.isFull) await writer.drained()
    }
    writer.flush()
    return count
  }
  const pace = (payloads: Payloads, bytes: number, millis: number, rate: number): Promise<number> =>
    paced(millis, rate, () => {
      writer.write(wire.bodyOf(stamped(payloads.next(bytes))))
      writer.flush()
    })
  const node: BenchNode = {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    connect: async (address) => {
      const [host, port] = address.split(":")
      const to = { host: host!, port: Number(port) }
      const socket = credentials === undefined
        ? net.createConnection({ ...to, noDelay: true })
        : tls.connect({ ...to, rejectUnauthorized: false })
      keep(socket)
      await once(socket, credentials === undefined ? "connect" : "secureConnect")
      socket.setNoDelay(true)
      writer.add(socket)
    },
    linked: () => Promise.resolve(),
    publish,
    pace,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
  return node
}
