/** Makes one script for a page of a test's module, with the recordings in it. */
import * as fs from "node:fs"
import { type Plugin, rolldown } from "rolldown"

const fixtures = new URL("../fixtures/", import.meta.url)

/** In the place of `fixtures/read.ts`, which reads files. */
const recordings: Plugin = {
  name: "recordings",
  resolveId: (source, importer) =>
    source === "./read.ts" && importer?.includes("/fixtures/") === true ? "\0recordings" : null,
  load: (id) => {
    if (id !== "\0recordings") return null
    const names = fs.readdirSync(fixtures).filter((name) => name.endsWith(".json"))
    const files = Object.fromEntries(names.map((name) => [name, fs.readFileSync(new URL(name, fixtures), "utf8")]))
    return `const files = ${JSON.stringify(files)}; export const read = (name) => files[name] ?? ""`
  }
}

export const bundle = async (file: string): Promise<string> => {
  const build = await rolldown({
    input: file,
    platform: "browser",
    plugins: [recordings],
    resolve: { conditionNames: ["effect-p2p-source", "browser", "import", "default"] }
  })
  const { output } = await build.generate({ format: "esm" })
  await build.close()
  return output[0].code
}
