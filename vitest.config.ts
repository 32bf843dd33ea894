import { pathToFileURL } from "node:url"
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"
import type { BrowserCommand } from "vitest/node"
import { chromium, chromiumFlags } from "./test/browser/chromium.ts"

// Examples and their tests import the package by its name; the condition points that at the sources.
const conditions = ["effect-p2p-source", "node", "import", "default"]
const browserConditions = ["effect-p2p-source", "browser", "module", "import", "default"]

const file = (name: string) => `${import.meta.dirname}/${name}`

/** Tests that touch nothing outside of their own data: files share a process, and load the sources once. */
const pureTests = ["test/{Chord,Mesh,Protocol,Sync,simulation,Layers/Simulation}/**/*.test.ts"]

const pure: TestProjectInlineConfiguration = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { name: "pure", include: pureTests, isolate: false, testTimeout: 60_000 }
}

const node: TestProjectInlineConfiguration = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "node",
    isolate: false,
    include: ["test/**/*.test.ts"],
    exclude: ["test/browser/**", ...pureTests],
    globalSetup: [file("test/Cli/bundle.ts")],
    // Child processes load the same sources again and again.
    env: { NODE_COMPILE_CACHE: file("node_modules/.cache/compile") },
    // Sockets and child processes take the time that a busy machine gives them.
    testTimeout: 60_000
  }
}

/** The nodes on Node that tests in a browser talk to; loaded when the first one asks. */
const nodes = (): Promise<typeof import("./test/browser/MeshNodes.ts")> =>
  import(pathToFileURL(file("test/browser/MeshNodes.ts")).href)

const startNode: BrowserCommand<[Parameters<Awaited<ReturnType<typeof nodes>>["start"]>[0]]> = async (_, options) =>
  (await nodes()).start(options)
const stopNode: BrowserCommand<[string]> = async (_, id) => (await nodes()).stop(id)
const broadcast: BrowserCommand<[string, string]> = async (_, id, text) => (await nodes()).broadcast(id, text)
const heard: BrowserCommand<[string]> = async (_, id) => (await nodes()).heard(id)
const peers: BrowserCommand<[string]> = async (_, id) => (await nodes()).peers(id)

/** The protocol's own tests, all recordings among them, and a node in a page. */
const inBrowser = async (executablePath: string): Promise<TestProjectInlineConfiguration> => ({
  resolve: {
    conditions: browserConditions,
    alias: [
      { find: /^\.\/read\.ts$/, replacement: file("test/fixtures/read.browser.ts") },
      { find: /^\.\/protocolLayer\.ts$/, replacement: file("test/browser/protocolLayer.ts") }
    ]
  },
  optimizeDeps: {
    // Looked for anew each time: what a source newly imports would be found in mid-run, and reload the page.
    force: true,
    include: [
      "@effect/vitest",
      "effect",
      "effect/testing",
      "@noble/hashes/legacy.js",
      "@msgpack/msgpack",
      "@noble/hashes/sha2.js",
      "fflate"
    ]
  },
  test: {
    name: "browser",
    include: [
      "test/browser/**/*.test.ts",
      "test/Protocol/{Base58,Message,Payload,PeerAddress,Protocol04,Protocol07,Transcripts}.test.ts"
    ],
    setupFiles: [file("test/browser/Buffer.ts")],
    testTimeout: 60_000,
    // One page for all files: modules are loaded once.
    isolate: false,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: (await import("@vitest/browser-playwright")).playwright({
        launchOptions: {
          executablePath,
          args: chromiumFlags
        }
      }),
      instances: [{ browser: "chromium" }],
      commands: { startNode, stopNode, broadcast, heard, peers }
    }
  }
})

if (chromium === undefined) {
  process.stderr.write(
    "No Chromium is here, so the tests in test/browser do not run: install one (apt-get install chromium), " +
      "or name it by the environment variable CHROMIUM.\n"
  )
}

export default defineConfig(async () => ({
  test: {
    // With a browser among the projects it would be one.
    maxWorkers: 2,
    projects: chromium === undefined ? [pure, node] : [pure, node, await inBrowser(chromium)]
  }
}))
