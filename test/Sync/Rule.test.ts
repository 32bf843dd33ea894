import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isNewer, mayWrite } from "../../src/Sync/Rule.ts"
import { SyncConfig } from "../../src/Sync/SyncConfig.ts"
import { type Claim, vectors07 } from "../fixtures/Vectors07.ts"

const now = 1_700_000_000
const stamp = ({ age_seconds, owner }: Claim) => ({ owner, time: now - age_seconds })

describe("Rule", () => {
  for (const [index, { allowed, delta, held, incoming, leasing }] of vectors07.sync_may_write.entries()) {
    const isOlderOfOwner = held !== null && held.owner === incoming.owner && incoming.age_seconds > held.age_seconds
    const name = `${leasing ? "leased" : "free"}, ${delta ? "delta" : "set"} ${JSON.stringify({ held, incoming })}`

    it(`${index}: ${name}`, () => {
      const answer = mayWrite({
        leasing,
        isDelta: delta,
        held: held === null ? undefined : stamp(held),
        incoming: stamp(incoming),
        nowSeconds: now
      })

      // The one departure: what an owner wrote before does not come back after what it wrote since.
      assert.strictEqual(answer, isOlderOfOwner ? false : allowed)
    })
  }

  const Stamp = Schema.Struct({
    owner: Schema.Literals(["a", "b", "c"]),
    time: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))
  })

  it.prop("orders stamps totally", [Stamp, Stamp, Stamp], ([a, b, c]) => {
    const isSame = a.owner === b.owner && a.time === b.time
    assert.strictEqual([isNewer(a, b), isNewer(b, a)].filter((is) => is).length, isSame ? 0 : 1)
    if (isNewer(a, b) && isNewer(b, c)) assert.isTrue(isNewer(a, c))
  })

  it("keeps networks with and without leases apart, as recorded", () => {
    for (const { leasing, subnet, used } of vectors07.sync_subnets) {
      assert.strictEqual(SyncConfig.subnet(subnet, leasing), used)
    }
  })
})
