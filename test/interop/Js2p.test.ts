/**
 * Ours and `js2p` 0.7.870 as it is on npm, on one network of wire version 0.7, over real sockets.
 *
 * Faults of js2p that tests here have to bear with (none of them is needed to work with ours):
 * - It holds a node for known when its host *or* its port is in the table: so each node has both of its own.
 * - It refuses to dial a node it knows by answering `true`, and one that is not there by nothing at all.
 * - It announces the port it was given, so that 0 means nothing: the driver finds a free one.
 * - It sends its handshake twice to whoever dials it, and does the same to whom it dialed.
 * - It relays a broadcast to every link but the author's: also back to where it came from.
 * - `reply` to a node that it has no link to raises, and closes a link.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as NodeSync from "../../src/Layers/NodeSync.ts"
import { Mesh } from "../../src/Mesh/Mesh.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import { Sync } from "../../src/Sync/Sync.ts"
import * as SyncKey from "../../src/Sync/SyncKey.ts"
import * as CommandLine from "../Cli/CommandLine.ts"
import * as ChordSuite from "../compliance/chord.ts"
import { type SocketNode, start } from "../compliance/mesh.ts"
import { eventually, until } from "../utils/eventually.ts"
import { collect } from "../utils/MeshNetwork.ts"
import { Js2p, type Js2pNode } from "./js2p/Js2p.ts"

let hostCount = 0

/** One of ours, with a host and a port that no other node has. */
const ours = (options: NodeMesh.NodeMeshOptions) =>
  start(NodeMesh.layer({ protocol: "0.7", host: `127.0.8.${++hostCount}`, upkeepInterval: "300 millis", ...options }))

const peersOf = (node: SocketNode) => Effect.map(node.mesh.peers, (peers) => peers.map((peer) => peer.id))
const has = (node: SocketNode, id: string) => until("a peer", Effect.map(peersOf(node), (ids) => ids.includes(id)))
const theyHave = (node: Js2pNode, id: string) =>
  until("their peer", Effect.map(node.peerIds, (ids) => ids.includes(id)))
const heardBy = (node: Js2pNode, text: string) => node.heard.filter((message) => message.packets[1] === text)
const receivedBy = (node: SocketNode, text: string) => node.received.filter((message) => message.text === text)
const arrives = (node: SocketNode, text: string) =>
  until(`"${text}"`, Effect.sync(() => receivedBy(node, text).length === 1))
const arrivesThere = (node: Js2pNode, text: string) =>
  until(`"${text}" there`, Effect.sync(() => heardBy(node, text).length > 0))

