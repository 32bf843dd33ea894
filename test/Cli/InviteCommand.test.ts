import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { ChordDisplay } from "../../src/Cli/ChordDisplay.ts"
import * as Discovery from "../../src/Cli/Discovery.ts"
import { read } from "../../src/Cli/InviteFlag.ts"
import { MeshDisplay } from "../../src/Cli/MeshDisplay.ts"
import * as Style from "../../src/Cli/Style.ts"
import * as Invite from "../../src/Layers/Invite.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import { parse } from "../../src/Protocol/PeerAddress.ts"
import { start } from "../compliance/mesh.ts"
import { run } from "./CommandLine.ts"

describe("p2p invite", () => {
  it.live("prints an invitation as JSON, and what it says", () =>
    Effect.gen(function*() {
      const made = yield* run(["invite", "--connect", "10.0.0.1:4444", "--chord", "--bits", "6", "--json"])
      const { event, text } = JSON.parse(made.stdout[0]!)

      assert.strictEqual(event, "invite")
      assert.deepStrictEqual(yield* Invite.decode(text), {
        kind: "chord",
        addresses: ["10.0.0.1:4444"],
        subnet: "chord",
        bits: 6
      })
    }))

  it.live("says so where no invitation carries the name of the subnet, and lets the node run", () =>
    Effect.gen(function*() {
      const subnet = "x".repeat(201)
      const made = yield* run(["invite", "--connect", "10.0.0.1:4444", "--subnet", subnet])
      const mesh = yield* run(["mesh", "--subnet", subnet, "--json"], ["/invite", "/topic weather"])
      const chord = yield* run(["chord", "--subnet", subnet, "--json"], ["invite", "ring"])

      assert.strictEqual(made.status, 2)
      assert.match(made.stderr, /^p2p: an invitation carries no name .* 200 characters/)
      for (const { status, stdout } of [mesh, chord]) {
        const events = stdout.map((line) => JSON.parse(line))
        assert.include(events.find(({ event }) => event === "error")?.message, "200 characters")
        assert.isTrue(events.some(({ event }) => event === "subscribed" || event === "ring"))
        assert.strictEqual(status, 1)
      }
    }))

  it.live("names an address that others can dial, also of a node that listens on all of its machine", () =>
    Effect.gen(function*() {
      for (const host of ["0.0.0.0", "[::]", "ws://0.0.0.0"]) {
        const { stdout } = yield* run(["mesh", "--listen", `${host}:0`, "--json"], ["/invite"])
        const [listening, invite] = stdout.map((line) => JSON.parse(line))

        const { addresses } = yield* Invite.decode(invite.text)

        const [address] = addresses.map((text) => parse(text))
        assert.notInclude(["0.0.0.0", "::"], address?.hostname)
        assert.strictEqual(address?.scheme, host.startsWith("ws") ? "ws" : "")
        assert.strictEqual(address?.port, parse(listening.address)?.port)
      }
    }))

  it.live("has those who take one speak the wire version of the network", () =>
    Effect.gen(function*() {
      const shown = yield* run(["mesh", "--protocol", "0.7", "--json"], ["/invite"])
      const { mesh } = yield* start(NodeMesh.layer({ protocol: "0.7" }))
      const made = yield* run(["invite", "--connect", `${mesh.address}`, "--protocol", "0.7"])
      const text = made.stdout[0]!

      const taken = yield* run(["mesh", "--invite", text, "--json"], ["hello"])
      const refused = yield* run(["mesh", "--invite", text, "--protocol", "0.4"])

      assert.strictEqual((yield* Invite.decode(JSON.parse(shown.stdout[1]!).text)).protocol, "0.7")
      assert.include(taken.stdout.join("\n"), "peer-joined")
      assert.deepStrictEqual([refused.status, refused.stderr.trim()], [
        2,
        "p2p: --invite: it is for --protocol 0.7, not --protocol 0.4"
      ])
    }).pipe(Effect.scoped))

  it.live("says so where it is for this machine alone, and of a node that the LAN cannot reach", () =>
    Effect.gen(function*() {
      const [local, open] = yield* Effect.forEach(["127.0.0.1:0", "0.0.0.0:0"], (listen) =>
        Effect.all([
          run(["mesh", "--listen", listen], ["/invite"]),
          run(["chord", "--listen", listen, "--announce", "192.0.2.7:4444"], ["invite"])
        ], { concurrency: 2 }))
      const notes = (...hosts: ReadonlyArray<string>) =>
        Discovery.lanNotes({ lan: true, peers: undefined }, hosts.map((host) => parse(`${host}:4444`)!))

      assert.deepStrictEqual(
        [...local!, ...open!].map(({ stdout }) => stdout.join("\n").includes("on this machine alone")),
        [true, false, false, false]
      )
      assert.match(notes("127.0.0.1", "ws://127.0.0.1")[0]?.text ?? "", /nobody on the LAN .*--listen/)
      assert.deepStrictEqual([...notes("0.0.0.0"), ...notes("127.0.0.1", "192.168.1.20"), ...notes("hub.example")], [])
    }))

  it.live("has whoever takes one be given what all nodes of a ring are", () =>
    Effect.gen(function*() {
      const shared = ["--originals", "--bits", "6", "--dial-names"]
      const shown = yield* run(["chord", ...shared, "--json"], ["invite"])
      const made = yield* run(["invite", "--chord", "--connect", "10.0.0.1:4444", ...shared])

      const taken = yield* Effect.forEach(
        [JSON.parse(shown.stdout[1]!).text, made.stdout[0]!],
        (text) => read("chord", Option.some(text), { subnet: Option.none(), tls: Option.none() })
      )

      for (const { bits, dialNames, originals } of taken) {
        assert.deepStrictEqual({ bits, dialNames, originals }, { bits: 6, dialNames: true, originals: true })
      }
    }))

  it.live("refuses bits for a mesh, which has none", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* run(["invite", "--connect", "10.0.0.1:4444", "--bits", "6"])

      assert.deepStrictEqual([status, stderr.trim()], [2, "p2p: --bits is for --chord: nodes of a mesh have none"])
    }))
})

