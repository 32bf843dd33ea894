/**
 * One end of a connection that a test plays by hand, over any Transport and in either role: it writes
 * bytes, frames or messages, and keeps every message it reads with the frame it came in.
 */
import { type Context, Deferred, Effect, Layer, Queue, Stream } from "effect"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import { frame } from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import type { Message } from "../../src/Protocol/Message.ts"
import type { Payload } from "../../src/Protocol/Payload.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import type { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import type { LinkOptions } from "../../src/Transport/Link.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection, ConnectionClosed } from "../../src/Transport/Transport.ts"

/** Version 0.4 with real digests and compressions, as the original nodes have them. */
export const wire: Layer.Layer<Protocol> = Protocol04.layer.pipe(
  Layer.provide([NodeHashing.layer, NodeCompression.layer])
)

/** The bounds of a link whose peer is played. */
export const linkOptions: LinkOptions = {
  nodeId: "me",
  maxMessageBytes: 100_000,
  maxOutboxBytes: 50_000,
  compressFromBytes: 100,
  drainTimeout: "1 second"
}

/** The methods in the handshakes of the original nodes, and of one of ours. */
export const py2p = ["zlib", "gzip", "bz2", "lzma"]
export const js2p = ["zlib", "gzip"]
export const ours = ["zlib", "gzip", "effect-p2p:1:1"]

/** A message as it was read. */
export interface Received {
  readonly message: Message
  /** What it says; undefined when that cannot be decoded. */
  readonly says: Payload | undefined
  readonly isCompressed: boolean
}

const maxBytes = 1 << 26

/** Plays the peer at this end of a connection. Fails the test when it reads what is no message. */
export const make = Effect.fnUntraced(function*(
  connection: Connection,
  protocol: Context.Service.Shape<typeof Protocol>,
  id = "scripted"
) {
  const received: Array<Received> = []
  const arrived = yield* Queue.unbounded<Received>()
  const ended = yield* Deferred.make<ConnectionClosed>()
  const splitter = new FrameSplitter(maxBytes)

  const read = (body: Uint8Array): Received => {
    const plain = protocol.unpack(body, protocol.methods, maxBytes)
    if (isWireFault(plain)) throw new Error(plain.detail)
    const message = protocol.decode(plain)
    if (isWireFault(message)) throw new Error(message.detail)
    const says = protocol.decodePayload(message.packets)
    return { message, says: isWireFault(says) ? undefined : says, isCompressed: plain !== body }
  }
  yield* Stream.runForEach(connection.incoming, (chunk) =>
    Effect.sync(() => {
      const bodies: Array<Uint8Array> = []
      splitter.push(chunk, bodies)
      for (const body of bodies) {
        const one = read(body)
        received.push(one)
        Queue.offerUnsafe(arrived, one)
      }
    })).pipe(
      Effect.catch((error) => Deferred.succeed(ended, error)),
      Effect.catchDefect((defect) => Deferred.die(ended, defect)),
      Effect.forkScoped({ startImmediately: true })
    )

  const write = (bytes: Uint8Array) => Effect.ignore(connection.send([bytes]))
  const send = (message: Message) => write(frame(protocol.encode(message)))
  const makeMessage = (type: Message["type"], payload: Payload, time = 0) =>
    protocol.make(type, id, protocol.encodePayload(payload), time)
  const waitFor: (predicate: (one: Received) => boolean) => Effect.Effect<Received> = (predicate) =>
    Effect.flatMap(Queue.take(arrived), (one) => predicate(one) ? Effect.succeed(one) : waitFor(predicate))

  return {
    id,
    connection,
    /** Everything read so far. */
    received,
    /** How the other end ended the connection. */
    ended: Deferred.await(ended),
    isEnded: Deferred.isDone(ended),
    write,
    send,
    /** Says something in a message of a type. */
    say: (type: Message["type"], payload: Payload, time?: number) => send(makeMessage(type, payload, time)),
    /** The next message that was not waited for yet and says this; what comes before it is passed over. */
    next: (tag: Payload["_tag"]) => waitFor((one) => one.says?._tag === tag),
    waitFor,
    handshake: (networkId: string, methods: ReadonlyArray<string>, address: PeerAddress | null) =>
      send(makeMessage("whisper", { _tag: "Handshake", nodeId: id, networkId, address, methods })),
    /** Comes back when the other end has read, in order, all that was written before. */
    sync: Effect.suspend(() => {
      const nonce = Uint8Array.of(received.length & 0xff, received.length >>> 8)
      return Effect.andThen(
        send(makeMessage("ping", { _tag: "Ping", packets: [nonce] })),
        waitFor((one) => one.says?._tag === "Pong")
      )
    })
  }
})

export type ScriptedPeer = Effect.Success<ReturnType<typeof make>>

/** The two ends of a new connection between two hosts of the network. */
export const connectHosts = Effect.fnUntraced(function*(dialer = "near", listener = "far") {
  const network = yield* MemoryNetwork
  const bound = yield* network.transport(listener).listen(new PeerAddress({ host: listener, port: 0 }))
  const accepted = yield* Deferred.make<Connection>()
  yield* Effect.forkScoped(
    bound.serve((connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  )
  const dialed = yield* network.transport(dialer).dial(bound.address)
  return { dialed, accepted: yield* Deferred.await(accepted) }
})

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The bytes of a text. */
export const bytesOf = (text: string): Uint8Array => encoder.encode(text)

/** The packets of a payload as texts. */
export const textsOf = (payload: Payload | undefined): ReadonlyArray<string> =>
  payload !== undefined && "packets" in payload ? payload.packets.map((packet) => decoder.decode(packet)) : []

/** What a user broadcasts, of texts. */
export const broadcastOf = (...texts: ReadonlyArray<string>): Payload => ({
  _tag: "UserBroadcast",
  packets: texts.map(bytesOf)
})

/** What a user whispers, of texts. */
export const whisperOf = (...texts: ReadonlyArray<string>): Payload => ({
  _tag: "UserWhisper",
  packets: texts.map(bytesOf)
})
