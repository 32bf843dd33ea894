/**
 * A peer that a test plays by hand over any Transport: it writes the messages it is told to, right or
 * wrong, and keeps what it reads. With the handshake of an original node, or of one of ours.
 */
import { Effect, Option, Stream } from "effect"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import type { WireVersion } from "../../src/Layers/WireVersion.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import type { Message, MessageType } from "../../src/Protocol/Message.ts"
import type { Packet } from "../../src/Protocol/Packet.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { ConnectionClosed } from "../../src/Transport/Transport.ts"
import type { TestNode } from "./MeshNetwork.ts"

export interface RawPeerOptions {
  /** Its host on the network. */
  readonly host: string
  /** Its node id. Default `"raw"`. */
  readonly id?: string
  /** The methods of its handshake; `effect-p2p:1:7` makes it one of ours. Default those of js2p. */
  readonly methods?: ReadonlyArray<string>
  /** The network of its handshake; by default the node's own. */
  readonly networkId?: string
  /** The wire version it speaks. Default `"0.4"`. */
  readonly protocol?: WireVersion
  /** Whether it reads at all. Default true. */
  readonly reads?: boolean
  /** Where it says it can be dialed. Default its host at port 4444. */
  readonly address?: PeerAddress
  /** Where it dials the node, when that is not the address that the node tells. */
  readonly at?: PeerAddress
}

/** Connects to a node; the handshake is the test's to send. */
export const dial = Effect.fnUntraced(function*(node: Pick<TestNode, "mesh">, options: RawPeerOptions) {
  const protocol = yield* Effect.provide(Protocol, MemoryMesh.layerWire(options.protocol))
  const network = yield* MemoryNetwork
  const connection = yield* network.transport(options.host).dial(options.at ?? node.mesh.address)
  const id = options.id ?? "raw"
  const address = options.address ?? new PeerAddress({ host: options.host, port: 4444 })
  const received: Array<Message> = []
  let ended = Option.none<ConnectionClosed>()

  const write = (bytes: Uint8Array) => Effect.ignore(connection.send([bytes]))
  const say = (message: Message) => write(frame(protocol.encode(message)))
  const make = (type: MessageType, payload: ReadonlyArray<Packet>, time: number, sender = id) =>
    protocol.make(type, sender, payload, time)

  if (options.reads ?? true) {
    const splitter = new FrameSplitter(1 << 24)
    yield* Stream.runForEach(connection.incoming, (chunk) =>
      Effect.sync(() => {
        const bodies: Array<Uint8Array> = []
        splitter.push(chunk, bodies)
        for (const body of bodies) {
          const message = protocol.decode(body)
          if (!isWireFault(message)) received.push(message)
        }
      })).pipe(
        Effect.catch((error) => Effect.sync(() => void (ended = Option.some(error)))),
        Effect.forkScoped({ startImmediately: true })
      )
  }
  return {
    id,
    protocol,
    received,
    /** How the node ended the connection; none while it is open. */
    ended: () => ended,
    write,
    say,
    make,
    /** Whispers what a payload says. */
    tell: (payload: Payload, time = 0) => say(make("whisper", protocol.encodePayload(payload), time)),
    handshake: say(make(
      "whisper",
      protocol.encodePayload({
        _tag: "Handshake",
        nodeId: id,
        networkId: options.networkId ?? node.mesh.networkId,
        address,
        methods: options.methods ?? ["zlib", "gzip"]
      }),
      0
    )),
    /** What it read so far, decoded as far as it can be. */
    payloads: () => received.map((message) => protocol.decodePayload(message.packets))
  }
})

/** Takes connections at an address, and says nothing. */
export const silence = Effect.fnUntraced(function*(address: PeerAddress) {
  const listener = yield* (yield* MemoryNetwork).transport(address.hostname).listen(address)
  yield* Effect.forkScoped(listener.serve(() => Effect.never))
})

/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
