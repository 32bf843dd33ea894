/** The ways by which nodes find each other: invitations, a file of addresses, the LAN. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Random, Scope, Stream } from "effect"
import { Chord, Mesh } from "effect-p2p"
import { Invite, NodeChord, NodeIdentity, NodeLan, NodeMesh, NodePeersFile } from "effect-p2p/node"
import { MemoryChord, MemoryMesh, MemoryNetwork } from "effect-p2p/simulation"
import { TestClock } from "effect/testing"
import multicastDns, { type MulticastDNS, type ResponsePacket } from "multicast-dns"
import * as dgram from "node:dgram"
import * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import system, * as os from "node:os"
import * as path from "node:path"
import { isPadding } from "../../src/Chord/Contact.ts"
import * as InviteFlag from "../../src/Cli/InviteFlag.ts"
import { lzString } from "../../src/Protocol/Compression/LzString.ts"
import { parse, PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { run } from "../Cli/CommandLine.ts"
import { quick, simulate, startRing } from "../utils/ChordRing.ts"
import { until } from "../utils/eventually.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "discovery-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

const build = <E, R>(layer: Layer.Layer<Mesh, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Mesh))

const buildChord = <E, R>(layer: Layer.Layer<Chord, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Chord))

const hasPeer = (mesh: Mesh["Service"], id: string) =>
  mesh.changes.pipe(Stream.filter((peers) => peers.some((peer) => peer.id === id)), Stream.take(1), Stream.runDrain)

const full: Invite.Invite = {
  kind: "mesh",
  addresses: ["192.168.1.20:4444", "[fe80::1]:4444", "ws://example.org:80"],
  subnet: "küche",
  tls: "pinned",
  pin: `SHA256:${"A".repeat(43)}`
}

/** The text of an invitation that says something of its own, as another version may. */
const saying = (name: string, value: string | number = "later"): string => {
  const said = { kind: "mesh", addresses: ["10.0.0.1:4444"], subnet: "mesh", [name]: value }
  const packed = lzString.compress(new TextEncoder().encode(JSON.stringify(said))).subarray(4)
  let hash = 0x811c9dc5
  for (const byte of packed) hash = Math.imul(hash ^ byte, 0x01000193)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(hash >>> 0)
  return `p2p1.${Buffer.concat([checksum, packed]).toString("base64url")}`
}

