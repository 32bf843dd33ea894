/** Texts from strangers, wherever the command line prints them. */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Layer } from "effect"
import * as ChordReport from "../../src/Cli/ChordReport.ts"
import * as MeshReport from "../../src/Cli/MeshReport.ts"
import { decodeLine } from "../../src/Cli/MessageJson.ts"
import { logger } from "../../src/Cli/Program.ts"
import * as NodeCompression from "../../src/Layers/NodeCompression.ts"
import * as NodeHashing from "../../src/Layers/NodeHashing.ts"
import * as WireVersion from "../../src/Layers/WireVersion.ts"
import * as Frame from "../../src/Protocol/Frame.ts"
import { Protocol } from "../../src/Protocol/Protocol.ts"

/** Clears the screen in two ways, forges a line, turns the direction of writing, and ends a line for some. */
const hostile = "\u001b[2J\u009b2J\nmesh: all is well\u202e\u200f\u2028\u007f"
const isHarmless = /^[\x20-\x7e]*$/

describe("what strangers wrote", () => {
  it.effect("is escaped in the JSON of a node, and means the same", () =>
    Effect.sync(() => {
      const report = { event: "error", tag: "A", message: hostile } as const
      for (const [line] of [MeshReport.toJsonLines(report), ChordReport.toJsonLines(report)]) {
        assert.match(line!, isHarmless)
        assert.deepStrictEqual(JSON.parse(line!), report)
      }
    }))

  it.effect("is escaped in the JSON of p2p decode", () =>
    Effect.gen(function*() {
      const protocol = yield* Protocol
      const message = protocol.make("broadcast", hostile, [new Uint8Array(1)], 1)
      const hex = Buffer.from(Frame.frame(protocol.encode(message))).toString("hex")

      const line = decodeLine(protocol, [], hex)

      assert.match(line, isHarmless)
      assert.strictEqual(JSON.parse(line).sender, hostile)
    }).pipe(
      Effect.provide(
        WireVersion.layer("0.4").pipe(Layer.provide([NodeHashing.layer, NodeCompression.layer]))
      )
    ))

  it.effect("is escaped in the log, a line each", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const log = { ...globalThis.console, error: (line: string) => void lines.push(line) }

      yield* Effect.logWarning(hostile).pipe(
        Effect.annotateLogs({ peer: hostile, id: "\u001bc\u009b2J" }),
        Effect.provide(logger),
        Effect.provideService(Console.Console, log)
      )

      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, isHarmless)
    }))
})