describe("an invitation that would control the terminal", () => {
  const subnet = "a\u001b[31m\np2p: all is well \u009b2J\u202e"
  const text = Invite.encode({ kind: "mesh", addresses: ["10.0.0.1:4444"], subnet })
  const shown = "a\\x1b[31m\\x0ap2p: all is well \\x9b2J\\u202e"

  it.live("is shown as JSON that means the same", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run(["invite", text])

      assert.match(stdout[0]!, /^[\x20-\x7e]+$/)
      assert.strictEqual(JSON.parse(stdout[0]!).subnet, subnet)
    }))

  it.live("is quoted as text where it is refused", () =>
    Effect.gen(function*() {
      const { stderr } = yield* run(["mesh", "--invite", text, "--subnet", "lab"])

      assert.match(stderr, /^p2p: --invite: [\x20-\x7e]+\n$/)
      assert.include(stderr, shown)
    }))

  it.effect("does so neither where a node says how others join", () =>
    Effect.sync(() => {
      const address = "127.0.0.1:1"
      const listening = { event: "listening", id: "A", address, addresses: [address] } as const
      const command = (at: string) => `p2p --connect ${at} --subnet '${subnet}'`

      for (const Display of [MeshDisplay, ChordDisplay]) {
        const [line] = new Display(Style.make(false), command).toLines(listening)

        assert.include(line, shown)
      }
    }))

  it.effect("names no address that has control characters, or spaces", () =>
    Effect.gen(function*() {
      for (const address of ["\u001bc:1", "[\u009b2J]:1", "[a\nb]:1", "[a b]:1", "a\u007f:1"]) {
        const encoded = yield* Effect.exit(
          Effect.sync(() => Invite.encode({ kind: "mesh", addresses: [address], subnet: "mesh" }))
        )
        assert.isTrue(Exit.isFailure(encoded), JSON.stringify(address))
      }
    }))
})

describe("p2p invite, called wrongly", () => {
  const text = Invite.encode({ kind: "mesh", addresses: ["10.0.0.1:4444"], subnet: "mesh" })

  it.live.each(
    [
      [["--connect", "0.0.0.0:4444"], "an address that others can dial"],
      [["--connect", "[::]:4444"], "an address that others can dial"],
      [[text, "--subnet", "lab"], "--subnet is to make an invitation, not to show one"],
      [[text, "--connect", "10.0.0.1:4444"], "--connect is to make an invitation, not to show one"],
      [[text, "--chord"], "--chord is to make an invitation, not to show one"]
    ] as const
  )("ends with status 2 for %j", ([args, says]) =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["invite", ...args])

      assert.deepStrictEqual([status, stdout], [2, []])
      assert.include(stderr, says)
    }))

  it.live("takes no identity that is not there, and makes none", () =>
    Effect.gen(function*() {
      const none = path.join(os.tmpdir(), "no such identity")

      const { status, stderr, stdout } = yield* run(
        ["invite", "--connect", "10.0.0.1:4444", "--tls", "--identity", none]
      )

      assert.deepStrictEqual([status, stdout], [1, []])
      assert.match(
        stderr,
        /identity\.key is missing: ".* identity --identity '.*no such identity'" makes an identity there/
      )
      assert.isFalse(fs.existsSync(none))
    }))
})

describe("--invite", () => {
  const text = Option.some(Invite.encode({ kind: "chord", addresses: ["10.0.0.1:4444"], subnet: "chord", bits: 6 }))
  const flags = { subnet: Option.none(), tls: Option.none() }

  it.effect("has the bits of a ring, and refuses others beside it", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* read("chord", text, flags)).bits, 6)
      assert.strictEqual((yield* read("chord", text, { ...flags, bits: Option.some(6) })).bits, 6)
      assert.strictEqual((yield* read("chord", Option.none(), { ...flags, bits: Option.some(7) })).bits, 7)
      const error = yield* Effect.flip(read("chord", text, { ...flags, bits: Option.some(7) }))
      assert.strictEqual(error.message, "--invite: it is for --bits 6, not --bits 7")
    }))
})
