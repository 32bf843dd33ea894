/** What `p2p` says of itself, and to those who call it wrongly. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { attackNames } from "../../src/Layers/Simulation/Attack/MeshAttackFigures.ts"
import { run } from "./CommandLine.ts"

const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]> = [
  [[], /USAGE[^]*mesh[^]*encode[^]*decode/],
  [["meshes"], /Unknown subcommand "meshes"/],
  [["mesh", "--conect", "127.0.0.1:4444"], /Unrecognized flag: --conect[^]*--connect/],
  [["mesh", "--connect"], /--connect. Expected: HOST:PORT/],
  [["mesh", "--connect", "127.0.0.1"], /"127.0.0.1". Expected: HOST:PORT, for instance 127.0.0.1:4444/],
  [["mesh", "--listen", "127.0.0.1:65536"], /Expected: HOST:PORT/],
  [["mesh", "--announce", "0.0.0.0:4444"], /"0.0.0.0:4444". Expected: an address that others can dial/],
  [["chord", "--announce", "[::]:4444"], /"\[::\]:4444". Expected: an address that others can dial/],
  [["chord", "--stabilize", "5ms"], /"5ms". Expected: a time from 10ms on/],
  [["simulate", "mesh", "--duration", "0s"], /"0s". Expected: a time above zero/],
  [["mesh", "--protocol", "0.5"], /"0.5". Expected: "0.4"/],
  [["mesh", "now"], /Unexpected positional argument: "now"/],
  [["decode", "--compression", "bz"], /"bz". Expected: "zlib" \| "gzip" \| "snappy" \| "lz-string" \| "bz2" \| "lzma"/],
  [["encode", "--compression", "bz2"], /"bz2". Expected: "zlib" \| "gzip" \| "snappy" \| "lz-string"/]
]

/** Where nobody collects. */
const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" }

/** Runs a program in an environment with more variables. */
const runWith = (variables: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Object.assign(process.env, variables)),
    () => run(args),
    () => Effect.sync(() => Object.keys(variables).forEach((name) => delete process.env[name]))
  )

const commands = ["mesh", "chord", "encode", "decode", "simulate", "replay", "demo", "identity", "invite"]

describe("p2p", () => {
  it.live.each(wrong)(
    "ends with status 2 for the arguments %j, and says what is wrong",
    ([args, says]) =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(args)

        assert.match(stderr, says)
        assert.notMatch(stderr, /\n\s+at /)
        assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: [] })
      })
  )

  it.live.each(
    [
      [
        "mesh",
        { OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318" },
        /OTLP_ENDPOINT is "127.0.0.1:4318"[^]*write one such as http/
      ],
      [
        "chord",
        { OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318" },
        /OTLP_ENDPOINT is "127.0.0.1:4318"[^]*write one such as http/
      ],
      [
        "mesh",
        { ...collector, OTEL_RESOURCE_ATTRIBUTES: "a=b,c=100%" },
        /OTEL_RESOURCE_ATTRIBUTES is "a=b,c=100%", which cannot/
      ]
    ] as const
  )(
    "ends with status 2 where the environment says nothing that telemetry can go by: %s %j",
    ([command, variables, says]) =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* runWith(variables, command, "--listen", "127.0.0.1:0")

        assert.match(stderr, says)
        assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: [] })
      })
  )

  it.live("takes an empty name of a service, and attributes of its own, as OpenTelemetry does", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* runWith(
        { ...collector, OTEL_SERVICE_NAME: "", OTEL_RESOURCE_ATTRIBUTES: "a=100%25,%" },
        "mesh"
      )

      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
    }))

  // Below /proc every directory is refused as missing, though the one above is there.
  if (process.platform === "linux") {
    it.live.each([
      ["identity", "--identity", "/proc/none/me"],
      ["mesh", "--tls", "--identity", "/proc/none"],
      ["chord", "--data", "/proc/none/share"]
    ])("ends where its directory cannot be made: %j", (args) =>
      Effect.gen(function*() {
        const { status, stderr } = yield* run(args)

        assert.match(stderr, /^p2p: could not (write|open) \/proc\/none(\/\w+)?: no directory can be made there\n$/)
        assert.strictEqual(status, 1)
      }))
  }

  it.live("tells of each command in its help, and of each line that the mesh takes", () =>
    Effect.gen(function*() {
      const [all, mesh] = yield* Effect.all([run(["--help"]), run(["mesh", "--help"])], { concurrency: 2 })

      assert.deepStrictEqual([all.status, mesh.status], [0, 0])
      for (const command of commands) {
        assert.include(all.stdout.join("\n"), `  ${command}  `)
      }
      for (const word of ["/whisper ID TEXT", "/reply MESSAGE-ID TEXT", "/peers", "/connect HOST:PORT", "/quit"]) {
        assert.include(mesh.stdout.join("\n"), word)
      }
      for (
        const flag of [
          "--listen HOST:PORT",
          "--connect HOST:PORT",
          "--subnet NAME",
          "--tls MODE",
          "--require-proof WHEN",
          "--json"
        ]
      ) {
        assert.include(mesh.stdout.join("\n"), flag)
      }
    }))

  it.live("names every default, every attack, and what replay serves", () =>
    Effect.gen(function*() {
      const help = (...args: ReadonlyArray<string>) =>
        Effect.map(run([...args, "--help"]), ({ stdout }) => stdout.join("\n"))
      const [mesh, chord, attack, replay] = yield* Effect.all(
        [help("simulate", "mesh"), help("simulate", "chord"), help("simulate", "attack"), help("replay")],
        { concurrency: 2 }
      )

      for (const text of [mesh, chord, attack]) {
        for (const flag of text.match(/^ {2}--[a-z-]+ [A-Z|]+ .*$/gm) ?? []) {
          if (!/FILE {2,}/.test(flag)) assert.match(flag, /\(.*default .+\)/)
        }
      }
      for (const name of attackNames) assert.match(attack, new RegExp(`^ +${name} {2,}\\w+`, "m"))
      assert.match(replay, /--dashboard .*Where the page is served: .*\(default any free port\)/)
    }))

  it.live("knows the version of its package, and completions for shells: every command takes --json", () =>
    Effect.gen(function*() {
      const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))

      const [version, bash] = yield* Effect.all([run(["--version"]), run(["--completions", "bash"])], {
        concurrency: 2
      })

      assert.deepStrictEqual([version.status, version.stdout], [0, [`p2p v${manifest.version}`]])
      assert.strictEqual(bash.status, 0)
      const [all, ...each] = bash.stdout.join("\n").split(/^_p2p\w*\(\)$/m).slice(1)
      assert.include(all, `'${commands.join(" ")}'`)
      // What only has commands of its own takes none.
      const leaves = each.filter((completion) => !completion.includes("compgen -W '"))
      assert.strictEqual(leaves.length, commands.length + 2)
      for (const completion of leaves) assert.include(completion, " --json ", completion)
    }))
})
