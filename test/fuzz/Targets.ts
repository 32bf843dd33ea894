/**
 * What is fuzzed: each target takes any bytes and throws when it finds that a promise was broken. All of
 * them are synchronous; time in them is virtual.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Logger, Stream } from "effect"
import { readFileSync } from "node:fs"
import { Chord } from "../../src/Chord/Chord.ts"
import { decodeLine } from "../../src/Cli/MessageJson.ts"
import * as BrowserCompression from "../../src/Layers/BrowserCompression.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import * as MemoryMesh from "../../src/Layers/MemoryMesh.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import { bz2 } from "../../src/Protocol/Compression/Bz2.ts"
import { Compression, type CompressionMethod } from "../../src/Protocol/Compression/Compression.ts"
import { lzma } from "../../src/Protocol/Compression/Lzma.ts"
import { lzString } from "../../src/Protocol/Compression/LzString.ts"
import { snappy } from "../../src/Protocol/Compression/Snappy.ts"
import { frame, headerBytes } from "../../src/Protocol/Frame.ts"
import { FrameSplitter } from "../../src/Protocol/FrameSplitter.ts"
import { Hashing } from "../../src/Protocol/Hashing.ts"
import * as Ids from "../../src/Protocol/internal/Ids.ts"
import type { MessageType } from "../../src/Protocol/Message.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import * as Protocol04 from "../../src/Protocol/Protocol04.ts"
import * as Protocol07 from "../../src/Protocol/Protocol07.ts"
import * as MessageCodec from "../../src/Protocol/v04/MessageCodec.ts"
import * as PayloadCodec from "../../src/Protocol/v04/PayloadCodec.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { join } from "../utils/bytes.ts"
import type { Draws } from "./Draws.ts"
import * as Grammar from "./Grammar.ts"

export interface Target {
  readonly name: string
  readonly maxBytes: number
  /** An input by the grammar. */
  readonly generate: (draws: Draws) => Uint8Array
  readonly run: (bytes: Uint8Array) => void
}

const hashing = Effect.runSync(Effect.provide(Hashing, NodeHashing.layer))
const fastText = Ids.idText(Effect.runSync(Effect.provide(Hashing, Hashing.layerFast)))
const methods: ReadonlyArray<CompressionMethod> = [
  NodeCompression.zlibMethod,
  NodeCompression.gzipMethod,
  snappy,
  lzString,
  bz2,
  lzma
]
const protocol = Effect.runSync(
  Effect.provide(Protocol, Protocol04.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layer(methods)])))
)
const protocol07 = Effect.runSync(
  Effect.provide(Protocol, Protocol07.layer.pipe(Layer.provide([NodeHashing.layer, Compression.layer(methods)])))
)
const encoder = new TextEncoder()

/** However the bytes are cut, the splitter gives the same bodies and the same fault. */
const splitter: Target = {
  name: "splitter",
  maxBytes: 4096,
  generate: (draws) =>
    join([
      draws.bytes(4),
      ...Array.from({ length: draws.below(5) }, () => frame(draws.bytes(draws.below(300)))),
      draws.bytes(draws.below(6))
    ]),
  run: (bytes) => {
    const stream = bytes.subarray(4)
    const split = (sizes: ReadonlyArray<number>) => {
      const one = new FrameSplitter(1000)
      const bodies: Array<Uint8Array> = []
      let fault: unknown
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const end = at + 1 + (sizes[turn % sizes.length] ?? stream.length)
        fault = one.push(stream.subarray(at, end), bodies)
        at = end
        assert.isAtMost(one.pendingBytes, 1004)
      }
      return [bodies.map((body) => [...body]), fault, one.end()?.reason]
    }
    assert.deepEqual(split([...bytes.subarray(0, 4)]), split([stream.length]))
  }
}

/** What is decoded encodes to the same bytes, and relays under the same id. */
const message: Target = {
  name: "message",
  maxBytes: 4096,
  generate: (draws) => Grammar.anyFrame(hashing, draws).subarray(4),
  run: (bytes) => {
    const plain = protocol.unpack(bytes, protocol.methods, 65_536)
    if (isWireFault(plain)) return
    assert.isAtMost(plain.length, Math.max(65_536, bytes.length))
    const found = protocol.decode(plain)
    if (isWireFault(found)) return
    assert.deepEqual([...protocol.encode(found)], [...plain])
    const relayed = protocol.decode(protocol.frameRelay(found).subarray(headerBytes))
    assert.isFalse(isWireFault(relayed))
    if (!isWireFault(relayed)) assert.deepEqual([relayed.id, relayed.type], [found.id, "waterfall"])
  }
}

