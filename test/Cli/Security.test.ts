/** TLS, identities and signatures from the command line: real processes, lines in, JSON out. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { directory } from "../compliance/chord.ts"
import { newMember } from "../utils/tlsNodes.ts"
import { run, start } from "./CommandLine.ts"

const node = Effect.fnUntraced(function*(command: "mesh" | "chord", ...args: ReadonlyArray<string>) {
  const program = yield* start(command, "--json", ...args)
  const { address, id } = yield* program.take("listening")
  return Object.assign(program, { id: String(id), address: String(address) })
})

/** The files of a member of the authority, as flags. */
const memberFlags = Effect.fnUntraced(function*(folder: string, name: string) {
  const { ca, cert, key } = yield* newMember
  const write = (file: string, text: string) => {
    fs.writeFileSync(path.join(folder, file), text, { mode: 0o600 })
    return path.join(folder, file)
  }
  return [
    "--tls=authority",
    `--ca=${write(`${name}-ca.pem`, ca)}`,
    `--cert=${write(`${name}.pem`, cert)}`,
    `--key=${write(`${name}.key`, key)}`
  ]
})

describe("p2p identity", () => {
  it.live("makes an identity, shows it again, and is the id of the nodes that have it", () =>
    Effect.gen(function*() {
      const own = path.join(yield* directory, "own")

      const made = yield* run(["identity", "--identity", own, "--json"])
      const shown = yield* run(["identity", "--identity", own, "--json"])
      const people = yield* run(["identity", "--identity", own])
      const mesh = yield* node("mesh", "--tls", "--identity", own)

      const [first, second] = [made, shown].map(({ stdout }) => JSON.parse(stdout[0]!))
      assert.deepInclude(first, { event: "identity", created: true, subnet: "mesh" })
      assert.deepStrictEqual(second, { ...first, created: false })
      assert.match(first.publicKey, /^-----BEGIN PUBLIC KEY-----/)
      assert.strictEqual(mesh.id, first.id)
      assert.include(people.stdout.join("\n"), first.fingerprint)
      assert.strictEqual(fs.statSync(path.join(own, "identity.key")).mode & 0o777, 0o600)
    }))

  it.live("refuses one that others can read, with status 1", () =>
    Effect.gen(function*() {
      const own = path.join(yield* directory, "own")
      yield* run(["identity", "--identity", own])
      fs.chmodSync(path.join(own, "identity.key"), 0o644)

      const [shown, used] = yield* Effect.all([
        run(["identity", "--identity", own]),
        run(["mesh", "--tls", "--identity", own])
      ])

      for (const { status, stderr } of [shown, used]) {
        assert.strictEqual(status, 1)
        assert.match(stderr, /^p2p: others can read .* its mode is 0644; make it private with "chmod 600 /)
      }
    }))
})

describe("p2p mesh --tls", () => {
  it.live("proves senders, and tells who does not fit and why", () =>
    Effect.gen(function*() {
      const host = yield* node("mesh", "--tls")
      const guest = yield* node("mesh", "--tls", "--connect", host.address)
      yield* host.take("peer-joined", { id: guest.id })

      yield* guest.send("hello")
      const message = yield* host.take("message")
      const plain = yield* node("mesh", "--connect", host.address)
      const refused = yield* plain.take("error")

      assert.deepInclude(message, { sender: guest.id, proof: "proven", packets: ["hello"] })
      assert.strictEqual(refused.tag, "TlsPeer")
      assert.include(String(refused.message), "the other end speaks TLS, this node does not")
      yield* host.take("rejected", { reason: "PlaintextPeer" })
    }))

  it.live("notices another identity at an address, until it is told to forget the first", () =>
    Effect.gen(function*() {
      const own = path.join(yield* directory, "own")
      const first = yield* node("mesh", "--tls")
      const guest = yield* node("mesh", "--tls", "--identity", own, "--connect", first.address)
      yield* guest.take("peer-joined", { id: first.id })
      yield* first.send("/quit")
      yield* first.finished
      const second = yield* node("mesh", "--tls", "--listen", first.address)

      yield* guest.send(`/connect ${first.address}`)
      yield* guest.take("error", { tag: "IdentityChanged" })
      const forgotten = yield* run(["identity", "--identity", own, "--forget", first.address, "--json"])
      yield* guest.take("peer-joined", { id: second.id })

      assert.deepStrictEqual(JSON.parse(forgotten.stdout[0]!), {
        event: "forgotten",
        address: first.address,
        known: true
      })
    }))

  it.live("signs what goes over nodes that prove nothing, and shows only what is proven when told to", () =>
    Effect.gen(function*() {
      const middle = yield* node("mesh", "--tls=compatible")
      const end = yield* node("mesh", "--tls=compatible", "--require-proof=always", "--connect", middle.address)
      const author = yield* node("mesh", "--tls=compatible", "--sign", "--connect", middle.address, "--links", "0")
      yield* middle.take("peer-joined", { id: author.id })
      yield* middle.take("peer-joined", { id: end.id })

      yield* middle.send("who am I?")
      yield* end.take("refused", { reason: "Unproven", sender: middle.id })
      yield* author.send("it is me")
      const message = yield* end.take("message")

      assert.deepInclude(message, { sender: author.id, proof: "proven", packets: ["it is me"] })
      assert.notProperty(yield* middle.take("message"), "signature")
    }))
})

describe("p2p chord --tls", () => {
  it.live("keeps a dictionary among the members of an authority, and tells of strangers", () =>
    Effect.gen(function*() {
      const folder = yield* directory
      const first = yield* node("chord", ...(yield* memberFlags(folder, "first")))
      const second = yield* node("chord", ...(yield* memberFlags(folder, "second")), "--join", first.address)
      yield* second.take("joined")

      yield* second.send("set color blue")
      yield* second.take("set")
      yield* first.send("get color")
      const found = yield* first.take("get")
      const stranger = yield* run(["chord", "--json", "--tls", "--join", first.address], ["get color"])
      yield* first.take("rejected", { reason: "OtherTlsMode" })

      assert.strictEqual(found.value, "blue")
      assert.strictEqual(stranger.status, 1)
      assert.strictEqual(JSON.parse(stranger.stdout[1]!).tag, "OtherTlsMode")
    }))
})

describe("the flags of TLS", () => {
  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]> = [
    [["mesh", "--tls=authority"], /--tls=authority needs --ca FILE, --cert FILE, --key FILE or --identity DIR/],
    [["chord", "--tls", "--ca", "x"], /--ca is for --tls=authority/],
    [["mesh", "--identity", "x"], /--identity needs --tls, which proves it/],
    [["mesh", "--require-proof", "maybe"], /"maybe". Expected: "never" \| "known" \| "always"/]
  ]

  it.live.each(wrong)("end %j with status 2, and say what is wrong", ([args, says]) =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(args)

      assert.match(stderr, says)
      assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: [] })
    }))

  it.live("are told by the help of mesh and chord, and name a file that is missing", () =>
    Effect.gen(function*() {
      const [mesh, chord, missing] = yield* Effect.all([
        run(["mesh", "--help"]),
        run(["chord", "--help"]),
        run(["mesh", "--tls=authority", "--ca", "nowhere.pem", "--cert", "x", "--key", "y"])
      ], { concurrency: 3 })

      for (const { stdout } of [mesh, chord]) {
        for (const flag of ["--tls MODE", "--identity DIR", "--ca FILE", "--cert FILE", "--key FILE"]) {
          assert.include(stdout.join("\n"), flag)
        }
      }
      assert.include(mesh.stdout.join("\n"), "--require-proof WHEN")
      assert.strictEqual(missing.status, 1)
      assert.match(missing.stderr, /^p2p: could not read nowhere.pem: .*ENOENT/)
    }))
})
