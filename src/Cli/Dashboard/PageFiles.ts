/**
 * The files of the page, read once. The scripts are modules of their own that a browser loads as they
 * are: as built, or, when this program runs from its sources, with the types taken out.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as module from "node:module"
import type { WebPage } from "./WebServer.ts"

/** By a way that is the same from `dist/Cli/chunks`, into which the `p2p` command is packed. */
const folder = new URL("../Dashboard/page/", import.meta.url)

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  js: "text/javascript; charset=utf-8",
  ts: "text/javascript; charset=utf-8"
}

/** The page and what it loads, by path. */
export const pages: Effect.Effect<Map<string, WebPage>> = Effect.sync(() => {
  const found = new Map<string, WebPage>()
  // As this module itself: `.ts` in the sources, `.js` as built.
  const script = import.meta.url.endsWith(".ts") ? "ts" : "js"
  for (const name of fs.readdirSync(folder)) {
    const extension = name.slice(name.lastIndexOf(".") + 1)
    const type = types[extension]
    if (type === undefined || name.endsWith(".d.ts") || (extension !== script && /^[jt]s$/.test(extension))) continue
    const text = fs.readFileSync(new URL(name, folder), "utf8")
    const code = extension === "ts" ? withoutTypes(text) : text
    // The page names its script as built.
    const body = Effect.succeed(name === "index.html" ? code.replace("main.js", `main.${script}`) : code)
    found.set(name === "index.html" ? "/" : `/${name}`, { type, body: () => body })
  }
  return found
})

/** Node says of this function that it is experimental, each time; only those who work on the sources get here. */
const withoutTypes = (text: string): string => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return module.stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