describe("an invitation", () => {
  it.effect("says what it was made of, in a short text", () =>
    Effect.gen(function*() {
      const text = Invite.encode(full)
      const least: Invite.Invite = {
        kind: "chord",
        addresses: ["10.0.0.1:4444"],
        subnet: "chord",
        bits: 160,
        originals: true,
        dialNames: true
      }

      assert.match(text, /^p2p1\.[\w-]+$/)
      assert.isBelow(text.length, 330)
      assert.deepStrictEqual(yield* Invite.decode(`  ${text}\n`), full)
      assert.deepStrictEqual(yield* Invite.decode(Invite.encode(least)), least)
    }))

  it.effect("that lost or changed a character, or is none, is refused with a reason", () =>
    Effect.gen(function*() {
      const text = Invite.encode(full)
      const broken = [
        ...Array.from(text, (_, index) => text.slice(0, index)),
        ...Array.from(text, (character, index) =>
          text.slice(0, index) + (character === "x" ? "y" : "x") + text.slice(index + 1)),
        "p2p1.".padEnd(5000, "A"),
        "p2p1.AAAAAAAA",
        "hello"
      ]
      const errors = yield* Effect.forEach(broken, (each) =>
        Effect.flip(Invite.decode(each)))

      assert.isTrue(
        errors.every(({ _tag, message }) => _tag === "InvalidInvite" && message.includes("ask for it again"))
      )
      assert.include(errors[0]?.message, "does not begin with \"p2p1.\"")
      assert.include(errors.at(-3)?.message, "more than 4096 characters")
    }))

  it.effect("of a newer version is told from a damaged one", () =>
    Effect.gen(function*() {
      const text = Invite.encode(full)
      const later = [
        `p2p2.${text.slice(5)}`,
        "p2p17.anything",
        ...["protocol", "tls", "kind"].map((name) => saying(name))
      ]

      for (const each of later) {
        const error = yield* Effect.flip(Invite.decode(each))

        assert.strictEqual(error.kind, "Newer")
        assert.match(error.message, /^this invitation is of a newer effect-p2p: .*("p2p\d+\."|"later").* Install/)
      }
      assert.strictEqual((yield* Effect.flip(Invite.decode(text.slice(1)))).kind, "Invalid")
      assert.strictEqual((yield* Effect.flip(Invite.decode(saying("subnet", 7)))).kind, "Invalid")
    }))

  it.effect("does not go with flags that say something else, or with another kind of node", () =>
    Effect.gen(function*() {
      const none = Option.none()
      const text = Option.some(Invite.encode(full))
      const wrong = (kind: "mesh" | "chord", given: Parameters<typeof InviteFlag.read>[2]) =>
        Effect.map(Effect.flip(InviteFlag.read(kind, text, given)), ({ message }) => message)

      assert.include(yield* wrong("chord", { subnet: none, tls: none }), "it is for p2p mesh, not for p2p chord")
      assert.include(
        yield* wrong("mesh", { subnet: Option.some("other"), tls: none }),
        "it is for the subnet \"küche\""
      )
      assert.include(
        yield* wrong("mesh", { subnet: none, tls: Option.some("compatible" as const) }),
        "it is for --tls=pinned"
      )
      const taken = yield* InviteFlag.read("mesh", text, { subnet: none, tls: none })
      assert.strictEqual(taken.pins["192.168.1.20:4444"], full.pin)
    }))

  it.live("lets only the node in whose key it names", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      const { identity } = yield* NodeIdentity.open(path.join(folder, "host"))
      const host = yield* build(NodeMesh.layerTls({ identity: path.join(folder, "host") }))
      const address = String(host.address)
      const guest = (pin: string) =>
        build(NodeMesh.layerTls({ tls: { pins: { [address]: pin } }, maxOutboundLinks: 0 }))

      const right = yield* guest(NodeIdentity.fingerprint(identity.publicKey))
      assert.strictEqual((yield* right.connect(address)).id, host.id)
      const wrong = yield* guest(`SHA256:${"A".repeat(43)}`)
      const { message } = yield* Effect.flip(wrong.connect(address))
      assert.include(message, `SHA256:${"A".repeat(43)} was to be there`)
      assert.include(message, "ask for a new invitation")
    }))

  it.live("lets nobody else in where the address is spelt in another way, and takes no pin for what is none", () =>
    Effect.gen(function*() {
      const pin = `SHA256:${"A".repeat(43)}`
      const guest = (pinned: string) => NodeMesh.layerTls({ tls: { pins: { [pinned]: pin } }, maxOutboundLinks: 0 })
      const spellings = [
        ["127.0.0.1", "[127.0.0.1]"],
        ["localhost", "LocalHost"],
        ["[::1]", "[0:0::0:1]"]
      ] as const
      for (const [spelt, pinned] of spellings) {
        const host = yield* build(NodeMesh.layerTls({ host: spelt.replace(/[[\]]/g, "") }))
        const { port } = host.address
        const node = yield* build(guest(`${pinned}:${port}`))
        assert.include((yield* Effect.flip(node.connect(`${spelt}:${port}`))).message, `${pin} was to be there`)
      }
      const none = yield* Effect.flip(Effect.scoped(build(guest("127.0.0.1"))))
      assert.deepInclude(none, { _tag: "IdentityError", kind: "Invalid", path: "pins" })
    }))

  it.effect("is refused where it names a key that its kind of TLS would not look at", () =>
    Effect.gen(function*() {
      for (const tls of [{}, { tls: "authority" }, { tls: "compatible" }] as const) {
        const { pin, tls: _, ...others } = full
        const text = Option.some(Invite.encode({ ...others, ...tls, ...(pin === undefined ? {} : { pin }) }))

        const error = yield* Effect.flip(InviteFlag.read("mesh", text, { subnet: Option.none(), tls: Option.none() }))

        assert.include(error.message, "it names a key that nobody would look at")
      }
    }))

  it.live("is made, shown and refused by the command line", () =>
    Effect.gen(function*() {
      const made = yield* run(["invite", "--connect", "10.0.0.1:4444", "--subnet", "lab"])
      const text = made.stdout[0] ?? ""
      const [shown, refused, asked] = yield* Effect.all([
        run(["invite", text]),
        run(["mesh", "--json", "--invite", text.slice(0, -3)]),
        run(["mesh", "--json", "--subnet", "lab"], ["/invite", "/quit"])
      ], { concurrency: 2 })

      assert.deepStrictEqual(JSON.parse(shown.stdout[0] ?? ""), {
        kind: "mesh",
        addresses: ["10.0.0.1:4444"],
        subnet: "lab"
      })
      const [listening, invite] = asked.stdout.map((line) => JSON.parse(line))
      assert.deepStrictEqual(yield* Invite.decode(invite.text), {
        kind: "mesh",
        addresses: [listening.address],
        subnet: "lab"
      })
      assert.strictEqual(refused.status, 2)
      assert.include(refused.stderr, "p2p: --invite: this is no invitation: it is damaged, or its end is missing")
    }))
})

