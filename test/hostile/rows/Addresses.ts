/** Rows of what peers say of others. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { frame } from "../../../src/Protocol/Frame.ts"
import { PeerAddress } from "../../../src/Protocol/PeerAddress.ts"
import { startPublic, whileTimePasses } from "../../utils/MeshNetwork.ts"
import * as RawPeer from "../../utils/RawPeer.ts"
import { assertServes, hasReason, join, type Row, startField, virtual } from "../Row.ts"

const at = (host: string, port = 4444) => new PeerAddress({ host, port }, { disableChecks: true })

export const addresses: ReadonlyArray<Row> = [
  virtual(
    26,
    "peers lists of 100 000 entries, and hundreds of lists",
    Effect.gen(function*() {
      const field = yield* startField({ maxMessageBytes: 8 * 1024 * 1024 })
      const peer = yield* join(field.node, "10.0.1.1")
      const entries = Array.from({ length: 1000 }, (_, i) => ({ address: at(`10.7.${i >> 8}.${i & 255}`), id: `${i}` }))
      const before = (yield* field.node.mesh.stats).knownAddresses
      yield* peer.tell({ _tag: "Peers", peers: entries })
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* field.node.mesh.stats).knownAddresses - before, 64)
      for (let i = 0; i < 300; i++) yield* peer.tell({ _tag: "Peers", peers: entries.slice(0, 3) }, i)
      yield* TestClock.adjust("1 second")
      // So many lists are no accident: the source is banned, and the rest is not looked at.
      assert.strictEqual((yield* field.node.mesh.stats).excess, 100)
      hasReason(field.node, "Banned")
      const other = yield* join(field.node, "10.0.1.2")
      const huge = `[${Array.from({ length: 100_000 }, (_, i) => `[["10.0.0.1",${i % 65_536}],"x"]`).join(",")}]`
      yield* whileTimePasses(other.say(other.make("whisper", [Uint8Array.of(7), RawPeer.bytes(huge)], 0)))
      yield* TestClock.adjust("100 millis")
      hasReason(field.node, "InvalidField")
      yield* assertServes(field)
      return { limit: "maxPeersPerList, maxListsPerSecond, 128 KiB", millis: 0 }
    })
  ),
  virtual(
    27,
    "peers list of addresses that nobody should dial",
    Effect.gen(function*() {
      const node = yield* startPublic()
      const peer = yield* join(node, "198.51.100.7")
      const before = (yield* node.mesh.stats).knownAddresses
      const lies = [
        at("127.0.0.1", 6379),
        at("localhost"),
        at("0x7f000001"),
        at("2130706433"),
        at("::1"),
        at("::ffff:127.0.0.1"),
        at("::ffff:a9fe:a9fe", 80),
        at("10.0.0.1"),
        at("192.168.1.1"),
        at("169.254.169.254", 80),
        at("fd00::1"),
        at("fe80::1%eth0"),
        at("0.0.0.0"),
        at("255.255.255.255"),
        at("224.0.0.1"),
        at("ff02::1"),
        at("victim.example.org", 80),
        at("8.8.8.8", 0),
        at("999.1.1.1"),
        node.mesh.address
      ]
      yield* peer.tell({ _tag: "Peers", peers: lies.map((address, i) => ({ address, id: `${i}` })) })
      const odd = `[null, 5, [], ["a"], [null, "x"], [["h", 65536], "x"], [["h", -1], "x"], [["h", 1.5], "x"],
        [["${"h".repeat(300)}", 80], "x"], [["8.8.4.4", 4444], 7], [[["n"], 4444], "x"]]`
      yield* peer.say(peer.make("whisper", [Uint8Array.of(7), RawPeer.bytes(odd)], 1))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* node.mesh.stats).knownAddresses, before)
      yield* peer.tell({ _tag: "Peers", peers: [{ address: at("8.8.8.8"), id: "good" }] }, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* node.mesh.stats).knownAddresses, before + 1)
      assert.strictEqual((yield* node.mesh.peers).length, 1)
      return { limit: "reach of addresses, dialNames", millis: 0, note: `${lies.length + 11} entries` }
    })
  ),
  {
    number: 28,
    what: "peers lists that point at one victim",
    isVirtual: true,
    play: (isHeavy) => {
      let dials = 0
      const row = virtual(
        28,
        "",
        Effect.gen(function*() {
          const field = yield* startField({ maxOutboundLinks: 4 })
          for (let i = 1; i <= 20; i++) {
            const peer = yield* join(field.node, `10.0.${i}.1`)
            const peers = Array.from(
              { length: 60 },
              (_, n) => ({ address: at("10.66.6.6", i * 100 + n), id: `${i} ${n}` })
            )
            const payload = peer.protocol.encodePayload({ _tag: "Peers", peers })
            yield* peer.write(frame(peer.protocol.encode(peer.make("whisper", payload, i))))
          }
          yield* TestClock.adjust("10 minutes")
          // Where nobody was met on a host it waits up to half a minute between two dials, whichever its ports.
          assert.isAbove(dials, 0)
          assert.isAtMost(dials, 10 * 60 / 24 + 8)
          yield* assertServes(field)
          return { limit: "maxAddressesPerHost, reconnectMax", millis: 0, note: `${dials} dials in 10 minutes` }
        }),
        {
          onEvent: (event) => {
            if (event.kind === "refuse" && event.peer === "10.66.6.6") dials++
          }
        }
      )
      return row.play(isHeavy)
    }
  }
]
