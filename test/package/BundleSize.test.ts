/** What a page has to load, as bundlers make it. The limits are in `sizes.json`. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const root = path.join(import.meta.dirname, "../..")
const limits: unknown = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, "sizes.json"), "utf8"))

const limitOf = (name: string): number => {
  const limit = typeof limits === "object" && limits !== null
    ? Object.entries(limits).find(([key]) => key === name)
    : undefined
  return typeof limit?.[1] === "number" ? limit[1] : assert.fail(`sizes.json has no limit for ${name}`)
}

const entries: ReadonlyArray<readonly [name: string, code: string]> = [
  ["everything that effect-p2p exports", `export * from "effect-p2p"`],
  [
    "a mesh node in a page",
    `import { Mesh } from "effect-p2p"
     import { BrowserMesh } from "effect-p2p/browser"
     import * as Effect from "effect/Effect"
     Effect.runFork(Effect.provide(Mesh.use((mesh) => mesh.broadcast("hello")), BrowserMesh.layer()))`
  ]
]

const id = "\0entry"

/** The bundle of a module that imports the package by its name, and what it still imports. */
const bundle = async (code: string) => {
  const unresolved: Array<string> = []
  const build = await rolldown({
    input: id,
    cwd: root,
    platform: "browser",
    resolve: { conditionNames: ["effect-p2p-source", "browser", "import", "default"] },
    plugins: [{
      name: "entry",
      resolveId: (source, importer) => {
        if (source === id) return id
        if (source.startsWith("node:")) unresolved.push(`${source} from ${importer}`)
        return undefined
      },
      load: (source) => source === id ? code : undefined
    }],
    onLog: () => {}
  })
  const { output } = await build.generate({ format: "esm", minify: true })
  await build.close()
  return { code: output.map((chunk) => chunk.type === "chunk" ? chunk.code : "").join(""), unresolved }
}

describe("the package in a browser", () => {
  it.each(entries)("holds nothing of Node, and is no larger than recorded: %s", async (name, code) => {
    const built = await bundle(code)
    const kilobytes = gzipSync(built.code).length / 1000

    assert.deepStrictEqual(built.unresolved, [])
    assert.isBelow(kilobytes, limitOf(name))
  })

  it("would tell of what only Node can run", async () => {
    const { unresolved } = await bundle(`export * from "effect-p2p/node"`)

    assert.isTrue(unresolved.some((found) => found.startsWith("node:net from ") && found.endsWith("NodeTcp.ts")))
  })
})
