/** Where keys lie, and how evenly: on positions made as nodes make them; no ring runs for that. */
import { Effect } from "effect"
import { Hashing } from "effect-p2p"
import { KeyPlacement } from "effect-p2p/Chord"
import * as crypto from "node:crypto"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as Base58 from "../../src/Protocol/Base58.ts"
import * as Identifiers from "../../src/Protocol/v04/Identifiers.ts"
import { atMost, exactly, type Row } from "./report.ts"

const bits = 160
const encoder = new TextEncoder()

const hashing = Effect.runSync(Effect.provide(Hashing, NodeHashing.layer))

/** The positions of all nodes in order, each with the number of its node. */
const positionsOf = (nodes: number, virtualNodes: number) =>
  Array.from({ length: nodes }, (_, node) => {
    const id = Identifiers.nodeId(
      hashing,
      { host: `10.0.${node >> 8}.${node & 255}`, port: 4444 },
      "network",
      `${node}`
    )
    return Array.from({ length: virtualNodes }, (_, number) => {
      const own = Identifiers.ringPosition(id, bits)!
      const home = Base58.toBigInt(hashing.digest("sha512", encoder.encode(`${id} ${number}`)))
      return { node, position: number === 0 ? own : BigInt.asUintN(bits, home) }
    })
  }).flat().sort((a, b) => a.position < b.position ? -1 : 1)

/** Loads of the nodes in order, as multiples of the mean. */
const loadsOf = (nodes: number, virtualNodes: number, keys: number): Float64Array => {
  const positions = positionsOf(nodes, virtualNodes)
  const placement = new KeyPlacement(hashing, bits)
  const loads = new Float64Array(nodes)
  for (let key = 0; key < keys; key++) {
    const wanted = placement.of(`key ${key}`).positions[0]!
    let low = 0
    for (let high = positions.length; low < high;) {
      const middle = (low + high) >> 1
      if (positions[middle]!.position < wanted) low = middle + 1
      else high = middle
    }
    loads[positions[low % positions.length]!.node]! += nodes / keys
  }
  return loads.sort()
}

/** The positions of keys in the five tables, beside the digests that Node makes of them. */
export const placements = (): ReadonlyArray<Row> => {
  const placement = new KeyPlacement(hashing, bits)
  let right = 0
  for (let key = 0; key < 1000; key++) {
    const digests = ["sha1", "sha224", "sha256", "sha384", "sha512"].map((table) =>
      BigInt(`0x${crypto.createHash(table).update(`key ${key}`).digest("hex")}`)
    )
    const wanted = digests.map((digest) => BigInt.asUintN(bits, digest))
    if (placement.of(`key ${key}`).positions.every((position, index) => position === wanted[index])) right++
  }
  return [exactly("M1", "of 1000 keys in the right place of all five tables", right, 1000)]
}

/** One position a node, and twenty; of fewer nodes and keys the targets would not be those. */
export const load = (): ReadonlyArray<Row> => {
  const nodes = 10_000
  const keys = 500_000
  const at = (loads: Float64Array, fraction: number): number => loads[Math.floor(fraction * (nodes - 1))]!
  const one = loadsOf(nodes, 1, keys)
  const many = loadsOf(nodes, 20, keys)
  const what = `of the mean, N=${nodes}, ${keys} keys`
  return [
    atMost("M2", `99th percentile, one position a node, ${what}`, at(one, 0.99), 4.9),
    atMost("M2", `99th percentile, 20 positions a node, ${what}`, at(many, 0.99), 1.75),
    atMost("M2", `most, 20 positions a node, ${what}`, at(many, 1), 2.6),
    atMost("M2", `mean over the 1st percentile, 20 positions a node, N=${nodes}`, 1 / at(many, 0.01), 2.222)
  ]
}
