/**
 * TLS, identities and signatures from the command line: real processes, lines in, JSON out. What only
 * plays their part at the other end is a node of this process, which starts sooner.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as SecurityFlags from "../../src/Cli/SecurityFlags.ts"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as NodeIdentity from "../../src/Transport/NodeIdentity.ts"
import * as Ring from "../compliance/chord.ts"
import * as Network from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"
import { newMember } from "../utils/tlsNodes.ts"
import { run, start } from "./CommandLine.ts"

const node = Effect.fnUntraced(function*(command: "mesh" | "chord", ...args: ReadonlyArray<string>) {
  const program = yield* start(command, "--json", ...args)
  const { address, id } = yield* program.take("listening")
  return Object.assign(program, { id: String(id), address: String(address) })
})

/** What a member of the authority has, as flags. */
const memberFlags = ({ ca, cert, key }: Effect.Success<typeof newMember>, folder: string) => {
  const write = (file: string, text: string) => {
    fs.writeFileSync(path.join(folder, file), text, { mode: 0o600 })
    return path.join(folder, file)
  }
  return [
    "--tls=authority",
    `--ca=${write("ca.pem", ca)}`,
    `--cert=${write("own.pem", cert)}`,
    `--key=${write("own.key", key)}`
  ]
}

describe("p2p identity", () => {
  it.live("makes an identity, shows it again, and is the id of the nodes that have it", () =>
    Effect.gen(function*() {
      const own = path.join(yield* Ring.directory, "own")

      const made = JSON.parse((yield* run(["identity", "--identity", own, "--json"])).stdout[0]!)
      const people = yield* run(["identity", "--identity", own])
      const { mesh } = yield* Network.start(NodeMesh.layerTls({ identity: own }))

      assert.deepInclude(made, { event: "identity", created: true, subnet: "mesh" })
      assert.match(made.publicKey, /^-----BEGIN PUBLIC KEY-----/)
      assert.strictEqual(mesh.id, made.id)
      assert.include(people.stdout.join("\n"), made.fingerprint)
      assert.strictEqual(fs.statSync(path.join(own, "identity.key")).mode & 0o777, 0o600)
    }))

  it.live("says in plain words what it cannot use", () =>
    Effect.gen(function*() {
      const folder = yield* Ring.directory
      fs.writeFileSync(path.join(folder, "file"), "")
      const missing = path.join(folder, "none.pem")

      const taken = yield* run(["identity", "--identity", path.join(folder, "file")])
      const none = yield* run(["mesh", "--tls=authority", `--ca=${missing}`, `--cert=${missing}`, `--key=${missing}`])

      assert.deepStrictEqual([taken.status, none.status], [1, 1])
      assert.strictEqual(taken.stderr, `p2p: could not write ${folder}/file: not a directory\n`)
      assert.strictEqual(none.stderr, `p2p: could not read ${missing}: no such file or directory\n`)
    }))

  it.live("shows the id of nodes that speak another wire version", () =>
    Effect.gen(function*() {
      const own = path.join(yield* Ring.directory, "own")

      const made = yield* run(["identity", "--identity", own, "--protocol", "0.7", "--json"])
      const { mesh } = yield* Network.start(NodeMesh.layerTls({ identity: own, protocol: "0.7" }))

      assert.strictEqual(JSON.parse(made.stdout[0]!).id, mesh.id)
    }))

  it.live("fails to forget another one where there is none, and makes none", () =>
    Effect.gen(function*() {
      const own = path.join(yield* Ring.directory, "own")

      const { status, stderr } = yield* run(["identity", "--identity", own, "--forget", "127.0.0.1:4444", "--json"])

      assert.strictEqual(status, 1)
      assert.include(stderr, "identity.key is missing")
      assert.isFalse(fs.existsSync(own))
    }))

  it.live("refuses one that others can read, with status 1", () =>
    Effect.gen(function*() {
      const own = path.join(yield* Ring.directory, "own")
      yield* NodeIdentity.open(own)
      fs.chmodSync(path.join(own, "identity.key"), 0o644)

      const { status, stderr } = yield* run(["identity", "--identity", own])

      assert.strictEqual(status, 1)
      assert.match(stderr, /^p2p: others can read .* its mode is 0644; make it private with "chmod 600 /)
    }))
})

describe("p2p mesh --tls", () => {
  it.live("proves senders, and tells who does not fit and why", () =>
    Effect.gen(function*() {
      const host = yield* node("mesh", "--tls")
      const { mesh } = yield* Network.start(NodeMesh.layerTls({ bootstrap: [host.address] }))
      yield* host.take("peer-joined", { id: mesh.id })

      yield* mesh.broadcast("hello")
      const message = yield* host.take("message")
      const plain = yield* node("mesh", "--connect", host.address)
      const refused = yield* plain.take("error")

      assert.deepInclude(message, { sender: mesh.id, proof: "proven", packets: ["hello"] })
      assert.strictEqual(refused.tag, "TlsPeer")
      assert.include(String(refused.message), "the other end speaks TLS, this node does not")
      yield* host.take("rejected", { reason: "PlaintextPeer" })
    }))

  it.live("notices another identity at an address, until it is told to forget the first", () =>
    Effect.gen(function*() {
      const own = path.join(yield* Ring.directory, "own")
      const first = yield* Network.start(NodeMesh.layerTls())
      const address = String(first.mesh.address)
      const guest = yield* node("mesh", "--tls", "--identity", own, "--connect", address)
      yield* guest.take("peer-joined", { id: first.mesh.id })
      yield* first.stop
      const second = yield* Network.start(NodeMesh.layerTls({ port: first.mesh.address.port }))

      yield* guest.send(`/connect ${address}`)
      yield* guest.take("error", { tag: "IdentityChanged" })
      const forgotten = yield* run(["identity", "--identity", own, "--forget", address, "--json"])
      yield* guest.take("peer-joined", { id: second.mesh.id })

      assert.deepStrictEqual(JSON.parse(forgotten.stdout[0]!), { event: "forgotten", address, known: true })
    }))

  it.live("signs what goes over nodes that prove nothing, and shows only what is proven when told to", () =>
    Effect.gen(function*() {
      const { events, mesh, received } = yield* Network.start(NodeMesh.layerTls({ tls: { mode: "compatible" } }))
      const connect = ["--tls=compatible", "--connect", String(mesh.address)]
      const end = yield* node("mesh", ...connect, "--require-proof=always")
      const author = yield* node("mesh", ...connect, "--sign", "--links", "0")
      const joined = (id: string) => events.some((event) => event._tag === "PeerJoined" && event.id === id)
      yield* until("both are there", Effect.sync(() => joined(end.id) && joined(author.id)))

      yield* mesh.broadcast("who am I?")
      yield* end.take("refused", { reason: "Unproven", sender: mesh.id })
      yield* author.send("it is me")
      const message = yield* end.take("message")

      assert.deepInclude(message, { sender: author.id, proof: "proven", packets: ["it is me"] })
      yield* until("heard", Effect.sync(() => received.length === 1))
      assert.deepInclude(received[0], { sender: author.id, proof: "proven" })
      assert.strictEqual(received[0]!.text, "it is me")
    }))
})

describe("p2p chord --tls", () => {
  it.live("keeps a dictionary among the members of an authority, and tells of strangers", () =>
    Effect.gen(function*() {
      const member = yield* node("chord", ...memberFlags(yield* newMember, yield* Ring.directory))
      const tls = yield* newMember
      const { chord } = yield* Ring.start(NodeChord.layerTls({ tls, bootstrap: [member.address] }))

      yield* chord.set("color", "blue")
      yield* member.send("get color")
      const found = yield* member.take("get")
      const stranger = yield* run(["chord", "--json", "--tls", "--join", member.address], ["get color"])
      yield* member.take("rejected", { reason: "OtherTlsMode" })

      assert.strictEqual(found.value, "blue")
      assert.strictEqual(stranger.status, 1)
      assert.strictEqual(JSON.parse(stranger.stdout[1]!).tag, "OtherTlsMode")
    }))
})

describe("the flags of TLS", () => {
  const none = {
    tls: Option.none(),
    identity: Option.none(),
    ca: Option.none(),
    cert: Option.none(),
    key: Option.none()
  }
  const wrong: ReadonlyArray<readonly [Partial<Parameters<typeof SecurityFlags.toSecurity>[0]>, RegExp]> = [
    [{ tls: Option.some("authority") }, /--tls=authority needs --ca FILE, --cert FILE, --key FILE or --identity DIR/],
    [{ tls: Option.some("pinned"), ca: Option.some("x") }, /--ca is for --tls=authority/],
    [{ identity: Option.some("x") }, /--identity needs --tls, which proves it/],
    [{ tls: Option.some("compatible"), identity: Option.some("x") }, /--identity needs --tls, which proves it/]
  ]

  it.effect.each(wrong)("say what is wrong with %j", ([flags, says]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(SecurityFlags.toSecurity({ ...none, ...flags }))

      assert.match(error.message, says)
    }))

  it.live("end a command that has wrong ones with status 2", () =>
    Effect.gen(function*() {
      const wrong = [
        run(["mesh", "--tls=authority"]),
        run(["chord", "--tls", "--listen", "ws://127.0.0.1:0"])
      ]

      const [lacking, webSocket] = yield* Effect.all(wrong, { concurrency: 2 })

      assert.deepInclude(lacking, { status: 2, stdout: [] })
      assert.deepInclude(webSocket, { status: 2, stdout: [] })
      assert.include(webSocket!.stderr, "--tls is for nodes over TCP")
    }))

  it.live("are told by the help, and name a file that is missing", () =>
    Effect.gen(function*() {
      const [chord, missing] = yield* Effect.all([
        run(["chord", "--help"]),
        run(["mesh", "--tls=authority", "--ca", "nowhere.pem", "--cert", "x", "--key", "y"])
      ], { concurrency: 2 })

      for (const flag of ["--tls MODE", "--identity DIR", "--ca FILE", "--cert FILE", "--key FILE"]) {
        assert.include(chord.stdout.join("\n"), flag)
      }
      assert.strictEqual(missing.status, 1)
      assert.match(missing.stderr, /^p2p: could not read nowhere.pem: no such file or directory/)
    }))
})
