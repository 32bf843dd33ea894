import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"

const root = path.join(import.meta.dirname, "..")
const folder = path.join(import.meta.dirname, ".documentation")
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

/** The TypeScript of a page, or of the docstrings of a module. */
const blocksOf = (file: string): Array<string> => {
  const text = file.endsWith(".ts") ? read(file).replaceAll(/^ \* ?/gm, "") : read(file)
  return Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```/gm), (match) => match[1]!)
}

const pages = ["README.md", ...fs.globSync("docs/*.md", { cwd: root }), ...fs.globSync("src/**/*.ts", { cwd: root })]
const blocks = pages.flatMap((file) => blocksOf(file).map((code, index) => ({ file, index, code })))

/** Runs a file that imports the package by its name, from the sources. */
const fromSource = (file: string) => ["--conditions=effect-p2p-source", file]

const outputOf = (file: string) =>
  ChildProcess.execFileSync(process.execPath, fromSource(file), { cwd: root, encoding: "utf8" })

/** The first line that holds all of the texts. */
const lineWith = async (child: ChildProcess.ChildProcessWithoutNullStreams, ...texts: Array<string>) => {
  for await (const line of createInterface(child.stdout)) {
    if (texts.every((text) => line.includes(text))) return line
  }
  throw new Error(`the process ended without a line that holds ${texts.join(" and ")}`)
}

describe("the documentation", () => {
  beforeAll(() => {
    fs.mkdirSync(folder, { recursive: true })
    for (const [number, { code }] of blocks.entries()) fs.writeFileSync(path.join(folder, `${number}.ts`), code)
    const config = {
      extends: "../tsconfig.json",
      include: ["*.ts"],
      exclude: [],
      compilerOptions: { rootDir: "../..", noUnusedLocals: false }
    }
    fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config))
  })

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  it("names the versions that are tested", () => {
    const { devDependencies } = JSON.parse(read("package.json"))
    const named = pages.flatMap((
      file
    ) => [...read(file).matchAll(/ ((?:@effect\/)?(?:effect|platform-node|vitest))@(\d\S*?)(?=[`\s])/g)])

    assert.isAtLeast(named.length, 4)
    for (const [, name, version] of named) assert.strictEqual(version, devDependencies[name!], name)
  })

  it("has code in the README and in each entry module", () => {
    for (
      const file of [
        "README.md",
        "src/Mesh/Mesh.ts",
        "src/Mesh/Topic.ts",
        "src/Mesh/Query.ts",
        "docs/browser.md",
        "src/Layers/BrowserMesh.ts",
        "src/Chord/Chord.ts",
        "src/Chord/Dictionary.ts",
        "src/Layers/NodeChord.ts",
        "src/Layers/NodeMesh.ts"
      ]
    ) {
      assert.isTrue(blocks.some((block) => block.file === file), file)
    }
  })

  it("holds only code that compiles", () => {
    const tsc = path.join(root, "node_modules/typescript/lib/tsc.js")
    const result = ChildProcess.spawnSync(process.execPath, [tsc, "-p", path.join(folder, "tsconfig.json")], {
      cwd: root,
      encoding: "utf8"
    })
    const names = blocks.map(({ file, index }, number) => `${number}.ts is block ${index} of ${file}`)
    assert.strictEqual(result.status, 0, [result.stdout, ...names].join("\n"))
  })

  it("begins with a program that is one of the examples", () => {
    const example = read("examples/temperature.ts").replace(/^\/\*\*.*\*\/\n/, "")
    assert.strictEqual(blocksOf("README.md")[0], example)
  })

  it("teaches simulation with one of the examples", () => {
    const example = read("examples/simulated-counter.ts").replace(/^\/\*\*.*\*\/\n/, "")
    assert.include(blocksOf("docs/simulation.md"), example)
  })

  it("teaches compression with one of the examples", () => {
    const example = read("examples/own-compression.ts").replace(/^\/\*\*.*\*\/\n/, "")
    assert.include(blocksOf("docs/compression.md"), example)
  })

  it("begins with a program that works against the node it asks for", async () => {
    const listener = ChildProcess.spawn(
      process.execPath,
      [path.join(root, "src/Cli/main.ts"), "mesh", "--json", "--listen", "127.0.0.1:0"]
    )
    try {
      const { address } = JSON.parse(await lineWith(listener, "listening"))
      const seen = lineWith(listener, "hello, everyone")
      const code = blocksOf("README.md")[0]!.replace("127.0.0.1:4444", address).replace("4445", "0")
      fs.writeFileSync(path.join(folder, "first.ts"), code)
      const program = ChildProcess.spawn(process.execPath, fromSource(path.join(folder, "first.ts")))
      try {
        await seen
        listener.stdin.write("/topic temperature {\"room\":\"kitchen\",\"celsius\":19}\n")
        assert.include(await lineWith(program, "kitchen"), "celsius: 19")
      } finally {
        program.kill()
      }
    } finally {
      listener.kill()
    }
  })
})

describe("the examples", () => {
  it("ask a question over a node between", () => {
    assert.strictEqual(outputOf("examples/square.ts"), "12 squared is 144\n")
  })

  it("keep services in a dictionary of typed values", () => {
    assert.strictEqual(
      outputOf("examples/dictionary.ts"),
      "the database is at 10.0.0.7:5432 since 2026; there is no printer\n"
    )
  })

  it("survive a storm: all nodes of a simulated counter agree", () => {
    const lines = outputOf("examples/simulated-counter.ts").trim().split("\n")

    assert.lengthOf(lines, 3)
    for (const line of lines) assert.match(line, /^seed \d: 1 total, [0-9a-f]{16}$/)
    assert.lengthOf(new Set(lines.map((line) => line.slice(-16))), 3)
  })

  it("compress by a method of one's own, and print what the page says", () => {
    const output = outputOf("examples/own-compression.ts")

    assert.include(output, "with a limit: tooLarge")
    const indented = output.trim().split("\n").map((line) => `    ${line}\n`).join("")
    assert.include(read("docs/compression.md"), indented)
  })

  it("try a protocol of one's own on ten nodes in memory", () => {
    assert.include(outputOf("examples/own-protocol.ts"), "9 of 9 answered")
  })
})
