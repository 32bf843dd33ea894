/** `p2p` over WebSockets, as other programs drive it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run, start } from "./CommandLine.ts"

/** A mesh node, and where it said that it listens. */
const mesh = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const program = yield* start("mesh", "--json", ...args)
  const { addresses, id } = yield* program.take("listening")
  return Object.assign(program, { id: String(id), addresses: addresses ?? [] })
})

describe("p2p mesh", () => {
  it.live("listens on TCP and on a WebSocket at once, and relays between the two", () =>
    Effect.gen(function*() {
      const both = yield* mesh("--listen", "127.0.0.1:0", "--listen", "ws://127.0.0.1:0")
      const [tcp, webSocket] = both.addresses
      const left = yield* mesh("--connect", String(tcp), "--links", "0")
      const right = yield* mesh("--listen", "ws://127.0.0.1:0", "--connect", String(webSocket), "--links", "0")
      for (const { id } of [left, right]) yield* both.take("peer-joined", { id })

      yield* left.send("from TCP")
      yield* right.send("from a WebSocket")

      assert.deepInclude(yield* right.take("message"), { sender: left.id, packets: ["from TCP"] })
      assert.deepInclude(yield* left.take("message"), { sender: right.id, packets: ["from a WebSocket"] })
      assert.match(String(tcp), /^127\.0\.0\.1:\d+$/)
      assert.match(String(webSocket), /^ws:\/\/127\.0\.0\.1:\d+$/)
      assert.deepStrictEqual(right.addresses.length, 1)
    }))

  it.live("announces a proxy in place of its WebSocket, and says where it cannot listen", () =>
    Effect.gen(function*() {
      const behind = yield* mesh(
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "ws://127.0.0.1:0",
        "--announce",
        "wss://chat.example.org"
      )
      const [wss, noScheme] = yield* Effect.all(
        [run(["mesh", "--listen", "wss://127.0.0.1:0"]), run(["mesh", "--listen", "http://127.0.0.1:0"])],
        { concurrency: 2 }
      )

      assert.deepStrictEqual(behind.addresses.slice(1), ["wss://chat.example.org:443"])
      assert.deepStrictEqual([wss.status, noScheme.status], [2, 2])
      assert.include(wss.stderr, "behind a proxy that has the certificate")
      assert.include(noScheme.stderr, "or ws://HOST:PORT for a WebSocket")
    }))
})

describe("p2p chord", () => {
  it.live("keeps a dictionary over WebSockets, which a node speaks that joins by one", () =>
    Effect.gen(function*() {
      const first = yield* start("chord", "--json", "--listen", "ws://127.0.0.1:0")
      const { address } = yield* first.take("listening")
      const second = yield* start("chord", "--json", "--join", String(address))
      const { address: own } = yield* second.take("listening")

      yield* second.send("set color blue", "get color")

      assert.deepInclude(yield* second.take("get"), { value: "blue" })
      assert.match(String(own), /^ws:\/\/127\.0\.0\.1:\d+$/)
    }))
})
