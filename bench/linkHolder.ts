/**
 * A process that holds links: `node --expose-gc bench/linkHolder.ts ROLE`. It tells its parent what it holds
 * when it is asked to: bytes of heap and buffers after a collection, and the processor time of a while of idling.
 */
import { Effect, Layer, ManagedRuntime } from "effect"
import { once } from "node:events"
import * as net from "node:net"
import { formatAddress, Mesh } from "../src/index.ts"
import { NodeMesh } from "../src/Layers/node.ts"
import { MemoryMesh } from "../src/Layers/simulation.ts"
import { MemoryNetwork } from "../src/Transport/MemoryNetwork.ts"

/** Who a process is, and what it is asked. */
export type Role = "mesh hub" | "mesh spokes" | "raw hub" | "raw spokes" | "memory hub"
export type LinkRequest =
  | { readonly type: "start" }
  | { readonly type: "dial"; readonly address: string; readonly count: number }
  | { readonly type: "weigh" }
  | { readonly type: "idle"; readonly millis: number }

const role = process.argv[2] as Role

/** Nobody learns of others: an address book is no part of a link. */
const meshOptions = { maxOutboundLinks: 0, maxInboundLinks: 10_000, maxPeersPerList: 1 }

const meshOf = async (layer: Layer.Layer<Mesh, unknown>): Promise<Mesh["Service"]> =>
  ManagedRuntime.make(layer).runPromise(Effect.gen(function*() {
    return yield* Mesh
  }))

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

let hub: Mesh["Service"] | undefined
const sockets: Array<net.Socket> = []
/** One network for all nodes of this process. */
const network = ManagedRuntime.make(MemoryNetwork.layer())

const memoryNode = async (host: string): Promise<Mesh["Service"]> =>
  meshOf(
    MemoryMesh.layer({ host, ...meshOptions }).pipe(
      Layer.provide(Layer.succeedContext(await network.context()))
    )
  )

const start = async (): Promise<string> => {
  if (role === "raw hub") {
    const server = net.createServer({ noDelay: true }, (socket) => {
      sockets.push(socket)
      socket.on("data", () => {})
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  }
  hub = role === "memory hub" ? await memoryNode("hub") : await meshOf(NodeMesh.layer(meshOptions))
  return formatAddress(hub.address)
}

/** Nodes that wait to be linked, made before anything is weighed. */
const spokes: Array<Mesh["Service"]> = []

const dial = async (address: string, count: number): Promise<void> => {
  if (role === "raw spokes") {
    const [host, port] = address.split(":")
    for (let i = 0; i < count; i++) {
      const socket = net.createConnection({ host: host!, port: Number(port), noDelay: true })
      await once(socket, "connect")
      sockets.push(socket)
    }
    return
  }
  for (const spoke of spokes) await run(spoke.connect(address))
  if (role !== "memory hub") return
  while ((await run(hub!.peers)).length < count) await run(Effect.sleep("20 millis"))
}

const prepare = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) {
    spokes.push(await (role === "memory hub" ? memoryNode(`spoke-${i}`) : meshOf(NodeMesh.layer(meshOptions))))
  }
}

const weigh = async (): Promise<number> => {
  await run(Effect.sleep("500 millis"))
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    await run(Effect.sleep("20 millis"))
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const idle = async (millis: number): Promise<number> => {
  const before = process.cpuUsage()
  await run(Effect.sleep(millis))
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1000
}

process.on("message", (request: LinkRequest & { readonly count?: number }) => {
  const answer = async (): Promise<unknown> => {
    switch (request.type) {
      case "start":
        if (role === "mesh spokes" || role === "memory hub") await prepare(Number(process.argv[3]))
        return role === "mesh spokes" || role === "raw spokes" ? "" : start()
      case "dial":
        return dial(request.address, request.count)
      case "weigh":
        return weigh()
      case "idle":
        return idle(request.millis)
    }
  }
  void answer().then((value) => process.send!(value ?? null))
})
process.on("disconnect", () => process.exit())
