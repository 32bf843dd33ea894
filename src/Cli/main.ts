#!/usr/bin/env node
/**
 * The `p2p` command. Exit status: 0 done, 1 failed (a sentence on standard error says why), 2 wrong
 * usage. The modules are loaded behind the compile cache: that halves the time to start.
 */
import { enableCompileCache } from "node:module"

enableCompileCache()

// Whoever writes is told when that fails; without a listener the process would end with a trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const [{ program, teardown }, { runMain }] = await Promise.all([
  import("./Program.ts"),
  import("@effect/platform-node/NodeRuntime")
])
runMain(program, { disableErrorReporting: true, teardown })
