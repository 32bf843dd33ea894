import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Dns from "node:dns/promises"
import type * as Net from "node:net"
import * as Os from "node:os"
import { parse, PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { isPlausible, type Teller } from "../../src/Transport/Admission/Hearsay.ts"
import { hostAt } from "../../src/Transport/internal/NodeSockets.ts"
import * as NodeTcp from "../../src/Transport/NodeTcp.ts"
import * as NodeWebSocket from "../../src/Transport/NodeWebSocket.ts"
import { reachOf } from "../../src/Transport/Source.ts"
import { type Connection, Transport } from "../../src/Transport/Transport.ts"
import { until } from "../utils/eventually.ts"

const places = [
  "8.8.8.8:1",
  "10.0.0.1:1",
  "127.0.0.1:1",
  "localhost:1",
  "ws://127.0.0.1:1",
  "name.example.org:1",
  "wss://name.example.org"
]

const inbound = (remote: string, host?: string): Teller => ({ direction: "inbound", remote: parse(remote)!, host })
const outbound = (remote: string, host?: string): Teller => ({ ...inbound(remote, host), direction: "outbound" })

const takenFrom = (teller: Teller, dialNames = false) =>
  places.filter((place) => isPlausible(parse(place)!, teller, dialNames, { resolvesNames: true }))

describe("an address that somebody names", () => {
  for (
    const [who, teller, taken] of [
      ["far away", inbound("203.0.113.7:9"), ["8.8.8.8:1"]],
      ["on a private network", inbound("192.168.1.7:9"), ["8.8.8.8:1", "10.0.0.1:1"]],
      ["on this machine", inbound("127.0.0.1:9"), places.slice(0, 5)],
      ["on this machine, by another of its addresses", inbound("203.0.113.1:9", "127.0.0.1"), places.slice(0, 5)],
      ["behind a proxy on this machine", inbound("ws://127.0.0.1:9"), ["8.8.8.8:1", "ws://127.0.0.1:1"]],
      ["at a name", outbound("seed.example.org:9"), ["8.8.8.8:1"]],
      ["at a name that is far away", outbound("seed.example.org:9", "203.0.113.7"), ["8.8.8.8:1"]],
      ["at a name on a private network", outbound("seed.example.org:9", "10.0.0.7"), ["8.8.8.8:1", "10.0.0.1:1"]],
      ["at a name of another script", outbound("m\u00fcnchen.example:9"), ["8.8.8.8:1"]],
      ["at a name with a dot behind it", outbound("ws://seed.example.org.:9"), ["8.8.8.8:1"]],
      ["on a network card's own network", inbound("[fe80::7%eth0]:9"), ["8.8.8.8:1", "10.0.0.1:1"]]
    ] as const
  ) {
    it(`is no nearer than whoever names it, ${who}`, () => {
      assert.deepStrictEqual(takenFrom(teller), [...taken, "wss://name.example.org"])
    })
  }

  it("may be a name where these are dialed", () => {
    const taken = ["8.8.8.8:1", "name.example.org:1", "wss://name.example.org"]
    assert.deepStrictEqual(takenFrom(inbound("203.0.113.7:9"), true), taken)
  })
})

const owns = (host: string) => Object.values(Os.networkInterfaces()).flat().some((each) => each?.address === host)

/** Whether this machine has a name that leads to it. */
const hasName = reachOf(Os.hostname()) === "name" &&
  await Dns.lookup(Os.hostname()).then(({ address }) => reachOf(address) === "loopback" || owns(address), () => false)

describe("a connection", () => {
  it.each(["seed.example.org", "seed.example.org.", "m\u00fcnchen.example", "a.localhost", "127.1"])(
    "to %s says where that led",
    (name) => {
      const socket = { localAddress: "10.0.0.1", remoteAddress: "10.0.0.7" } as Net.Socket
      assert.strictEqual(hostAt(socket, parse(`${name}:1`)!), "10.0.0.7")
    }
  )

  for (
    const [name, scheme, layer] of [["TCP", "", NodeTcp.layer()], [
      "WebSockets",
      "ws://",
      NodeWebSocket.layer()
    ]] as const
  ) {
    it.live.skipIf(!hasName)(`says where a name led over ${name}`, () =>
      Effect.gen(function*() {
        const transport = yield* Transport
        const { address, serve } = yield* transport.listen(new PeerAddress({ host: `${scheme}0.0.0.0`, port: 0 }))
        const accepted: Array<Connection> = []
        yield* Effect.forkScoped(serve((connection) => Effect.sync(() => void accepted.push(connection))))
        const { host } = yield* transport.dial(parse(`${scheme}${Os.hostname()}:${address.port}`)!)
        yield* until("accepted", Effect.sync(() => accepted.length > 0))

        // Some systems give their name an address of its own, such as 127.0.1.1.
        assert.strictEqual(reachOf(host ?? ""), "loopback")
        const [met] = accepted
        // Over a WebSocket it may be a proxy on this machine that has come.
        if (scheme === "ws://") assert.isUndefined(met?.host)
        else assert.strictEqual(reachOf(met?.host ?? met?.remote.hostname ?? ""), "loopback")
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }
})