/** In version 0.7, where values lie in values: what is decoded can be encoded, and is the same message then. */
const message07: Target = {
  name: "message-0.7",
  maxBytes: 4096,
  generate: (draws) => {
    const text = () => protocol07.encodePayload({ _tag: "UserWhisper", packets: [draws.bytes(draws.below(40))] })
    const packets = draws.chance() < 0.5 ? text() : Grammar.anyPayload(draws)
    return protocol07.encode(protocol07.make("whisper", "fuzz", packets, 1_000_000_000 + draws.below(1000)))
  },
  run: (bytes) => {
    const plain = protocol07.unpack(bytes, protocol07.methods, 65_536)
    if (isWireFault(plain)) return
    const found = protocol07.decode(plain)
    if (isWireFault(found)) return
    protocol07.decodePayload(found.packets)
    const again = protocol07.decode(protocol07.encode(found))
    assert.isFalse(isWireFault(again), isWireFault(again) ? again.detail : "")
    if (!isWireFault(again)) assert.deepEqual([again.id, again.type], [found.id, found.type])
  }
}

/** Packets are cut at a separator: the grammar of payloads is in the packets. */
const packetsOf = (bytes: Uint8Array): Array<Uint8Array> => {
  const packets: Array<Uint8Array> = []
  let start = 0
  for (let i = 0; i <= bytes.length; i++) {
    if (i < bytes.length && bytes[i] !== separator) continue
    packets.push(bytes.slice(start, i))
    start = i + 1
  }
  return packets
}
const separator = 0x1e
const joined = (packets: ReadonlyArray<Uint8Array>) =>
  join(packets.flatMap((packet, i) => i === 0 ? [packet] : [Uint8Array.of(separator), packet]))

/** What a payload says can be said again, and is understood in the same way. */
const payload: Target = {
  name: "payload",
  maxBytes: 4096,
  generate: (draws) => joined(Grammar.anyPayload(draws)),
  run: (bytes) => {
    const said = PayloadCodec.decode(packetsOf(bytes))
    if (isWireFault(said)) return
    const again = PayloadCodec.decode(PayloadCodec.encode(said))
    assert.isFalse(isWireFault(again), isWireFault(again) ? again.detail : "")
  }
}

/** Never throws, never gives more than it may; and what it packed itself it reads. */
const compression = (name: string, method: CompressionMethod): Target => ({
  name,
  maxBytes: 2048,
  generate: (draws) => {
    const plain = join(Array.from({ length: draws.below(8) }, () => {
      const part = draws.bytes(1 + draws.below(40))
      return draws.chance() < 0.5 ? join([part, part, part, part]) : part
    }))
    return method.compress === undefined ? samples(name, draws) : method.compress(plain)
  },
  run: (bytes) => {
    const maxBytes = 20_000
    method.recognizes(bytes)
    const plain = method.decompress(bytes, maxBytes)
    if (typeof plain !== "string") assert.isAtMost(plain.length, maxBytes)
    if (method.compress === undefined) return
    const again = method.decompress(method.compress(bytes), maxBytes)
    assert.deepEqual(typeof again === "string" ? again : [...again], [...bytes])
  }
})

/** What Python packed, of methods that are only read. */
const samples = (name: string, draws: Draws): Uint8Array => {
  const packed = pythonSamples.filter((each) => each.method === name && each.packed.length < 2000)
  return new Uint8Array(Buffer.from(draws.pick(packed).packed, "hex"))
}

const pythonSamples: ReadonlyArray<{ readonly method: string; readonly packed: string }> =
  JSON.parse(readFileSync(`${import.meta.dirname}/../fixtures/compressed-by-python.json`, "utf8")).read

interface Story {
  readonly port: number
  readonly networkId: (subnet: string) => string
  readonly start: (simulation: Simulation.Simulation, note: (defect: unknown) => void) => Effect.Effect<unknown>
}

const types: ReadonlyArray<MessageType> = ["broadcast", "whisper", "renegotiate", "ping", "pong", "waterfall"]

/**
 * What a peer writes, by its first bytes: whether it shakes hands before, and then pieces, each raw or made
 * a right message of. The length of a piece is in its second byte.
 */
const piecesOf = (bytes: Uint8Array, networkId: string): Array<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let at = 1
  if ((bytes[0] ?? 0) & 1) {
    const known = ["fuzz", "else"][((bytes[0] ?? 0) >> 1) & 1]!
    const own = (bytes[0] ?? 0) & 4 ? ["\u0013", "effect-p2p:1:7"] : ["\u0013", "\u0012", "\u0010"]
    pieces.push(frame(MessageCodec.encode(MessageCodec.make(fastText, "whisper", known, [
      Uint8Array.of(3),
      encoder.encode(known),
      encoder.encode(networkId),
      encoder.encode(`["attacker",4444]`),
      encoder.encode(JSON.stringify(own))
    ], 0))))
  }
  while (at < bytes.length) {
    const kind = bytes[at]!
    const data = bytes.slice(at + 2, at + 2 + (bytes[at + 1] ?? 0))
    at += 2 + data.length
    if (kind & 1) {
      const type = types[(kind >> 1) % types.length]!
      pieces.push(frame(MessageCodec.encode(MessageCodec.make(fastText, type, "fuzz", packetsOf(data), 1_000_000_000))))
    } else pieces.push(data)
  }
  return pieces
}

