import { defineConfig } from "vitest/config"

// Examples and their tests import the package by its name; the condition points that at the sources.
const conditions = ["effect-p2p-source", "node", "import", "default"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000
  }
})