layer(Js2p.layer, { excludeTestServices: true })("js2p 0.7.870", (it) => {
  describe("in a mesh", () => {
    it.effect("hears what ours broadcasts and is heard, whoever dialed, texts as texts and bytes as bytes", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const [dialed, dialing] = [yield* js2p.start(mesh("both")), yield* js2p.start(mesh("both"))]
        const node = yield* ours({ subnet: "both", maxOutboundLinks: 0 })
        yield* node.mesh.connect(dialed.address)
        yield* dialing.connect(String(node.mesh.address))
        yield* has(node, dialing.id)
        for (const peer of [dialed, dialing]) yield* theyHave(peer, node.mesh.id)

        const id = yield* node.mesh.broadcast(["hello", Uint8Array.of(0, 255), "测试"])
        yield* dialed.call("send", { packets: ["from one", { hex: "00ff" }] })
        yield* dialing.call("send", { packets: ["from the other", 7, { k: [null, true] }] })

        for (const peer of [dialed, dialing]) {
          yield* arrivesThere(peer, "hello")
          const { packets, type, ...rest } = heardBy(peer, "hello")[0]!
          assert.deepStrictEqual(packets, [0, "hello", { hex: "00ff" }, "测试"])
          assert.deepInclude(rest, { sender: node.mesh.id, id })
          assert.strictEqual(type, 0)
        }
        yield* arrives(node, "from one")
        yield* arrives(node, "from the other")
        assert.deepStrictEqual(receivedBy(node, "from one")[0]?.packets[1], Uint8Array.of(0, 255))
        assert.strictEqual(receivedBy(node, "from one")[0]?.sender, dialed.id)
      }))

    it.effect("whispers, is whispered to, replies and is replied to", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const peer = yield* js2p.start(mesh("whisper"))
        const node = yield* ours({ subnet: "whisper" })
        yield* node.mesh.connect(peer.address)
        yield* theyHave(peer, node.mesh.id)

        yield* node.mesh.whisper(peer.id, "reply to this")
        yield* arrives(node, `reply from ${peer.name}`)
        yield* peer.call("whisper", { to: node.mesh.id, packets: ["and you to this"] })
        yield* arrives(node, "and you to this")
        yield* node.mesh.reply(receivedBy(node, "and you to this")[0]!, "as you wish")

        yield* arrivesThere(peer, "as you wish")
        assert.strictEqual(heardBy(peer, "as you wish")[0]?.type, 2)
        assert.deepInclude(receivedBy(node, `reply from ${peer.name}`)[0], { kind: "whisper", from: peer.id })
      }))

    it.effect("is told of ours and tells ours of others, and all find each other", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const [a, b] = [yield* js2p.start(mesh("exchange")), yield* js2p.start(mesh("exchange"))]
        const hub = yield* ours({ subnet: "exchange" })
        const other = yield* ours({ subnet: "exchange" })
        yield* a.connect(String(hub.mesh.address))
        yield* has(hub, a.id)

        // By ours a js2p node learns of another, and ours of both by js2p.
        yield* b.connect(String(hub.mesh.address))
        yield* theyHave(b, a.id)
        yield* other.mesh.connect(a.address)

        for (const id of [a.id, b.id, hub.mesh.id]) yield* has(other, id)
      }))

    it.effect("relays what ours says to others of ours, and ours relays between two of them, each once", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const [left, middle, right] = [
          yield* js2p.start(mesh("relay")),
          yield* js2p.start(mesh("relay")),
          yield* js2p.start(mesh("relay"))
        ]
        const none = { subnet: "relay", maxOutboundLinks: 0, maxPeersPerList: 0 }
        const [between, end] = [yield* ours(none), yield* ours(none)]
        // left - between - middle - end, and right at between.
        yield* between.mesh.connect(left.address)
        yield* between.mesh.connect(middle.address)
        yield* between.mesh.connect(right.address)
        yield* end.mesh.connect(middle.address)
        for (const [peer, id] of [[left, between.mesh.id], [right, between.mesh.id], [middle, end.mesh.id]] as const) {
          yield* theyHave(peer, id)
        }

        yield* left.call("send", { packets: ["from the left"] })
        yield* end.mesh.broadcast("from the end")

        for (const node of [between, end]) yield* arrives(node, "from the left")
        for (const peer of [middle, right]) yield* arrivesThere(peer, "from the left")
        yield* arrives(between, "from the end")
        for (const peer of [left, middle, right]) {
          yield* arrivesThere(peer, "from the end")
          assert.strictEqual(heardBy(peer, "from the end").length, 1)
        }
        assert.strictEqual(receivedBy(end, "from the left")[0]?.sender, left.id)
      }))

    it.effect("may go without harm to the rest, and ours may", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const [lost, kept] = [yield* js2p.start(mesh("loss")), yield* js2p.start(mesh("loss"))]
        const [a, b] = [yield* ours({ subnet: "loss" }), yield* ours({ subnet: "loss" })]
        for (const node of [a, b]) {
          yield* node.mesh.connect(lost.address)
          yield* node.mesh.connect(kept.address)
        }
        yield* theyHave(kept, b.mesh.id)

        yield* lost.call("close")
        yield* until("told", Effect.map(peersOf(a), (ids) => !ids.includes(lost.id)))
        yield* kept.call("send", { packets: ["still here"] })
        for (const node of [a, b]) yield* arrives(node, "still here")
        yield* a.stop
        yield* eventually(Effect.map(kept.peerIds, (ids) => assert.notInclude(ids, a.mesh.id)))
        yield* b.mesh.broadcast("so am I")

        yield* arrivesThere(kept, "so am I")
        assert.isTrue(b.events.some((event) => event._tag === "PeerLeft" && event.id === lost.id))
      }))

    it.effect("is found by ours, and dialed, when a whisper is for it", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const peer = yield* js2p.start(mesh("search"))
        const [middle, seeker] = [
          yield* ours({ subnet: "search", maxOutboundLinks: 0 }),
          yield* ours({ subnet: "search", maxOutboundLinks: 0, maxPeersPerList: 0 })
        ]
        yield* middle.mesh.connect(peer.address)
        yield* seeker.mesh.connect(middle.mesh.address)

        yield* seeker.mesh.whisper(peer.id, "found you")

        yield* arrivesThere(peer, "found you")
      }))

    it.effect("reads what ours compresses, and ours what it does", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const peer = yield* js2p.start(mesh("large"))
        const node = yield* ours({ subnet: "large" })
        yield* node.mesh.connect(peer.address)
        yield* theyHave(peer, node.mesh.id)
        const large = "all work and no play ".repeat(500)

        yield* node.mesh.broadcast(large)
        yield* peer.call("send", { packets: [`${large}!`] })

        yield* arrivesThere(peer, large)
        yield* arrives(node, `${large}!`)
      }))

    for (const encryption of ["SSL", "ws"] as const) {
      it.effect(`speaks to ours over ${encryption}, whoever dials`, () =>
        Effect.gen(function*() {
          const js2p = yield* Js2p
          const options = { kind: "mesh", subnet: "secured", encryption } as const
          const [dialed, dialing] = [yield* js2p.start(options), yield* js2p.start(options)]
          const settings = {
            protocol: "0.7",
            subnet: "secured",
            host: `127.0.8.${++hostCount}`,
            maxOutboundLinks: 0
          } as const
          const node = yield* start(
            encryption === "SSL"
              ? NodeMesh.layerTls({ ...settings, tls: { mode: "compatible" } })
              : NodeMesh.layerWebSocket({ ...settings, webSocket: { encryption: "ws" } })
          )
          yield* node.mesh.connect(`${encryption === "ws" ? "ws://" : ""}${dialed.address}`)
          yield* dialing.connect(String(node.mesh.address).replace("ws://", ""))
          yield* theyHave(dialing, node.mesh.id)
          yield* theyHave(dialed, node.mesh.id)

          yield* node.mesh.broadcast("from ours")
          yield* dialed.call("send", { packets: ["from theirs"] })

          for (const peer of [dialed, dialing]) yield* arrivesThere(peer, "from ours")
          yield* arrives(node, "from theirs")
          yield* arrivesThere(dialing, "from theirs")
        }))
    }

    it.effect("talks with `p2p mesh --protocol 0.7`, values of other kinds shown as JSON", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const peer = yield* js2p.start(mesh("cli"))
        const listen = `127.0.8.${++hostCount}:0`
        const p2p = yield* CommandLine.start(
          "mesh",
          "--protocol",
          "0.7",
          "--subnet",
          "cli",
          "--json",
          "--listen",
          listen,
          "--connect",
          peer.address
        )
        yield* p2p.take("peer-joined", { id: peer.id })
        yield* until("linked there", Effect.map(peer.peerIds, (ids) => ids.length === 1))

        yield* p2p.send("hello from a terminal")
        yield* peer.call("send", { packets: ["hello from js2p", 7, { k: [null] }] })

        yield* arrivesThere(peer, "hello from a terminal")
        const { packets } = yield* p2p.take("message", { sender: peer.id })
        assert.deepStrictEqual(packets, ["hello from js2p", "7", `{"k":[null]}`])
      }))

    it.effect("of another subnet is refused with a reason, and goes silently", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const peer = yield* js2p.start(mesh("there"))
        const node = yield* ours({ subnet: "here" })

        const error = yield* Effect.flip(node.mesh.connect(peer.address))

        assert.include(error.message, "another network")
        assert.deepStrictEqual(yield* peer.peerIds, [])
      }))
  })

  /**
   * Its faults here: a delete that comes in raises, and closes the link; `get` of a key it does not have gives
   * the fallback; it tells a newcomer of keys as texts, where all else has bytes.
   */
  describe("in a shared dictionary", () => {
    for (const leasing of [true, false]) {
      it.effect(`has what ours writes, and ours what it does, ${leasing ? "with" : "without"} leases`, () =>
        Effect.gen(function*() {
          const js2p = yield* Js2p
          const options = { kind: "sync", subnet: "sync", leasing } as const
          const theirs = yield* js2p.start(options)
          const node = yield* startSync({ leasing })
          yield* theirs.call("set", { key: "early", value: "theirs" })
          yield* node.sync.set(SyncKey.json("early too"), { by: "ours", list: [1, null] })
          yield* node.mesh.connect(theirs.address)

          yield* node.holds("early", "theirs")
          yield* theyHold(theirs, "early too", { by: "ours", list: [1, null] })
          yield* theirs.call("set", { key: "late", value: { n: 1 } })
          yield* node.sync.set(SyncKey.json("late too"), "ours")
          yield* node.holds("late", { n: 1 })
          yield* theyHold(theirs, "late too", "ours")
          yield* theirs.call("delta", { key: "late", changes: { m: 2 } })
          yield* node.holds("late", { n: 1, m: 2 })
          yield* node.sync.change(SyncKey.make("early too", Record), { by: "ours again" })
          yield* theyHold(theirs, "early too", { by: "ours again", list: [1, null] })

          assert.strictEqual(Option.getOrThrow(yield* node.sync.read("late")).owner, theirs.id)
          const write = node.sync.set(SyncKey.json("late"), "by ours")
          if (leasing) assert.strictEqual((yield* Effect.flip(write))._tag, "LeaseHeld")
          else {
            yield* write
            yield* theyHold(theirs, "late", "by ours")
          }
        }))
    }

    it.effect("carries what ours writes to others of ours, and bears a delete with a new link", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const between = yield* js2p.start({ kind: "sync", subnet: "between", leasing: false })
        const options = {
          subnet: "between",
          leasing: false,
          upkeepInterval: "100 millis",
          reconnectBase: "50 millis"
        } as const
        const one = yield* startSync(options)
        yield* one.mesh.connect(between.address)
        yield* one.sync.set(SyncKey.json("k"), "kept")
        yield* one.sync.set(SyncKey.json("gone"), "for now")
        const other = yield* startSync({ ...options, maxOutboundLinks: 0 })
        yield* other.mesh.connect(between.address)
        yield* other.holds("gone", "for now")

        yield* one.sync.delete("gone")

        // js2p closes the link, and holds the key; its copy is older than the delete.
        yield* until("a new link", Effect.sync(() => one.events.some((event) => event._tag === "PeerLeft")))
        yield* until("linked", Effect.map(one.mesh.peers, (peers) => peers.some((peer) => peer.id === between.id)))
        yield* one.sync.set(SyncKey.json("after"), "still linked")
        yield* theyHold(between, "after", "still linked")
        assert.isTrue(Option.isNone(yield* one.sync.read("gone")))
        yield* other.holds("k", "kept")
      }))
  })

  /**
   * Its faults here: a list of peers that comes while it has four links it dialed raises, and closes the link, so
   * ours names one node at a time; `get` of what nobody stored rejects after ten seconds, whatever the fallback;
   * once it has joined it keeps what lies behind its own place to itself.
   */
  describe("as a guest of a ring", () => {
    it.effect("reads what ours set, and ours what it set, whichever node of the ring it is at", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const ring = yield* startRing(3)
        const [guest, other] = [yield* js2p.start(guestOptions), yield* js2p.start(guestOptions)]
        yield* guest.connect(String(ring[0]!.chord.address))
        yield* other.connect(String(ring[2]!.chord.address))
        for (const each of [guest, other]) {
          yield* until("stores are known", Effect.map(each.call("storing"), (count) => Number(count) >= 2))
        }

        yield* ring[1]!.chord.set("color", "blue")
        yield* guest.call("set", { key: "shape", value: "round" })
        yield* guest.call("set", { key: "size", value: { width: 3 } })

        assert.strictEqual(yield* guest.call("get", { key: "color" }), "blue")
        yield* eventually(Effect.map(other.call("get", { key: "shape" }), (held) => assert.strictEqual(held, "round")))
        assert.deepStrictEqual(yield* other.call("get", { key: "size" }), { width: 3 })
        for (const { chord } of ring) {
          assert.deepStrictEqual(yield* chord.get("shape"), Option.some("round"))
          assert.deepStrictEqual(yield* chord.get("size"), Option.some(`{"width":3}`))
        }
        yield* guest.call("set", { key: "shape", value: null })
        yield* eventually(Effect.map(ring[1]!.chord.get("shape"), (held) => assert.isTrue(Option.isNone(held))))
      }))

    it.effect("stays linked when it changes a part of a map, over and over", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const ring = yield* startRing(3)
        const guest = yield* js2p.start(guestOptions)
        yield* guest.connect(String(ring[0]!.chord.address))
        yield* until("stores are known", Effect.map(guest.call("storing"), (count) => Number(count) >= 2))
        yield* guest.call("set", { key: "size", value: { width: 3 } })
        yield* eventually(
          Effect.map(ring[1]!.chord.get("size"), (held) => assert.deepStrictEqual(held, Option.some(`{"width":3}`)))
        )

        for (let depth = 1; depth < 4; depth++) {
          assert.deepStrictEqual(yield* guest.call("delta", { key: "size", changes: { depth } }), { width: 3, depth })
        }
        yield* guest.call("set", { key: "shape", value: "round" })

        yield* eventually(
          Effect.map(ring[1]!.chord.get("shape"), (held) => assert.deepStrictEqual(held, Option.some("round")))
        )
      }))

    it.effect("finds what was set when a node of the ring has left", () =>
      Effect.gen(function*() {
        const js2p = yield* Js2p
        const ring = yield* startRing(3)
        const guest = yield* js2p.start(guestOptions)
        yield* guest.connect(String(ring[0]!.chord.address))
        yield* until("a store is known", Effect.map(guest.call("storing"), (count) => Number(count) >= 1))
        // It says a value once, to whom it knows then, and hears of no failure.
        yield* eventually(
          Effect.andThen(
            guest.call("set", { key: "kept", value: "by the ring" }),
            Effect.map(ring[2]!.chord.get("kept"), (held) => assert.deepStrictEqual(held, Option.some("by the ring")))
          )
        )

        yield* ring[1]!.stop

        assert.deepStrictEqual(yield* ring[2]!.chord.get("kept"), Option.some("by the ring"))
        yield* eventually(
          Effect.map(guest.call("get", { key: "kept" }), (held) => assert.strictEqual(held, "by the ring"))
        )
      }))
  })
})

