import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { ChordConsole } from "../../src/Cli/ChordConsole.ts"
import { ChordDisplay } from "../../src/Cli/ChordDisplay.ts"
import type { ChordReport } from "../../src/Cli/ChordReport.ts"
import * as Style from "../../src/Cli/Style.ts"
import { simulate, startNode } from "../utils/ChordRing.ts"

it("ban, bans and unban take hosts and shortened ids of neighbors; bans shows where the node joins again", () => {
  const lines = simulate((simulation) =>
    Effect.gen(function*() {
      const first = yield* startNode(simulation, "one")
      const second = yield* startNode(simulation, "two", { bootstrap: ["one:5555"] })
      const lost = yield* startNode(simulation, "three", { bootstrap: ["nobody:5555"] })
      yield* Effect.sleep("12 seconds")
      const reports: Array<ChordReport> = []
      const type = (chord: typeof first, line: string) =>
        new ChordConsole(
          chord,
          (report) => Effect.sync(() => void reports.push(report)),
          () => [],
          Effect.succeed("")
        ).run(line)

      yield* type(first, `ban ${second.id.slice(0, 10)} 2h too loud`)
      yield* type(first, "ban 10.0.9.9 forever")
      yield* type(first, "bans")
      yield* type(first, `unban ${second.id.slice(0, 10)}`)
      yield* type(first, "unban 10.0.9.9:4444")
      yield* type(first, "unban 10.0.9.9")
      yield* type(first, "ban")
      yield* type(lost, "bans")
      assert.deepStrictEqual(yield* first.bans, [])

      const [told] = reports.slice(-1)
      assert.deepInclude(told?.event === "bans" ? told.waiting[0] : undefined, { address: "nobody:5555" })
      const display = new ChordDisplay(Style.make(false), () => "")
      return reports.flatMap(display.toLines).map((line) => line.replaceAll(second.id.slice(0, 8), "ID"))
    })
  )
  assert.deepStrictEqual(lines.map((line) => line.replace(/^ {2}ID\S*/, "  X").slice(0, 31)), [
    "  X is banned for 2h: too loud",
    "  10.0.9.9 is banned until this",
    "! 10.0.9.9 is not banned; bans ",
    "! write ban HOST|ID [TIME] [WHY",
    "  nobody is banned",
    "  nobody:5555 is dialed again i"
  ])
})
