import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Capabilities from "../../src/Protocol/Capabilities.ts"
import * as PeerAddress from "../../src/Protocol/PeerAddress.ts"

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))
const Host = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals([..."abc019.:-_"])), { minLength: 1, maxLength: 40 }),
  (characters) => characters.join("")
)

describe("PeerAddress", () => {
  it.prop("reads back every address that it writes", [Host, Port], ([host, port]) => {
    const address = new PeerAddress.PeerAddress({ host, port })

    assert.deepStrictEqual(PeerAddress.parse(PeerAddress.format(address)), address)
    assert.strictEqual(String(address), PeerAddress.format(address))
  })

  it.each([
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["[::1]:4444", "::1", 4444],
    ["example.com:0", "example.com", 0],
    ["[name]:1", "name", 1]
  ])("reads %s", (text, host, port) => {
    assert.deepStrictEqual(PeerAddress.parse(text), new PeerAddress.PeerAddress({ host, port }))
  })

  it.each([
    ["ws://127.0.0.1:80", "ws", "127.0.0.1", 80, "ws://127.0.0.1:80"],
    ["ws://[::1]:4444", "ws", "::1", 4444, "ws://[::1]:4444"],
    ["ws://example.com", "ws", "example.com", 80, "ws://example.com:80"],
    ["wss://example.com/", "wss", "example.com", 443, "wss://example.com:443"],
    ["tls://h:1", "tls", "h", 1, "tls://h:1"]
  ])("reads %s", (text, scheme, hostname, port, written) => {
    const address = PeerAddress.parse(text)

    assert.deepInclude(address, { host: `${scheme}://${hostname}`, port })
    assert.deepStrictEqual([address?.scheme, address?.hostname, String(address)], [scheme, hostname, written])
  })

  it("gives an address another scheme, or none", () => {
    const address = PeerAddress.parse("wss://[::1]:1")

    assert.strictEqual(String(PeerAddress.withScheme(address, "ws")), "ws://[::1]:1")
    assert.strictEqual(String(PeerAddress.withScheme(address, "")), "[::1]:1")
    assert.isUndefined(PeerAddress.withScheme(PeerAddress.fromParts("h".repeat(255), 1), "ws"))
  })

  it.each([
    "ws://",
    "ws://:80",
    "ws://host/path",
    "ws://user@host:80",
    "ws://user:password@host:80",
    "ws://host?query",
    "ws://host#fragment",
    "ws://%68ost:80",
    "ws://[host/path]:80",
    "a\\b:80",
    "ws://host:80//",
    "tls://host",
    "WS://host:80",
    "ws:host:80",
    "://host:80",
    "",
    "host",
    "host:",
    ":80",
    "::1:80",
    "host:65536",
    "host:-1",
    "host:1.5",
    "a b:1",
    "[]:1",
    "[::1]",
    "h:000080"
  ])(
    "refuses '%s'",
    (text) => {
      assert.isUndefined(PeerAddress.parse(text))
    }
  )

  it.prop("makes an address of any values exactly where the Schema does", [Schema.Unknown, Schema.Unknown], ([
    host,
    port
  ]) => {
    const isValid = Schema.is(Schema.Struct(PeerAddress.PeerAddress.fields))({ host, port })

    assert.strictEqual(PeerAddress.fromParts(host, port) !== undefined, isValid)
  })

  it.each([0, 65535])("takes the port %i", (port) => {
    assert.deepInclude(PeerAddress.fromParts("h", port), { host: "h", port })
  })

  it.each([-1, 65536, 0.5, Number.NaN, "80", null])("refuses the port %s", (port) => {
    assert.isUndefined(PeerAddress.fromParts("h", port))
  })

  it.each(["", "x".repeat(256), null, 7])("refuses the host %s", (host) => {
    assert.isUndefined(PeerAddress.fromParts(host, 1))
  })
})

describe("Capabilities", () => {
  it("carries further addresses, and takes the first four that are some", () => {
    const entry = (text: string) => `effect-p2p:at:${text}`
    const methods = [
      "zlib",
      "host",
      "h:80",
      "ws://h:0",
      "ws://a:1",
      "ws:",
      "wss://b:2",
      "ws://c:3",
      "ws://d:4",
      "ws://e:5"
    ]

    const places = Capabilities.placesIn(methods.map((text, index) => index === 0 ? text : entry(text)))

    assert.deepStrictEqual(places.map(String), ["ws://a:1", "wss://b:2", "ws://c:3", "ws://d:4"])
    assert.deepStrictEqual(Capabilities.placesIn(places.map(Capabilities.placeEntry)), places)
  })

  it("finds its own marker among the methods, with the nonce", () => {
    const methods = ["zlib", Capabilities.marker("n1"), "gzip"]

    assert.deepStrictEqual(Capabilities.fromMethods(methods), { extended: true, renegotiates: true, nonce: "n1" })
  })

  it("expects nothing of nodes that are not ours, whatever else they list", () => {
    const plain = { extended: false, renegotiates: false, nonce: "" }

    assert.deepStrictEqual(Capabilities.fromMethods(["zlib", "gzip", "bz2"]), plain)
    assert.deepStrictEqual(Capabilities.fromMethods([]), plain)
  })
})
