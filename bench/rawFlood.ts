/**
 * The yardstick for a network with loops: as `raw.ts`, but a node passes on each payload that it has not seen
 * to all whom it is linked with, except the one that it came from. As `raw flood + hash` it hashes every
 * payload that it receives, those that it has seen included: a mesh has to, before it knows that.
 */
import { once } from "node:events"
import * as net from "node:net"
import { setTimeout } from "node:timers/promises"
import { type BenchNode, paced, type StartNode } from "./node.ts"
import { type Payloads, readCounter, stamped } from "./payload.ts"
import { FrameReader, FrameWriter, hash } from "./raw.ts"

const longestPauseMillis = 20

export const startRawFlood: StartNode = async (variant, tally, onRemark) => {
  const isHashing = variant === "raw flood + hash"
  const writers = new Map<net.Socket, FrameWriter>()
  const seen = new Set<number>()
  const flush = (): void => {
    for (const writer of writers.values()) writer.flush()
  }
  const drained = async (): Promise<void> => {
    for (const writer of writers.values()) await writer.drained()
  }
  const isFull = (): boolean => {
    for (const writer of writers.values()) {
      if (writer.isFull) return true
    }
    return false
  }
  const serve = (socket: net.Socket): void => {
    const writer = new FrameWriter()
    writer.add(socket)
    writers.set(socket, writer)
    socket.on("error", (error) => onRemark(`raw socket: ${error.message}`))
    const reader = new FrameReader((payload) => {
      if (isHashing) hash(payload)
      const counter = readCounter(payload)
      if (seen.has(counter)) return
      seen.add(counter)
      tally.take(payload)
      for (const [other, writer] of writers) {
        if (other !== socket) writer.write(payload)
      }
    })
    socket.on("data", (chunk: Buffer) => {
      reader.push(chunk)
      tally.endBatch()
      flush()
      if (!isFull()) return
      socket.pause()
      // In a loop each may wait for the next one to read: not for long.
      void Promise.race([drained(), setTimeout(longestPauseMillis)]).then(() => socket.resume())
    })
  }
  const server = net.createServer({ noDelay: true }, serve)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")

  const send = (payload: Uint8Array): void => {
    if (isHashing) hash(payload)
    seen.add(readCounter(payload))
    for (const writer of writers.values()) writer.write(payload)
  }
  const node: BenchNode = {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    connect: async (address) => {
      const [host, port] = address.split(":")
      const socket = net.createConnection({ host: host!, port: Number(port), noDelay: true })
      await once(socket, "connect")
      serve(socket)
    },
    linked: async (count) => {
      while (writers.size < count) await setTimeout(5)
    },
    publish: async (payloads: Payloads, bytes, millis) => {
      const until = performance.now() + millis
      let count = 0
      for (; performance.now() < until; count++) {
        send(payloads.next(bytes))
        if (isFull()) await drained()
      }
      flush()
      return count
    },
    pace: (payloads, bytes, millis, rate) =>
      paced(millis, rate, () => {
        send(stamped(payloads.next(bytes)))
        flush()
      }),
    stop: async () => {
      for (const socket of writers.keys()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
  return node
}
