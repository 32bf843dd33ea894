/**
 * The codec alone: making a message with its id and bytes, and reading one with its id checked,
 * against nothing but SHA-384 over the bytes that the id covers (payload and time). The id alone, that digest and
 * its text in base 58, is what neither can do without.
 */
import { Effect } from "effect"
import * as crypto from "node:crypto"
import { Hashing, isWireFault, type Protocol } from "../src/index.ts"
import { NodeHashing } from "../src/Layers/node.ts"
import * as Ids from "../src/Protocol/internal/Ids.ts"
import { makeProtocol } from "./protocol.ts"
import type { Row } from "./report.ts"

/** A case takes its turn this many times, each time for so many milliseconds. */
export interface CodecOptions {
  readonly rounds: number
  readonly turnMillis: number
}

/** Messages that take turns, so that no case runs on one hot line of memory. */
const variantCount = 64
const time = 1_700_000_000

const idText = Ids.idText(Effect.runSync(Effect.provide(Hashing, NodeHashing.layer)))

const cases: ReadonlyArray<{ readonly name: string; readonly packets: () => ReadonlyArray<Uint8Array> }> = [
  {
    name: "three 1-character packets",
    packets: () => [crypto.randomBytes(1), crypto.randomBytes(1), crypto.randomBytes(1)]
  },
  { name: "one 512 B packet", packets: () => [crypto.randomBytes(512)] },
  { name: "one 64 KiB packet", packets: () => [crypto.randomBytes(65_536)] }
]

/** Measures all cases. */
export const measureCodec = async (options: CodecOptions): Promise<ReadonlyArray<Row>> => {
  const protocol = await makeProtocol()
  return cases.flatMap(({ name, packets }) => measureCase(protocol, name, packets, options))
}

const measureCase = (
  protocol: Protocol["Service"],
  name: string,
  makePackets: () => ReadonlyArray<Uint8Array>,
  options: CodecOptions
): ReadonlyArray<Row> => {
  const salt = "codec"
  const networkId = protocol.networkId("mesh", "Plaintext")
  const sender = protocol.nodeId({ host: "127.0.0.1", port: 4444 }, networkId, salt)
  const payloads = Array.from({ length: variantCount }, () => makePackets().map((packet) => new Uint8Array(packet)))
  const bodies = payloads.map((payload) => protocol.encode(protocol.make("broadcast", sender, payload, time)))
  const hashed = payloads.map((payload) => new Uint8Array(Buffer.concat([...payload, Buffer.from("2U5yoa")])))

  const runs = {
    hash: fastestHash(hashed),
    id: (index: number) => idText(hashed[index]!).length,
    encode: (index: number) => protocol.encode(protocol.make("broadcast", sender, payloads[index]!, time)).length,
    decode: (index: number) => {
      const message = protocol.decode(bodies[index]!)
      if (isWireFault(message)) throw new Error(`the benchmark's own message was refused: ${message.detail}`)
      return message.payload.length
    }
  }
  const rates: Record<keyof typeof runs, Array<number>> = { hash: [], id: [], encode: [], decode: [] }
  for (let round = -1; round < options.rounds; round++) {
    for (const key of ["hash", "id", "encode", "decode"] as const) {
      const rate = rateOf(runs[key], options.turnMillis)
      if (round >= 0) rates[key].push(rate)
    }
  }
  const yardstick = "SHA-384 alone"
  const row = { group: "codec", yardstick, unit: "operations", theirs: rates.hash } as const
  return [
    { ...row, name: `the id alone, ${name}`, ours: rates.id },
    { ...row, name: `encode, ${name}`, ours: rates.encode },
    { ...row, name: `decode + verify, ${name}`, ours: rates.decode }
  ]
}

/** Keeps results in use, so that no call can be left out. */
let sink = 0

/** Runs a second, from runs of about `millis`. */
const rateOf = (run: (index: number) => number, millis: number): number => {
  const start = performance.now()
  let count = 0
  let end = start
  do {
    for (let index = 0; index < variantCount; index++) sink += run(index)
    count += variantCount
    end = performance.now()
  } while (end - start < millis)
  return count / (end - start) * 1000
}

/** The synchronous functions there are; which is faster depends on the length and on the version of Node. */
const fastestHash = (inputs: ReadonlyArray<Uint8Array>): (index: number) => number => {
  const hashes: ReadonlyArray<(index: number) => number> = [
    (index) => crypto.hash("sha384", inputs[index]!, "binary").length,
    (index) => crypto.hash("sha384", inputs[index]!, "buffer").length,
    (index) => crypto.createHash("sha384").update(inputs[index]!).digest("binary").length
  ]
  const rates = hashes.map((hash) => Math.max(rateOf(hash, 20), rateOf(hash, 20)))
  return hashes[rates.indexOf(Math.max(...rates))]!
}
