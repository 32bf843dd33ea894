/**
 * The `p2p` command, packed from its sources into a few files: it starts in less than half of the time that the
 * some four hundred modules take to be found and read one by one. `npm run build` makes it for the package,
 * `test/Cli/bundle.ts` for the tests.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { defineConfig, type Plugin } from "rolldown"

const root = import.meta.dirname

/** The licenses of what is packed want to go with it. */
const licenses: Plugin = {
  name: "licenses",
  generateBundle(_, bundle) {
    const packages = new Set<string>()
    for (const file of Object.values(bundle)) {
      for (const id of file.type === "chunk" ? file.moduleIds : []) {
        const found = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)
        if (found !== null) packages.add(found[0])
      }
    }
    const texts = [...packages].sort().map((folder) =>
      `${folder.slice(folder.lastIndexOf("node_modules/") + 13)}\n\n${fs.readFileSync(`${folder}/LICENSE`, "utf8")}`
    )
    this.emitFile({ type: "asset", fileName: "chunks/LICENSES.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) })
  }
}

export default defineConfig({
  input: path.join(root, "src/Cli/main.ts"),
  platform: "node",
  // Optional: asked for when they are used, where they are installed.
  external: ["multicast-dns", "@peculiar/x509", "reflect-metadata"],
  resolve: { conditionNames: ["effect-p2p-source", "node", "import", "default"] },
  // What its packages are warned of, they know.
  onLog: (level, log, handler) => log.id?.includes("node_modules") === true ? undefined : handler(level, log),
  plugins: [licenses],
  output: {
    dir: path.join(root, "dist/Cli"),
    format: "esm",
    entryFileNames: "main.js",
    // As deep as the modules that look for files of the package.
    chunkFileNames: "chunks/[name]-[hash].js",
    comments: false,
    // Of this package; they lie where the maps point.
    sourcemap: true,
    sourcemapExcludeSources: true
  }
})
