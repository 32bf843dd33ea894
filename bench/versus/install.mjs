/** Installs what `npm run bench:versus` measures against. Plain JavaScript, so that every Node can read what it says. */
import { execSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const end = (sentence) => {
  process.stderr.write(`${sentence}\n`)
  process.exit(2)
}

if (!existsSync(`${root}/node_modules/effect`)) {
  end("The project's own packages, Node 24 among them, are not there: run `npm ci` first.")
}
if (Number.parseInt(process.versions.node) < 24) {
  end(`This needs Node 24, not ${process.version}: run it by \`npm run bench:versus\`, which takes the project's own.`)
}
try {
  execSync("npm ci --prefix bench/versus --no-audit --no-fund --loglevel error", { cwd: root, stdio: "inherit" })
} catch {
  end("js-libp2p could not be installed, see above. It comes from the registry of npm, which this machine has to reach.")
}