const guestOptions = { kind: "chord", subnet: "guests" } as const

/** Nodes of ours that let originals in. */
const startRing = Effect.fnUntraced(function*(count: number) {
  const nodes: Array<ChordSuite.SocketNode> = []
  for (let index = 0; index < count; index++) {
    const bootstrap = nodes.slice(0, 1).map((node) => String(node.chord.address))
    const host = `127.0.8.${++hostCount}`
    const options = { protocol: "0.7", bits: 384, originals: true, subnet: "guests" } as const
    nodes.push(yield* ChordSuite.start(NodeChord.layer({ ...ChordSuite.quick, ...options, host, bootstrap })))
  }
  yield* ChordSuite.isIdeal(nodes)
  return nodes
})

const Record = Schema.Record(Schema.String, Schema.Json)

/** One of ours in a shared dictionary. */
const startSync = Effect.fnUntraced(function*(
  { leasing, ...options }: NodeMesh.NodeMeshOptions & { readonly leasing: boolean }
) {
  const scope = yield* Effect.scope
  const layer = NodeSync.layer({
    protocol: "0.7",
    host: `127.0.8.${++hostCount}`,
    sync: { leasing },
    ...options
  })
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
  const [mesh, sync] = [Context.get(context, Mesh), Context.get(context, Sync)]
  const events: Array<MeshEvent> = yield* collect(mesh.events, scope)
  return {
    mesh,
    sync,
    events,
    holds: (key: string, value: unknown) =>
      eventually(Effect.map(sync.read(key), (entry) => assert.deepStrictEqual(Option.getOrNull(entry)?.value, value)))
  }
})

const theyHold = (node: Js2pNode, key: string, value: unknown) =>
  eventually(Effect.map(node.call("get", { key }), (held) => assert.deepStrictEqual(held, value)))

const mesh = (subnet: string) => ({ kind: "mesh", subnet }) as const
