/**
 * gossipsub with one topic: `gossipsub` in plain text and unsigned, as `NodeMesh.layer` goes, `signed gossipsub` over
 * Noise with each message signed, as `NodeMesh.layerTls({ sign: true })` does.
 *
 * `publish` resolves as soon as a message is queued, whatever the peers take: so this program gives the event loop a
 * turn after each few messages, where `Mesh.broadcast` waits by itself.
 */
import { setImmediate } from "node:timers/promises"
import { type BenchNode, paced, type StartNode } from "../node.ts"
import { type Payloads, stamped } from "../payload.ts"
import { load, type Part, startLibp2p, until } from "./libp2p.ts"

interface PubSub {
  readonly subscribe: (topic: string) => void
  readonly publish: (topic: string, data: Uint8Array) => Promise<unknown>
  readonly getMeshPeers: (topic: string) => ReadonlyArray<string>
  readonly addEventListener: (
    event: "message",
    take: (message: { readonly detail: { readonly data: Uint8Array } }) => void
  ) => void
}

const topic = "bench"
/** Messages that are published before the event loop gets a turn. */
const burst = 8

export const startGossipsub: StartNode = async (variant, tally) => {
  const isSigned = variant === "signed gossipsub"
  const { gossipsub } = await load<{ gossipsub: Part }>("@libp2p/gossipsub")
  const { multiaddr } = await load<{ multiaddr: (text: string) => unknown }>("@multiformats/multiaddr")
  const libp2p = await startLibp2p<{ readonly pubsub: PubSub }>(isSigned ? "noise" : "plaintext", {
    pubsub: gossipsub({
      globalSignaturePolicy: isSigned ? "StrictSign" : "StrictNoSign",
      // As its documentation advises for speed: a message is encoded once, and not for each peer.
      batchPublish: true,
      // By default a node tells its peers of each message from 512 bytes on that it has it. That spares a line of little
      // bandwidth copies; over loopback it took two thirds of the rate from ten nodes with 1 KiB.
      idontwantMinDataSize: Number.POSITIVE_INFINITY
    })
  })
  const { pubsub } = libp2p.services
  pubsub.addEventListener("message", ({ detail }) => {
    tally.take(detail.data)
    tally.endBatch()
  })
  pubsub.subscribe(topic)

  const publish = async (payloads: Payloads, bytes: number, millis: number): Promise<number> => {
    const until = performance.now() + millis
    let count = 0
    for (; performance.now() < until; count++) {
      await pubsub.publish(topic, payloads.next(bytes))
      if (count % burst === 0) await setImmediate()
    }
    return count
  }
  const pace = (payloads: Payloads, bytes: number, millis: number, rate: number): Promise<number> =>
    paced(millis, rate, async () => {
      await pubsub.publish(topic, stamped(payloads.next(bytes)))
    })
  const node: BenchNode = {
    address: String(libp2p.getMultiaddrs()[0]),
    connect: async (address) => {
      await libp2p.dial(multiaddr(address))
    },
    // A link is one that messages go over: those of the topic's mesh, which is made once a second.
    linked: (count) => until(() => pubsub.getMeshPeers(topic).length >= count, `${count} peers in the topic's mesh`),
    publish,
    pace,
    stop: () => libp2p.stop()
  }
  return node
}