describe("a file of addresses", () => {
  it.effect.each<readonly [Partial<NodePeersFile.PeersFileOptions>, string]>([
    [{ saveInterval: 0 }, "saveInterval is 0: write a time above 0"],
    [{ saveInterval: "often" as "1 second" }, "saveInterval is often: write a time above 0"],
    [{ maxPeers: Number.NaN }, "maxPeers is NaN: write a number of 0 or more"],
    [{ maxAge: -1 }, "maxAge is -1: write a time of 0 or more"]
  ])("is not opened with settings that make no sense: %j", ([settings, says]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        NodePeersFile.open({ file: path.join(yield* temporary, "peers.txt"), ...settings })
      )

      assert.strictEqual(error._tag, "PeersFileError")
      assert.include(error.message, `the setting ${says}`)
    }))

  it.effect("keeps the lines of the user, and of what was linked the latest, as long as it is not too old", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-01-31T00:00:00Z"))
      const file = path.join(yield* temporary, "peers.txt")
      const lines = [
        "# the hub",
        "hub.example:4444 # always there",
        "10.0.0.1:1 2026-01-30T00:00:00.000Z",
        "10.0.0.2:1 2025-12-01T00:00:00.000Z"
      ]
      fs.writeFileSync(file, lines.join("\n"))
      const opened = yield* NodePeersFile.open({ file, maxPeers: 3 })

      assert.deepStrictEqual(opened.addresses.map(String), ["hub.example:4444", "10.0.0.1:1"])
      for (const port of [2, 3, 4]) opened.note(parse(`10.0.0.9:${port}`)!, Date.parse("2026-01-31T00:00:00Z"))
      yield* opened.save
      assert.deepStrictEqual(fs.readFileSync(file, "utf8").split("\n"), [
        ...lines.slice(0, 2),
        "10.0.0.9:2 2026-01-31T00:00:00.000Z",
        "10.0.0.9:3 2026-01-31T00:00:00.000Z",
        "10.0.0.9:4 2026-01-31T00:00:00.000Z",
        ""
      ])
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ["peers.txt"])
      const again = yield* NodePeersFile.open({ file })
      assert.deepStrictEqual(again.addresses.map(String), [
        "hub.example:4444",
        "10.0.0.9:4",
        "10.0.0.9:3",
        "10.0.0.9:2"
      ])
    }))

  it.effect("that is none, or too large, is refused with the line that is wrong", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      fs.writeFileSync(file, "10.0.0.1:1\nnot an address\n")
      const wrong = yield* Effect.flip(NodePeersFile.open({ file }))
      fs.writeFileSync(file, "#".repeat(400_000))
      const large = yield* Effect.flip(NodePeersFile.open({ file }))

      assert.include(wrong.message, "line 2 is no address: write host:port")
      assert.include(large.message, "more than 326144 bytes")
    }))

  it.effect.skipIf(process.platform === "win32")(
    "is no pipe or device, which may have no end",
    () =>
      Effect.gen(function*() {
        const { message } = yield* Effect.flip(NodePeersFile.open({ file: "/dev/null" }))

        assert.strictEqual(
          message,
          "cannot use /dev/null as a file of addresses: it is no file but a pipe or a device"
        )
      })
  )

  it.effect("refuses a line with more than an address and a time", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      fs.writeFileSync(file, "10.0.0.1:1\n10.0.0.2:1 the hub\n")

      const wrong = yield* Effect.flip(NodePeersFile.open({ file }))

      assert.include(wrong.message, "line 2 is no address: write host:port, and # before what is none")
    }))

  it.effect("is written again where that failed, and no draft of it stays", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      const file = path.join(folder, "peers.txt")
      const opened = yield* NodePeersFile.open({ file })
      opened.note(parse("10.0.0.1:1")!, 0)
      fs.mkdirSync(file)

      const failed = yield* Effect.flip(opened.save)
      assert.deepStrictEqual(fs.readdirSync(folder), ["peers.txt"])
      fs.rmdirSync(file)
      yield* opened.save

      assert.strictEqual(failed._tag, "PeersFileError")
      assert.strictEqual(fs.readFileSync(file, "utf8"), "10.0.0.1:1 1970-01-01T00:00:00.000Z\n")
    }))

  it.effect.skipIf(process.platform === "win32")(
    "that links lead to stays there when it is written, for whom it was",
    () =>
      Effect.gen(function*() {
        const folder = yield* temporary
        const [file, link, far] = ["peers.txt", "link", "far"].map((name) => path.join(folder, name)) as [
          string,
          string,
          string
        ]
        fs.writeFileSync(file, "hub.example:4444\n")
        fs.chmodSync(file, 0o660)
        fs.symlinkSync("link", far)
        fs.symlinkSync("peers.txt", link)
        const note = Effect.fnUntraced(function*(port: number) {
          const opened = yield* NodePeersFile.open({ file: far })
          opened.note(parse(`10.0.0.1:${port}`)!, 0)
          yield* opened.save
        })

        yield* note(1)
        assert.strictEqual(fs.readFileSync(file, "utf8"), "hub.example:4444\n10.0.0.1:1 1970-01-01T00:00:00.000Z\n")
        assert.strictEqual(fs.statSync(file).mode & 0o777, 0o660)
        fs.rmSync(file)
        yield* note(2)
        assert.strictEqual(fs.readFileSync(file, "utf8"), "10.0.0.1:2 1970-01-01T00:00:00.000Z\n")
        assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["far", "link", "peers.txt"])
        assert.isTrue(fs.lstatSync(link).isSymbolicLink() && fs.lstatSync(far).isSymbolicLink())
      })
  )

  it.effect("does not keep an address that reads as something else", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      const opened = yield* NodePeersFile.open({ file })
      for (const host of ["ws://a b", "wss://a#b", "a\nno address", "a\n10.0.0.2"]) {
        opened.note(new PeerAddress({ host, port: 1 }), 0)
      }
      opened.note(new PeerAddress({ host: "10.0.0.1", port: 1 }), 0)
      yield* opened.save

      assert.deepStrictEqual((yield* NodePeersFile.open({ file })).addresses.map(String), ["10.0.0.1:1"])
    }))

  it.effect("keeps where a node was dialed, not where it says that it can be", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      yield* build(MemoryMesh.layer({ host: "hub", announce: parse("10.0.0.5:4444")! }))
      const bootstrap = [parse("hub:4444")!]
      const start = NodePeersFile.layerMesh({ file }).pipe(
        Layer.provideMerge(MemoryMesh.layer({ host: "guest", bootstrap }))
      )

      yield* Effect.scoped(Effect.andThen(build(start), TestClock.adjust("5 seconds")))

      assert.match(fs.readFileSync(file, "utf8"), /^hub:4444 [^\n]*\n$/)
    }).pipe(Effect.provide(MemoryNetwork.layer())))

  const remembering = { maxAge: "1 minute", saveInterval: "1 second" } as const

  it.effect("does not forget an address while a link to it stands, however long, nor right after it", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      const hubs = yield* Effect.forEach(["one", "other"], (host) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Layer.buildWithScope(MemoryMesh.layer({ host, maxOutboundLinks: 0 }), scope)
          return { stop: Scope.close(scope, Exit.void) }
        }))
      const guest = NodePeersFile.layerMesh({ ...remembering, file }).pipe(
        Layer.provideMerge(MemoryMesh.layer({ host: "guest", bootstrap: ["one:4444", "other:4444"] }))
      )
      const remembered = Effect.map(
        NodePeersFile.open({ ...remembering, file }),
        ({ addresses }) => addresses.map(String).sort()
      )
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(guest, scope)

      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* remembered, ["one:4444", "other:4444"])
      yield* hubs[0]!.stop
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(yield* remembered, ["one:4444", "other:4444"])
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* remembered, ["other:4444"])
      yield* Effect.forkScoped(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* remembered, ["other:4444"])
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("standing")))

  it.effect("does not forget a neighbor in the ring while it is one, however long", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      yield* buildChord(MemoryChord.layer({ host: "host" }))
      const guest = NodePeersFile.layerChord({ ...remembering, file }).pipe(
        Layer.provideMerge(MemoryChord.layer({ host: "guest", bootstrap: ["host:5555"] }))
      )
      yield* buildChord(guest)

      yield* TestClock.adjust("5 minutes")

      const { addresses } = yield* NodePeersFile.open({ ...remembering, file })
      assert.deepStrictEqual(addresses.map(String), ["host:5555"])
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("standing")))

  it.effect("has no line for the gap that a lost neighbor leaves", () =>
    Effect.map(temporary, (folder) => {
      const file = path.join(folder, "peers.txt")
      const { isPadded, texts } = simulate((simulation) =>
        Effect.gen(function*() {
          yield* startRing(simulation, 12)
          const settings = { ...quick, host: "guest", bootstrap: ["0:5555"] }
          const layer = NodePeersFile.layerChord({ file, saveInterval: "5 millis" }).pipe(
            Layer.provideMerge(MemoryChord.layerTransport(settings))
          )
          const chord = Context.get(yield* simulation.start("guest", layer), Chord)
          yield* Effect.sleep("10 seconds")
          const [member] = yield* chord.ring
          const lost = member!.membership.successors.slice(0, 2)

          yield* Effect.forEach(lost, ({ address }) => simulation.crash(address.host))
          let isPadded = false
          const texts: Array<string> = []
          for (let step = 0; step < 5000; step++) {
            yield* Effect.sleep("5 millis")
            isPadded ||= (yield* chord.ring).some(({ membership }) => membership.successors.some(isPadding))
            texts.push(fs.readFileSync(file, "utf8"))
          }
          return { isPadded, texts }
        })
      )

      assert.isTrue(isPadded)
      assert.isFalse(texts.some((text) => text.includes("0.0.0.0")))
    }))

  it.effect("is not written again and again for links that merely stand", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      yield* build(MemoryMesh.layer({ host: "hub" }))
      yield* build(
        NodePeersFile.layerMesh({ file }).pipe(
          Layer.provideMerge(MemoryMesh.layer({ host: "guest", bootstrap: ["hub:4444"] }))
        )
      )
      yield* TestClock.adjust("2 minutes")
      const written = fs.readFileSync(file, "utf8")

      yield* TestClock.adjust("50 minutes")
      assert.strictEqual(fs.readFileSync(file, "utf8"), written)
      yield* TestClock.adjust("10 minutes")
      assert.notStrictEqual(fs.readFileSync(file, "utf8"), written)
    }).pipe(Effect.provide(MemoryNetwork.layer({ latency: "10 millis" })), Random.withSeed("standing")))

  it.effect("that a node wrote is one that it reads, however many addresses it remembers", () =>
    Effect.gen(function*() {
      const options = { file: path.join(yield* temporary, "peers.txt"), maxPeers: 7000 }
      const opened = yield* NodePeersFile.open(options)
      for (let index = 0; index < options.maxPeers; index++) {
        opened.note(parse(`10.1.${index >> 8}.${index & 255}:4444`)!, index)
      }
      yield* opened.save

      assert.lengthOf((yield* NodePeersFile.open(options)).addresses, 7000)
      const fewer = yield* Effect.flip(NodePeersFile.open({ ...options, maxPeers: 10 }))
      assert.include(fewer.message, "more than 265344 bytes, which is the most for 10 addresses")
    }))

  it.live("brings a node back to whom it was linked with", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      const host = yield* build(NodeMesh.layer({}))
      const start = (bootstrap: ReadonlyArray<string>) =>
        NodePeersFile.layerMesh({ file }).pipe(Layer.provideMerge(NodeMesh.layer({ bootstrap })))
      const scope = yield* Scope.make()
      const before = Context.get(yield* Layer.buildWithScope(start([String(host.address)]), scope), Mesh)
      yield* hasPeer(before, host.id)
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)

      assert.include(fs.readFileSync(file, "utf8"), String(host.address))
      const after = yield* build(start([]))
      yield* hasPeer(after, host.id)
    }))

  it.live("brings a chord node back into its ring, before it reads", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporary, "peers.txt")
      const host = yield* buildChord(NodeChord.layer({}))
      yield* host.set("color", "blue")
      const start = NodePeersFile.layerChord({ file }).pipe(
        Layer.provideMerge(NodeChord.layer({ bootstrap: [String(host.address)] }))
      )
      yield* Effect.scoped(Effect.flatMap(buildChord(start), (chord) => chord.get("color")))
      assert.include(fs.readFileSync(file, "utf8"), String(host.address))
      fs.appendFileSync(file, "127.0.0.1:1\n")

      const { status, stdout } = yield* run(["chord", "--json", "--peers", file], ["get color", "quit"])
      const events: ReadonlyArray<Readonly<Record<string, unknown>>> = stdout.map((line) => JSON.parse(line))
      assert.deepStrictEqual(events.filter((each) => each["event"] === "get"), [
        { event: "get", key: "color", value: "blue" }
      ])
      assert.strictEqual(status, 0)
    }))
})

