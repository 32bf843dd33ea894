/**
 * Eight nodes that keep a dictionary, in a process of its own: `node bench/versus/ring.ts chord` or `kad-dht`. One of
 * them sets and gets for whoever started it, as many as are asked for at once; it ends with that process.
 */
import { Effect, ManagedRuntime } from "effect"
import { setTimeout } from "node:timers/promises"
import { Chord, formatAddress } from "../../src/index.ts"
import { NodeChord } from "../../src/Layers/node.ts"
import { type Libp2p, load, type Part, startLibp2p, until } from "./libp2p.ts"

export type Operation = "set" | "get"

/** What the ring is asked. */
export interface Question {
  readonly operation: Operation
  readonly millis: number
}

/** Operations a second. The first answer comes unasked, when the ring stands. */
export interface Answer {
  readonly perSecond: number
}

/** Both fail where that cannot be done; `get` also where there is no value. */
interface Dictionary {
  readonly set: (key: string, value: string) => Promise<unknown>
  readonly get: (key: string) => Promise<unknown>
}

const nodeCount = 8
const inFlight = 32
const keyCount = 64
const value = "x".repeat(64)

const startChord = async (): Promise<Dictionary> => {
  const ring: Array<<A, E>(use: (chord: Chord["Service"]) => Effect.Effect<A, E>) => Promise<A>> = []
  for (let index = 0; index < nodeCount; index++) {
    const bootstrap = await Promise.all(
      ring.slice(0, 1).map((on) => on((chord) => Effect.succeed(formatAddress(chord.address))))
    )
    const runtime = ManagedRuntime.make(NodeChord.layer({ bootstrap }))
    ring.push((use) => runtime.runPromise(Effect.flatMap(Chord, use)))
    await ring[index]!(() => Effect.void)
  }
  const knowsAll = (chord: Chord["Service"]) =>
    Effect.map(
      chord.ring,
      ([member]) => member?.isSyncing === false && member.membership.successors.length === nodeCount - 1
    )
  for (const on of ring) while (!await on(knowsAll)) await setTimeout(100)
  return {
    set: (key, value) => ring[0]!((chord) => chord.set(key, value)),
    get: (key) => ring[0]!((chord) => Effect.flatMap(chord.get(key), Effect.fromOption))
  }
}

interface KadServices {
  readonly ping: unknown
  readonly dht: {
    readonly routingTable: { readonly size: number }
    readonly get: (key: Uint8Array) => AsyncIterable<{ readonly name: string; readonly record?: unknown }>
  }
}

/** Of the copies of a value, those that a get of ours reads, too. */
const copiesRead = 3

const startKad = async (): Promise<Dictionary> => {
  const { kadDHT, passthroughMapper } = await load<{ kadDHT: Part; passthroughMapper: unknown }>("@libp2p/kad-dht")
  const { ping } = await load<{ ping: Part }>("@libp2p/ping")
  const ring: Array<Libp2p<KadServices>> = []
  for (let index = 0; index < nodeCount; index++) {
    const node = await startLibp2p<KadServices>("plaintext", {
      ping: ping(),
      dht: kadDHT({
        protocol: "/bench/kad/1.0.0",
        clientMode: false,
        // Addresses of loopback count as nobody's otherwise.
        peerInfoMapper: passthroughMapper,
        validators: { bench: () => Promise.resolve() },
        selectors: { bench: () => 0 }
      })
    })
    for (const other of ring) await node.dial(other.getMultiaddrs())
    ring.push(node)
  }
  for (const { services } of ring) {
    await until(() => services.dht.routingTable.size >= nodeCount - 1, "all nodes in each routing table")
  }
  const { contentRouting, services } = ring[0]!
  const encoder = new TextEncoder()
  // `contentRouting.get` waits until all nodes have answered, each of which has a copy: half as much work again.
  const get = async (key: Uint8Array): Promise<void> => {
    let copies = 0
    for await (const { name, record } of services.dht.get(key)) {
      if (name === "PEER_RESPONSE" && record !== undefined && ++copies === copiesRead) return
    }
    throw new Error(`kad-dht found ${copies} copies where ${copiesRead} are to be read`)
  }
  return {
    set: (key, value) => contentRouting.put(encoder.encode(`/bench/${key}`), encoder.encode(value)),
    get: (key) => get(encoder.encode(`/bench/${key}`))
  }
}

const dictionary = await (process.argv[2] === "kad-dht" ? startKad() : startChord())
let count = 0

const drive = async ({ millis, operation }: Question): Promise<Answer> => {
  const begun = performance.now()
  let done = 0
  const one = async (): Promise<void> => {
    while (performance.now() < begun + millis) {
      const key = `key ${count++ % keyCount}`
      await (operation === "set" ? dictionary.set(key, value) : dictionary.get(key))
      done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return { perSecond: done / (performance.now() - begun) * 1000 }
}

process.on("disconnect", () => process.exit())
process.on("message", (question: Question) => {
  void drive(question).then((answer) => process.send?.(answer))
})
for (let index = 0; index < keyCount; index++) await dictionary.set(`key ${index}`, value)
process.send?.({ perSecond: 0 } satisfies Answer)
