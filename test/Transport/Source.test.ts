import { assert, describe, it } from "@effect/vitest"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { hostOf, reachOf, sourceOf } from "../../src/Transport/Source.ts"
import { TokenBucket } from "../../src/Transport/TokenBucket.ts"

describe("hostOf", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["Example.ORG", "example.org"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["[::FFFF:10.0.0.1]", "10.0.0.1"],
    ["::ffff:a00:1", "10.0.0.1"],
    ["0:0:0:0:0:ffff:0a00:0001", "10.0.0.1"],
    ["2001:db8::1", "2001:db8:0:0:0:0:0:1"],
    ["2001:DB8:0::0001", "2001:db8:0:0:0:0:0:1"],
    ["64:ff9b::10.0.0.1", "64:ff9b:0:0:0:0:a00:1"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
    ["1:2:3", "1:2:3"],
    ["::ffff:1.2.3.999", "::ffff:1.2.3.999"],
    ["1::2::a.example.org", "1::2::a.example.org"],
    ["1:2:3:4::5:6:7:8", "1:2:3:4::5:6:7:8"]
  ])("of %s is %s", (hostname, host) => {
    assert.strictEqual(hostOf(hostname), host)
  })
})

describe("sourceOf", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::ffff:a00:1", "10.0.0.1"],
    ["ws://10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"]
  ])("of %s is %s", (host, source) => {
    assert.strictEqual(sourceOf(new PeerAddress({ host, port: 1 })), source)
  })
})

describe("reachOf", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["127.255.0.1", "loopback"],
    ["localhost", "loopback"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["0:0:0:0:0:FFFF:7f00:0001", "loopback"],
    ["::ffff:127.0.0.1%eth0", "never"],
    ["::ffff:a9fe:a9fe", "private"],
    ["::ffff:a00:1", "private"],
    ["::ffff:808:808", "public"],
    ["::ffff:0:0", "never"],
    ["::7f00:1", "never"],
    ["::127.0.0.1", "never"],
    ["::ffff:1.2.3.999", "never"],
    ["1:2:3", "never"],
    ["12345::1", "never"],
    ["1:2:3:4:5:6:7:g", "never"],
    ["10.1.2.3", "private"],
    ["172.31.0.1", "private"],
    ["172.32.0.1", "public"],
    ["192.168.0.1", "private"],
    ["169.254.169.254", "private"],
    ["100.64.0.1", "private"],
    ["fd00::1", "private"],
    ["fe80::1", "private"],
    ["fe80::1%eth0", "never"],
    ["8.8.8.8", "public"],
    ["2001:db8::1", "public"],
    ["0.0.0.0", "never"],
    ["::", "never"],
    ["224.0.0.1", "never"],
    ["255.255.255.255", "never"],
    ["ff02::1", "never"],
    ["1.2.3.999", "never"],
    ["2130706433", "never"],
    ["0x7f000001", "never"],
    ["127.1", "never"],
    ["012.0.0.1", "never"],
    ["1::2::3", "never"],
    ["1::2::a.example.org", "never"],
    ["1:2:3:4::5:6:7:8", "never"],
    ["example.org", "name"],
    ["xn--bcher-kva.example", "name"],
    ["a_b.example", "name"],
    ["example.org.", "never"],
    ["a..example", "never"],
    ["a@10.0.0.1", "never"],
    ["10.0.0.1/path?", "never"],
    ["10.0.0.1#", "never"],
    ["%31%30.0.0.1", "never"],
    ["\uff11\uff10.0.0.1", "never"],
    ["10.0.0.1\n", "never"],
    ["a b", "never"],
    ["localhost.", "never"],
    ["a.localhost", "never"],
    ["a1", "name"]
  ])("of %s is %s", (host, reach) => {
    assert.strictEqual(reachOf(host), reach)
  })
})

describe("TokenBucket", () => {
  it("gives its burst at once, and then so many a second", () => {
    const bucket = new TokenBucket(10, 3, 0)

    assert.deepStrictEqual([0, 0, 0, 0, 99, 100].map((now) => bucket.take(now)), [true, true, true, false, false, true])
    assert.isFalse(bucket.isFull(200))
    assert.isTrue(bucket.isFull(1000))
  })

  it("tells how long a debt takes, and refuses nothing without a rate", () => {
    const bucket = new TokenBucket(1000, 10, 0)

    assert.strictEqual(bucket.charge(30, 0), 20)
    assert.strictEqual(bucket.charge(0, 20), 0)
    assert.strictEqual(new TokenBucket(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0).charge(1e9, 0), 0)
  })
})
