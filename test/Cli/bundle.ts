/**
 * Before the tests: packs the `p2p` command from its sources into a few files. It is the same program, which
 * starts in half the time, and the tests start it some two hundred times. What depends on where files lie
 * (the demo, the dashboard's page) is run from the sources.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { rolldown } from "rolldown"

/** Made when it is used, where it is installed; as deep in the project as the sources are, for `package.json`. */
const external = ["multicast-dns", "@peculiar/x509", "reflect-metadata"]

export default async (): Promise<() => void> => {
  const folder = path.join(import.meta.dirname, "..", `.cli-${process.pid}`)
  const bundle = await rolldown({
    input: path.join(import.meta.dirname, "../../src/Cli/main.ts"),
    platform: "node",
    external,
    resolve: { conditionNames: ["effect-p2p-source", "node", "import", "default"] },
    onLog: () => {}
  })
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "main.js" })
  await bundle.close()
  process.env["P2P_TEST_COMMAND"] = path.join(folder, "main.js")
  return () => fs.rmSync(folder, { recursive: true, force: true })
}
