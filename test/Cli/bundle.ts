/**
 * Before the tests: packs the `p2p` command as the package has it, because the tests start it some two hundred
 * times, and the writer of the storage tests, which they kill again and again. What tells its sources from what is
 * built (the dashboard's page) is run from the sources.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { rolldown } from "rolldown"
import command from "../../rolldown.config.ts"

export default async (): Promise<() => void> => {
  // In the project, where `package.json` and optional packages are found.
  const folder = path.join(import.meta.dirname, "..", `.cli-${process.pid}`)
  const { output, ...options } = command
  const writer = path.join(import.meta.dirname, "../Layers/ChordStorage/Writer.ts")
  const bundle = await rolldown({ ...options, input: { main: String(options.input), writer } })
  await bundle.write({ ...output, dir: folder, entryFileNames: "[name].js", sourcemap: false })
  await bundle.close()
  process.env["P2P_TEST_COMMAND"] = path.join(folder, "main.js")
  process.env["P2P_TEST_WRITER"] = path.join(folder, "writer.js")
  return () => fs.rmSync(folder, { recursive: true, force: true })
}
