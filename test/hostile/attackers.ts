/** Attackers in a thread of their own: they write to the node until their time is over. */
import * as Net from "node:net"
import { workerData } from "node:worker_threads"
import * as zlib from "node:zlib"
import * as Attacker from "./Attacker.ts"

export interface Attack {
  readonly kind: "unique ids" | "connects" | "headers" | "bombs" | "pings"
  readonly seconds: number
  readonly port: number
  readonly networkId: string
}

const { kind, networkId, port, seconds }: Attack = workerData
const end = performance.now() + seconds * 1000
const isOver = () => performance.now() >= end
const text = (value: string) => new TextEncoder().encode(value)

const connect = (host: string): Net.Socket => {
  const socket = Net.createConnection({ host: "127.0.0.1", port, localAddress: host, noDelay: true })
  socket.on("error", () => socket.destroy())
  socket.resume()
  return socket
}

/** Writes as much as the other end takes, part by part. */
const pour = (host: string, part: () => Uint8Array): void => {
  const socket = connect(host)
  const write = (): void => {
    if (isOver() || socket.destroyed) return void socket.destroy()
    if (socket.write(part())) setImmediate(write)
    else socket.once("drain", write)
  }
  socket.once("connect", () => {
    socket.write(Attacker.handshake(host, networkId, ["\u0013", "effect-p2p:1:1"]))
    setTimeout(write, 50)
  })
  socket.once("close", () => isOver() ? undefined : setTimeout(() => pour(host, part), 120))
}

/** Connects so many times a second, writes something, and is not surprised when that fails. */
const knock = (host: string, perSecond: number, bytes: Uint8Array): void => {
  const timer = setInterval(() => {
    if (isOver()) return clearInterval(timer)
    const socket = connect(host)
    socket.once("connect", () => socket.write(bytes))
    setTimeout(() => socket.destroy(), 500)
  }, 1000 / perSecond)
}

const join = (parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))

let number = 0
const uniqueIds = () => join(Array.from({ length: 50 }, () => Attacker.broadcast("flood", `unique ${number++}`)))

const pings = join(Array.from({ length: 200 }, () => Attacker.message("ping", "pinger", [Uint8Array.of(4), text("x")])))

/** A gigabyte of zeros in a megabyte. */
const bomb = (): Uint8Array => {
  const packed = zlib.deflateSync(Buffer.alloc(2 ** 30))
  const header = Buffer.alloc(4)
  header.writeUInt32BE(packed.length)
  return join([header, packed])
}

switch (kind) {
  case "unique ids":
    pour("127.0.1.1", uniqueIds)
    break
  case "pings":
    for (let i = 1; i <= 4; i++) pour(`127.0.1.${i}`, () => pings)
    break
  case "connects":
    knock("127.0.1.1", 100, Attacker.handshake("knocks", networkId))
    break
  case "headers":
    for (let i = 1; i <= 4; i++) {
      pour(`127.0.1.${i}`, () => Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    }
    break
  case "bombs": {
    const bytes = bomb()
    for (let i = 1; i <= 4; i++) pour(`127.0.1.${i}`, () => bytes)
    break
  }
}
