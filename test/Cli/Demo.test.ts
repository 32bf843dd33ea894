import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import { source } from "./command.ts"
import { startFile } from "./CommandLine.ts"

/** What is told, in this order; other lines come between. */
const story: ReadonlyArray<RegExp> = [
  /^A mesh\./,
  /^Ben, Dan, Cleo and Eve heard it/,
  /^Ada got it as a whisper/,
  /^Ben published \{"room":"lab","celsius":21.5\}; both got it, Cleo after/,
  /^Dan's process is killed/,
  /^Ada, Cleo and Eve heard it/,
  /^Each message arrived exactly once/,
  /^A dictionary\./,
  /^ {4}Fay( ─→ (Gus|Hal|Ida|Jon)){4} ─→ Fay$/,
  /^Gus set "color" to "blue", and 99 other keys/,
  /(Fay|Gus|Hal|Ida|Jon), Ida says/,
  /^Hal, in his process, gets "color": "blue"/,
  /^Hal's process is killed/,
  /^Jon reads all 100 values at once/,
  /^ {4}Fay( ─→ (Gus|Ida|Jon)){3} ─→ Fay$/,
  /^ {4}Fay( ─→ (Gus|Ida|Jon|Kim)){4} ─→ Fay$/,
  /^The others gave her \d+ of the values/,
  /^She reads all 100/,
  /^Done\./
]

describe("p2p demo", () => {
  it.live("tells what a mesh and a dictionary do, step by step, each as it comes true", () =>
    Effect.gen(function*() {
      const program = yield* startFile(source, "demo", "--json")
      // Each part has its own time to come true.
      for (const part of [/Each message arrived/, /Hal's process is killed/, /Done\./]) yield* program.line(part)
      const { status, stderr, stdout } = yield* program.finished

      assert.deepStrictEqual([status, stderr], [0, ""])
      const steps = stdout.map((line) => JSON.parse(line) as { event: string; millis: number; text: string })
      let next = 0
      for (const { text } of steps) if (story[next]?.test(text) === true) next++
      assert.strictEqual(story[next], undefined, stdout.join("\n"))
      assert.isTrue(steps.every(({ event }) => event === "step"))
      const [, told = ""] = /^Done\. Now you: (.+) mesh --listen/.exec(steps.at(-1)?.text ?? "") ?? []
      assert.match(ChildProcess.execSync(`${told} --version`, { encoding: "utf8" }), /^p2p v/)
    }), 50_000)
})
