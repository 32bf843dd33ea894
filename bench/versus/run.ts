/**
 * Mesh and dictionary beside what one would take instead, js-libp2p with gossipsub and kad-dht: `npm run bench:versus`,
 * which installs those into this directory by `install.mjs`.
 *
 *     node bench/versus/run.ts [--quick] [--json FILE] [--only TEXT] [--profile DIRECTORY]
 *
 * Both sides have the same nodes in the same processes with the same links over loopback TCP, the same payloads, which
 * no compression shrinks, and must deliver each of them once to everybody. A difference remains in what an id is (SHA-384
 * here, SHA-256 there), in what encrypts (TLS, Noise), and in the copies of a value (five places with three each, there one
 * at each of the eight nodes).
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { end, flags } from "../flags.ts"
import { machine, table, toFigure } from "../report.ts"
import { type Contest, measureContests, measureDelays, messageSizes } from "../throughput.ts"
import { measureDictionary } from "./dictionary.ts"

if (!existsSync(new URL("node_modules/libp2p", import.meta.url))) {
  end("js-libp2p is not there: `npm run bench:versus` installs it, `node bench/versus/install.mjs` alone does, too.")
}

const options = flags({
  quick: { type: "boolean", default: false },
  json: { type: "string" },
  only: { type: "string", default: "" },
  profile: { type: "string" }
})

if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true })

/** Messages a second that ten nodes of gossipsub in one process can bear. */
const calmRate = 50

const plain: ReadonlyArray<Contest> = [
  {
    name: "one to one",
    topology: "one to one",
    ours: "mesh",
    theirs: "gossipsub",
    sizes: messageSizes,
    isOneByOne: true
  },
  {
    name: "one to four",
    topology: "one to four",
    ours: "mesh",
    theirs: "gossipsub",
    sizes: messageSizes,
    isOneByOne: true
  }
]
const signed: Contest = {
  name: "one to one, encrypted and signed",
  topology: "one to one",
  ours: "signed mesh",
  theirs: "signed gossipsub",
  sizes: messageSizes,
  isOneByOne: true
}
const ten: Contest = {
  name: "ten with four links each",
  topology: "ten with four links each",
  ours: "mesh of ten",
  theirs: "gossipsub",
  sizes: messageSizes.slice(0, 2),
  isOneByOne: true
}

const measured = { rounds: options.quick ? 3 : 5, millis: options.quick ? 200 : 800, profileDirectory: options.profile }
const throughput = await measureContests([...plain, signed, ten], { ...measured, only: options.only })
const latency = "latency".includes(options.only)
  ? await measureDelays(ten, calmRate, { ...measured, millis: measured.millis * 2 })
  : []
const dictionary = "dictionary".includes(options.only) ? await measureDictionary(measured.rounds, 2000) : []
const figures = [...throughput, ...latency, ...dictionary].map(toFigure)
console.log(table(figures))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
