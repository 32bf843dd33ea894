/** A compression method of one's own, beside those of Node: runs of equal bytes as a count and the byte. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { Compression, Mesh } from "effect-p2p"
import { NodeCompression, NodeMesh } from "effect-p2p/node"

const runLength = Compression.make({
  name: "run-length",
  magic: "RUN1",
  compress: (bytes) => {
    const out: Array<number> = []
    for (let start = 0; start < bytes.length;) {
      let count = 1
      while (count < 255 && bytes[start + count] === bytes[start]) count++
      out.push(count, bytes[start]!)
      start += count
    }
    return Uint8Array.from(out)
  },
  decompress: (bytes, maxBytes) => {
    if (bytes.length % 2 !== 0) return "malformed"
    // The length first and then the memory, since a stranger chose both.
    const length = bytes.reduce((sum, byte, index) => index % 2 === 0 ? sum + byte : sum, 0)
    if (length > maxBytes) return "tooLarge"
    const out = new Uint8Array(length)
    let position = 0
    for (let i = 0; i < bytes.length; i += 2) out.fill(bytes[i + 1]!, position, position += bytes[i]!)
    return out
  }
})

// The first method counts: the one of one's own with a peer that has it, zlib with all others.
const compression = Compression.layerMerge(Compression.layer([runLength]), NodeCompression.layer)

const program = Effect.gen(function*() {
  const { methods } = yield* Compression
  yield* Console.log(`offers ${methods.map((method) => method.name).join(", ")}`)
  const packed = runLength.compress!(new Uint8Array(10_000))
  const plain = runLength.decompress(packed, 10_000)
  yield* Console.log(`${plain.length} bytes in ${packed.length}; with a limit: ${runLength.decompress(packed, 9_999)}`)
  const mesh = yield* Mesh
  yield* mesh.broadcast("this goes out compressed where it pays")
})

program.pipe(Effect.provide([compression, NodeMesh.layer({ compression })]), NodeRuntime.runMain)
