#!/usr/bin/env node
/**
 * The `p2p` command. Exit status: 0 done, 1 failed (a sentence on standard error says why), 2 wrong
 * usage. The modules are loaded behind the compile cache: that halves the time to start.
 */
import * as module from "node:module"

// What follows cannot even be loaded by an older Node.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`p2p: this is Node ${process.versions.node}, p2p needs 22.19 or later\n`)
  process.exit(1)
}

module.enableCompileCache()

// Whoever writes is told when that fails; without a listener the process would end with a trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

// The window was closed: a node takes its leave as at other signals.
process.on("SIGHUP", () => process.kill(process.pid, "SIGTERM"))

const [{ program, teardown }, { runMain }] = await Promise.all([
  import("./Program.ts"),
  import("@effect/platform-node/NodeRuntime")
])
runMain(program, { disableErrorReporting: true, teardown })