/** No bytes make a node fail: whatever ends is a link, for a reason that is no defect. */
const conversation = (name: string, { networkId, port, start }: Story): Target => ({
  name,
  maxBytes: 2048,
  generate: (draws) =>
    join([
      Uint8Array.of(draws.chance() < 0.9 ? 1 | draws.below(8) : 0),
      ...Array.from({ length: draws.below(6) }, () => {
        const data = joined(Grammar.anyPayload(draws)).subarray(0, 255)
        return join([Uint8Array.of(1 | (draws.below(6) << 1), data.length), data])
      })
    ]),
  run: (bytes) => {
    const defects: Array<unknown> = []
    const note = (defect: unknown) => void defects.push(defect)
    const exit = Simulation.run(
      { seed: "fuzz", latency: 1, maxTraceEvents: 0, startMillis: 1e12 },
      (simulation) =>
        Effect.gen(function*() {
          yield* start(simulation, note)
          const transport = simulation.network.transport("attacker")
          yield* Effect.scoped(Effect.gen(function*() {
            const connection = yield* transport.dial(new PeerAddress({ host: "node", port }))
            yield* Effect.forkScoped(Effect.ignore(Stream.runDrain(connection.incoming)))
            for (const piece of piecesOf(bytes, networkId("mesh"))) {
              if (piece.length > 0) yield* Effect.ignore(connection.send([piece]))
              yield* Effect.sleep(2)
            }
            yield* Effect.sleep(20)
          }))
          yield* Effect.sleep("3 seconds")
        }).pipe(Effect.provide(Logger.layer([
          Logger.make(({ logLevel, message }) =>
            logLevel === "Error" || logLevel === "Fatal" ? note(message) : undefined
          )
        ])))
    )
    if (Exit.isFailure(exit)) throw new Error(`the simulation failed: ${exit.cause}`)
    assert.deepEqual(defects, [])
  }
})

const noteDefects = (events: Stream.Stream<MeshEvent>, note: (defect: unknown) => void) =>
  Stream.runForEach(events, (event) =>
    Effect.sync(() => {
      if ("reason" in event && typeof event.reason === "object" && event.reason._tag === "Defect") note(event.reason)
      if (event._tag === "HandlerFailed") note(event)
    }))

const mesh: Story = {
  port: 4444,
  networkId: (subnet) => fastProtocol.networkId(subnet, "Plaintext"),
  start: (simulation, note) =>
    Effect.gen(function*() {
      const context = yield* Effect.orDie(simulation.start("node", MemoryMesh.layerTransport({ host: "node" })))
      const node = Context.get(context, Mesh)
      yield* Effect.forkDetach(Effect.ignore(noteDefects(node.events, note)), { startImmediately: true })
    })
}

const chord: Story = {
  port: 5555,
  networkId: (subnet) => fastProtocol.networkId(subnet, "Plaintext"),
  start: (simulation) =>
    Effect.map(
      Effect.orDie(simulation.start("node", MemoryChord.layerTransport({ host: "node" }))),
      Context.get(Chord)
    )
}

const fastProtocol = Effect.runSync(Effect.provide(Protocol, MemoryMesh.layerProtocol))

/** Each line is answered by one line of JSON. */
const decodeCommand: Target = {
  name: "decode",
  maxBytes: 4096,
  generate: (draws) => encoder.encode(Buffer.from(Grammar.anyFrame(hashing, draws)).toString("hex")),
  run: (bytes) => {
    const line = new TextDecoder().decode(bytes)
    const answer = decodeLine(protocol, protocol.methods, line)
    assert.isFalse(answer.includes("\n"))
    assert.isObject(JSON.parse(answer))
  }
}

export const targets: ReadonlyArray<Target> = [
  splitter,
  message,
  message07,
  payload,
  compression("zlib", NodeCompression.zlibMethod),
  compression("gzip", NodeCompression.gzipMethod),
  compression("zlib-browser", BrowserCompression.zlibMethod),
  compression("gzip-browser", BrowserCompression.gzipMethod),
  compression("snappy", snappy),
  compression("lz-string", lzString),
  compression("bz2", bz2),
  compression("lzma", lzma),
  conversation("link", mesh),
  conversation("chord", chord),
  decodeCommand
]