/** Whether datagrams to a group come back to this machine: not in every container. */
const hasMulticast = await new Promise<boolean>((resolve) => {
  const socket = dgram.createSocket({ type: "udp4", reuseAddr: true })
  const end = (isThere: boolean) => {
    clearTimeout(timer)
    socket.close(() => resolve(isThere))
  }
  const timer = setTimeout(() => end(false), 500)
  socket.once("error", () => end(false)).once("message", () => end(true))
  socket.bind(0, () => {
    try {
      socket.addMembership("224.0.0.251")
      socket.send("hello", socket.address().port, "224.0.0.251")
    } catch {
      end(false)
    }
  })
})

/** Hears and says what others do on a LAN of its own. */
const listener = Effect.acquireRelease(
  Effect.callback<{ readonly dns: MulticastDNS; readonly port: number }>((resume) => {
    const port = 20_000 + Math.floor(Math.random() * 20_000)
    const dns = multicastDns({ port })
    dns.once("ready", () => resume(Effect.succeed({ dns, port })))
  }),
  ({ dns }) => Effect.callback<void>((resume) => dns.destroy(() => resume(Effect.void)))
)

/** Waits for a record of that name. */
const heard = (dns: MulticastDNS, name: string) =>
  Effect.callback<void>((resume) => {
    const look = (packet: ResponsePacket) => {
      if (packet.answers?.some((record) => record.name === name) === true) resume(Effect.void)
    }
    dns.on("response", look)
    return Effect.sync(() => dns.off("response", look))
  })

