import { assert, describe, it } from "@effect/vitest"
import type { NetworkInterfaceInfo } from "node:os"
import { announced } from "../../src/Layers/NodeOwnHost.ts"
import { parse } from "../../src/Protocol/PeerAddress.ts"

const v4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  internal,
  family: "IPv4",
  netmask: "255.0.0.0",
  mac: "00:00:00:00:00:00",
  cidr: null
})

const v6 = (address: string): NetworkInterfaceInfo => ({ ...v4(address), family: "IPv6", scopeid: 0 })

const loopback = v4("127.0.0.1", true)

describe("the address that a node announces", () => {
  it.each([
    ["0.0.0.0:4444", [loopback, v6("2001:db8::1"), v4("192.168.1.20")], "192.168.1.20:0"],
    ["[::]:4444", [loopback, v4("169.254.7.7"), v6("fe80::1"), v6("2001:db8::1")], "[2001:db8::1]:0"],
    ["ws://0.0.0.0:8080", [loopback, v4("10.0.0.2")], "ws://10.0.0.2:0"],
    ["0.0.0.0:4444", [loopback], "127.0.0.1:0"],
    ["0.0.0.0:4444", [], "127.0.0.1:0"],
    ["127.0.0.1:4444", [loopback, v4("192.168.1.20")], undefined],
    ["example.org:4444", [v4("192.168.1.20")], undefined]
  ])("for %s", (listen, interfaces, expected) => {
    const address = announced(parse(listen)!, interfaces)

    assert.strictEqual(address === undefined ? undefined : String(address), expected)
  })
})
