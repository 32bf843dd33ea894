/** The browser that tests run in: Debian's Chromium, or the one that the environment variable `CHROMIUM` names. */
import * as fs from "node:fs"

export const chromium: string | undefined = [
  process.env["CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser"
].find((path) => path !== "" && fs.existsSync(path))

/** For machines that have no display and no sandbox, and pages that nobody else should hear of. */
export const chromiumFlags: Array<string> = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]