/** As where no descriptors are left. */
const withoutInterfaces = Effect.acquireRelease(
  Effect.sync(() => {
    const { networkInterfaces } = system
    system.networkInterfaces = () => {
      throw new Error("no more descriptors")
    }
    syncBuiltinESMExports()
    return networkInterfaces
  }),
  (networkInterfaces) =>
    Effect.sync(() => {
      system.networkInterfaces = networkInterfaces
      syncBuiltinESMExports()
    })
)

describe("the LAN", () => {
  it.live.each<readonly [NodeLan.LanOptions, string]>([
    [{ port: 99_999 }, "port is 99999: write one from 1 to 65535"],
    [{ port: -1 }, "port is -1: write one from 1 to 65535"],
    [{ port: 0 }, "port is 0: write one from 1 to 65535"],
    [{ interface: "eth0" }, "interface is eth0: write the IPv4 address of one"],
    [{ interval: 0 }, "interval is 0: write a time above 0"],
    [{ interval: "often" as "1 second" }, "interval is often: write a time above 0"]
  ])(
    "is not asked by settings that make no sense, and the program goes on: %j",
    ([settings, says]) =>
      Effect.gen(function*() {
        const node = NodeLan.layerMesh(settings).pipe(Layer.provideMerge(NodeMesh.layer()))

        const error = yield* Effect.flip(build(node))

        assert.strictEqual(error._tag, "LanError")
        assert.include(error.message, `the setting ${says}`)
      })
  )

  it.live("that cannot be asked, for the port is taken, is an error that the program can handle", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.acquireRelease(
        Effect.callback<dgram.Socket>((resume) => {
          const socket = dgram.createSocket("udp4")
          socket.bind(0, () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.sync(() => socket.close())
      )
      const node = NodeLan.layerMesh({ port: taken.address().port }).pipe(Layer.provideMerge(NodeMesh.layer({})))

      const error = yield* Effect.flip(build(node))
      // It tells the same once more.
      yield* Effect.promise(() => new Promise(setImmediate))

      assert.strictEqual(error._tag, "LanError")
      assert.include(error.message, "EADDRINUSE")
    }))

  it.live.skipIf(!hasMulticast)(
    "brings nodes of one network together, and leaves those of others alone",
    () =>
      Effect.gen(function*() {
        const port = 20_000 + Math.floor(Math.random() * 20_000)
        const node = (subnet: string) =>
          build(
            NodeLan.layerMesh({ port, interval: "200 millis" }).pipe(Layer.provideMerge(NodeMesh.layer({ subnet })))
          )
        const one = yield* node("lan")
        const stranger = yield* node("elsewhere")
        const two = yield* node("lan")
        yield* hasPeer(one, two.id)

        assert.deepStrictEqual((yield* stranger.stats).knownAddresses, 0)
      })
  )

  it.live.skipIf(!hasMulticast)(
    "does not lead a node to itself that listens on all addresses of its machine",
    () =>
      Effect.gen(function*() {
        const { dns, port } = yield* listener
        const said = yield* Effect.forkScoped(heard(dns, "_effect-p2p._tcp.local"), { startImmediately: true })
        const own = NodeMesh.layer({ host: "0.0.0.0", subnet: "lan", maxOutboundLinks: 0 })
        const mesh = yield* build(NodeLan.layerMesh({ port }).pipe(Layer.provideMerge(own)))
        yield* Fiber.join(said)

        const data = [`network=${mesh.networkId}`, "address=127.0.0.1:1", "address=127.0.0.1:2"]
        dns.respond({ answers: [{ name: "a._effect-p2p._tcp.local", type: "TXT", data }] })
        yield* until("told", Effect.map(mesh.stats, ({ knownAddresses }) => knownAddresses > 1))

        assert.strictEqual((yield* mesh.stats).knownAddresses, 2)
      })
  )

  it.live.skipIf(!hasMulticast)("is heard by a node that keeps to one interface", () =>
    Effect.gen(function*() {
      const port = 20_000 + Math.floor(Math.random() * 20_000)
      const lan = NodeLan.layerMesh({ port, interval: "200 millis", interface: "127.0.0.1" })
      const [one, two] = [
        yield* build(lan.pipe(Layer.provideMerge(NodeMesh.layer({})))),
        yield* build(lan.pipe(Layer.provideMerge(NodeMesh.layer({}))))
      ]

      yield* hasPeer(one, two.id)
    }))

  it.live.skipIf(!hasMulticast)(
    "gets an answer a second, however many questions are asked",
    () =>
      Effect.gen(function*() {
        const { dns, port } = yield* listener
        yield* build(NodeLan.layerMesh({ port }).pipe(Layer.provideMerge(NodeMesh.layer({}))))
        const service = "_effect-p2p._tcp.local"
        let count = 0
        dns.on("response", ({ answers }) => count += Number(answers?.some(({ name }) => name === service) ?? false))
        const ask = () => dns.query({ questions: [{ name: service, type: "PTR" }] })

        const [first] = [yield* Effect.forkScoped(heard(dns, service), { startImmediately: true }), ask()]
        yield* Fiber.join(first)
        const next = yield* Effect.forkScoped(heard(dns, service), { startImmediately: true })
        for (let index = 0; index < 100; index++) ask()
        yield* Fiber.join(next)
        const last = yield* Effect.forkScoped(heard(dns, "last.local"), { startImmediately: true })
        dns.respond({ answers: [{ name: "last.local", type: "TXT", data: "" }] })
        yield* Fiber.join(last)

        assert.isBelow(count, 10)
      })
  )

  it.live.skipIf(!hasMulticast)(
    "costs a node nothing while the system does not tell its interfaces",
    () =>
      Effect.gen(function*() {
        const { dns, port } = yield* listener
        const mesh = yield* build(
          NodeLan.layerMesh({ port }).pipe(Layer.provideMerge(NodeMesh.layer({ subnet: "lan", maxOutboundLinks: 0 })))
        )
        const tell = (address: string) =>
          dns.respond({
            answers: [{
              name: "a._effect-p2p._tcp.local",
              type: "TXT",
              data: [`network=${mesh.networkId}`, `address=${address}`]
            }]
          })
        const fails = yield* Scope.make()
        yield* Scope.provide(withoutInterfaces, fails)
        const told = yield* Effect.forkScoped(heard(dns, "a._effect-p2p._tcp.local"), { startImmediately: true })
        tell("127.0.0.1:1")
        yield* Fiber.join(told)
        const error = yield* Effect.flip(
          build(NodeLan.layerMesh({ port }).pipe(Layer.provideMerge(NodeMesh.layer({}))))
        )
        yield* Scope.close(fails, Exit.void)
        while ((yield* mesh.stats).knownAddresses === 0) {
          tell("127.0.0.1:2")
          yield* Effect.sleep("20 millis")
        }

        assert.strictEqual(error._tag, "LanError")
        assert.include(error.message, "no more descriptors")
      })
  )

  it.live("takes for a ring what the LAN tells as far as peers may tell of others", () =>
    Effect.gen(function*() {
      const chord = yield* buildChord(NodeChord.layer({}))
      const at = (...addresses: ReadonlyArray<string>) => addresses.map((text) => parse(text)!)
      const teller = parse("192.168.1.7:0")

      assert.strictEqual(
        yield* chord.learn(
          at("127.0.0.1:6379", "localhost:80", "router.lan:80", "[::1]:80", "0.0.0.0:1", "127.1:80"),
          teller
        ),
        0
      )
      const many = Array.from({ length: 300 }, (_, index) => `10.0.0.1:${1000 + index}`)
      assert.strictEqual(yield* chord.learn(at(...many), teller), 8)
      assert.strictEqual(yield* chord.learn(at("10.0.0.1:1"), parse("203.0.113.7:0")), 0)
      assert.strictEqual(yield* chord.learn(at("127.0.0.1:6379"), parse("127.0.0.1:0")), 1)
      // What the user says is taken as it is, and stays.
      const own = Array.from({ length: 256 }, (_, index) => `node${index}.example:4444`)
      assert.strictEqual(yield* chord.learn(at(...own)), 256)
      assert.strictEqual(yield* chord.learn(at("192.168.1.8:1"), parse("192.168.1.8:0")), 0)
      assert.strictEqual(yield* chord.learn(at(...own)), 0)
    }))

  it.live.skipIf(!hasMulticast)(
    "brings the nodes of one ring together, before they read",
    () =>
      Effect.gen(function*() {
        const port = 20_000 + Math.floor(Math.random() * 20_000)
        const node = (bits: number) =>
          buildChord(
            NodeLan.layerChord({ port, interval: "200 millis" }).pipe(Layer.provideMerge(NodeChord.layer({ bits })))
          )
        const [one, other] = yield* Effect.all([node(160), node(32)], { concurrency: 2 })
        yield* one.set("color", "blue")
        const two = yield* node(160)

        assert.deepStrictEqual(yield* two.get("color"), Option.some("blue"))
        assert.deepStrictEqual(yield* other.get("color"), Option.none())
      })
  )
})
