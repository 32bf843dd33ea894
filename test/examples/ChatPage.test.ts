/** The chat page as people use it: two pages in Chromium, and a terminal. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { chromium as playwright, type Page } from "playwright"
import { chromium, chromiumFlags } from "../browser/chromium.ts"
import { start } from "../Cli/CommandLine.ts"

const root = `${import.meta.dirname}/../..`

/** Serves the page; where it is, and where terminals connect. */
const serve = Effect.acquireRelease(
  Effect.sync(() => {
    const flags = ["--conditions=effect-p2p-source", "examples/browser/serve.ts", "--port", "0", "--tcp", "0"]
    return spawn(process.execPath, flags, { cwd: root, stdio: ["ignore", "pipe", "inherit"] })
  }),
  (child) => Effect.sync(() => child.kill())
).pipe(Effect.flatMap((child) =>
  Effect.promise(async () => {
    let text = ""
    for await (const line of createInterface(child.stdout)) {
      text += `${line}\n`
      const found = /(http:\S+)[^]*--connect (\S+)/.exec(text)
      if (found !== null) return { url: found[1]!, tcp: found[2]! }
    }
    throw new Error(`the server ended after it said ${text}`)
  })
))

const browser = Effect.acquireRelease(
  Effect.promise(() => playwright.launch({ executablePath: chromium ?? "", args: chromiumFlags })),
  (opened) => Effect.promise(() => opened.close())
)

const open = (url: string) =>
  Effect.flatMap(browser, (opened) =>
    Effect.promise(async () => {
      const page = await opened.newPage()
      await page.goto(url)
      await page.waitForSelector("[data-state=linked]")
      return page
    }))

const say = (page: Page, text: string) =>
  Effect.promise(async () => {
    await page.fill("#text", text)
    await page.press("#text", "Enter")
  })

const shows = (page: Page, text: string, selector = ".message:not(.own)") =>
  Effect.promise(() => page.locator(selector, { hasText: text }).waitFor())

describe("the chat page", () => {
  it.live.skipIf(chromium === undefined)(
    "shows what others say, in pages and terminals, and says what is typed",
    () =>
      Effect.gen(function*() {
        const { tcp, url } = yield* serve
        const terminal = yield* start("mesh", "--json", "--connect", tcp)
        yield* terminal.take("peer-joined")
        const [one, two] = [yield* open(url), yield* open(url)]

        yield* say(one, "hello from a page")
        yield* say(two, "<b>not markup</b>")
        yield* shows(one, "hello from a page", ".message.own")
        yield* shows(two, "hello from a page")
        yield* shows(one, "<b>not markup</b>")
        const heard = [yield* terminal.take("message"), yield* terminal.take("message")]
        yield* terminal.send("hello from a terminal")
        yield* shows(one, "hello from a terminal")
        yield* shows(two, "hello from a terminal")

        assert.deepStrictEqual(heard.map(({ packets }) => packets), [["hello from a page"], ["<b>not markup</b>"]])
      }),
    90_000
  )
})
