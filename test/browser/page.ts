/**
 * A page that joins the mesh of the node that serves it, and says there, when it is asked for its report,
 * how it read the recordings of the protocol; what else it hears it repeats. For browsers that no test
 * runner drives.
 */
import { Context, Effect, Layer, Stream } from "effect"
import * as BrowserMesh from "../../src/Layers/BrowserMesh.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import * as Frame from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"
import { isWireFault } from "../../src/Protocol/WireFault.ts"
import { toBytes, vectors } from "../fixtures/Vectors.ts"
import type { PageReport } from "./PageReport.ts"
import { protocolLayer } from "./protocolLayer.ts"

const maxBytes = 1 << 22

const same = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index])

/** What of the recordings this browser reads otherwise than the original nodes, by name. */
const check = (protocol: Protocol["Service"]): PageReport => {
  const faults: Array<string> = []
  for (const { id, name, serialized } of vectors.messages) {
    const frame = toBytes(serialized)
    const message = protocol.decode(frame.subarray(4))
    const isRight = !isWireFault(message) && message.id === id && same(Frame.frame(protocol.encode(message)), frame)
    if (!isRight) faults.push(name)
  }
  for (const { frame, message, method } of vectors.compressed) {
    const original = vectors.messages.find(({ name }) => name === message)
    const plain = protocol.unpack(toBytes(frame).subarray(4), protocol.methods, maxBytes)
    const isRight = original !== undefined && !isWireFault(plain) &&
      same(plain, toBytes(original.serialized).subarray(4))
    if (!isRight) faults.push(`${message} in ${method}`)
  }
  return {
    agent: navigator.userAgent,
    messages: vectors.messages.length,
    compressed: vectors.compressed.length,
    methods: protocol.methods.map(({ name }) => name),
    faults
  }
}

const program = Effect.gen(function*() {
  const mesh = yield* Mesh
  const protocol = Context.get(yield* Layer.build(protocolLayer), Protocol)
  const report = JSON.stringify(check(protocol))
  yield* mesh.messages.pipe(
    Stream.runForEach(({ text }) => text === "report" ? mesh.broadcast(report) : mesh.broadcast(`heard ${text}`))
  )
})

program.pipe(
  Effect.scoped,
  Effect.provide(BrowserMesh.layer({ bootstrap: [location.origin.replace("http", "ws")] })),
  Effect.runPromise
)
