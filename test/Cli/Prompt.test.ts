/** What somebody sees who types while others talk. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { PassThrough, Writable } from "node:stream"
import { vi } from "vitest"
import * as Prompt from "../../src/Cli/Prompt.ts"

const columns = 20

/** A terminal that shows what is written to it; knows what the editor makes use of. */
class Screen extends Writable {
  readonly columns = columns
  #rows: Array<string> = [""]
  #row = 0
  #column = 0

  override _write(chunk: Buffer, _: string, done: () => void): void {
    // oxlint-disable-next-line no-control-regex
    for (const [part, count = "", what] of chunk.toString().matchAll(/\u001b\[(\d*)([A-Z])|[^]/g)) {
      if (what !== undefined) this.#control(what, count === "" ? 1 : Number(count), count === "0" || count === "")
      else if (part === "\r") this.#column = 0
      else if (part === "\n") [this.#row, this.#column] = [this.#row + 1, 0]
      else this.#put(part)
      while (this.#rows.length <= this.#row) this.#rows.push("")
    }
    done()
  }

  #control(what: string, count: number, isDown: boolean): void {
    if (what === "A") this.#row = Math.max(0, this.#row - count)
    else if (what === "B") this.#row += count
    else if (what === "C") this.#column += count
    else if (what === "D") this.#column -= count
    else if (what === "G") this.#column = count - 1
    else if (what === "J" || what === "K") {
      this.#rows[this.#row] = what === "K" && !isDown ? "" : this.#rows[this.#row]!.slice(0, this.#column)
      if (what === "J") this.#rows.length = this.#row + 1
    } else assert.fail(`the terminal does not know ${what}`)
  }

  #put(character: string): void {
    if (this.#column === columns) [this.#row, this.#column] = [this.#row + 1, 0]
    const row = (this.#rows[this.#row] ?? "").padEnd(this.#column)
    this.#rows[this.#row] = row.slice(0, this.#column++) + character + row.slice(this.#column)
  }

  get text(): string {
    return this.#rows.map((row) => row.trimEnd()).join("\n").trimEnd()
  }
}

describe("a prompt", () => {
  it.live("shows what comes above the line that is being typed, however many rows that takes", () =>
    Effect.gen(function*() {
      const screen = new Screen()
      const input = new PassThrough()
      const write = (text: string) =>
        Effect.callback<void>((resume) => void screen.write(text, () => resume(Effect.void)))

      const shown = yield* Effect.scoped(Effect.gen(function*() {
        const prompt = yield* Prompt.makeOn(input, screen, write)
        const typed = yield* Effect.forkScoped(Stream.runHead(prompt.lines), { startImmediately: true })
        const shown: Array<string> = []
        const look = Effect.sync(() => shown.push(screen.text))
        // Key by key: what comes at once is taken for pasted.
        const type = (keys: ReadonlyArray<string>) =>
          Effect.forEach(
            keys,
            (key) =>
              Effect.andThen(Effect.sync(() => input.write(key)), Effect.promise(() => new Promise(setImmediate)))
          )
        yield* type([..."hello, all of you, this is a long line"])
        yield* prompt.write("first\n")
        yield* look
        yield* prompt.write("second\nthird\n")
        yield* type(["!"])
        yield* prompt.write("fourth\n")
        yield* look
        yield* type(["\r"])
        yield* Fiber.join(typed)
        yield* prompt.write("fifth\n")
        yield* look
        yield* type([..."never sent, though it takes some rows"])
        return shown
      }))

      const line = "> hello, all of you,\n this is a long line\n"
      assert.deepStrictEqual([...shown, screen.text], [
        `first\n${line.trimEnd()}`,
        `first\nsecond\nthird\nfourth\n${line}!`,
        `first\nsecond\nthird\nfourth\n${line}!\nfifth\n>`,
        `first\nsecond\nthird\nfourth\n${line}!\nfifth`
      ])
    }))

  it.live("reads on when it is brought back after Ctrl-Z", () =>
    Effect.gen(function*() {
      const input = new PassThrough()
      // The process is not stopped here, only told that it goes on.
      const kill = vi.spyOn(process, "kill").mockImplementation(() => true)
      yield* Effect.addFinalizer(() => Effect.sync(() => kill.mockRestore()))
      const prompt = yield* Prompt.makeOn(input, new Screen(), () => Effect.void)
      const typed = yield* Effect.forkScoped(Stream.runHead(prompt.lines), { startImmediately: true })

      input.write("\u001a")
      yield* Effect.promise(() => new Promise(setImmediate))
      process.emit("SIGCONT")
      input.write("here again\r")

      assert.deepStrictEqual(kill.mock.calls, [[process.pid, "SIGTSTP"]])
      assert.deepStrictEqual(yield* Fiber.join(typed), Option.some("here again"))
    }).pipe(Effect.scoped))

  it.live("ends its lines when the terminal is closed, which cannot be set back then", () =>
    Effect.gen(function*() {
      const input: PassThrough = Object.assign(new PassThrough(), {
        setRawMode: (isRaw: boolean) => isRaw || input.emit("error", new Error("setRawMode EIO"))
      })
      const prompt = yield* Prompt.makeOn(input, new Screen(), () => Effect.void)
      const typed = yield* Effect.forkScoped(Stream.runCollect(prompt.lines), { startImmediately: true })

      input.end("one\r")

      assert.deepStrictEqual(yield* Fiber.join(typed), ["one"])
    }).pipe(Effect.scoped))
})
