import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { RoundTrip, RoundTrips } from "../../src/Chord/internal/RoundTrip.ts"

const options = { minMillis: 100, maxMillis: 3000, initialMillis: 1000 }

const after = (...measured: ReadonlyArray<number>): RoundTrip => {
  const roundTrip = new RoundTrip(options)
  for (const millis of measured) roundTrip.measured(millis)
  return roundTrip
}

const Millis = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

describe("RoundTrip", () => {
  it("starts from the initial timeout", () => {
    assert.strictEqual(after().timeoutMillis, 1000)
    assert.isUndefined(after().smoothedMillis)
  })

  it("takes the first measurement and half of it for the deviation", () => {
    const roundTrip = after(200)

    assert.strictEqual(roundTrip.smoothedMillis, 200)
    assert.strictEqual(roundTrip.deviationMillis, 100)
    assert.strictEqual(roundTrip.timeoutMillis, 200 + 4 * 100)
  })

  it("smooths further ones with the weights of RFC 6298", () => {
    const roundTrip = after(200, 300)

    assert.strictEqual(roundTrip.deviationMillis, 0.75 * 100 + 0.25 * 100)
    assert.strictEqual(roundTrip.smoothedMillis, 200 * 7 / 8 + 300 / 8)
    assert.strictEqual(roundTrip.timeoutMillis, 212.5 + 4 * 100)
  })

  it("leaves a margin on a path that never varies", () => {
    const roundTrip = after(...Array.from({ length: 200 }, () => 400))

    assert.approximately(roundTrip.timeoutMillis, 450, 0.01)
  })

  it("stays between floor and ceiling", () => {
    assert.strictEqual(after(1).timeoutMillis, 100)
    assert.strictEqual(after(5000).timeoutMillis, 3000)
  })

  it("doubles with each answer that does not come, up to the ceiling, until one comes", () => {
    const roundTrip = after(200)
    const timeouts: Array<number> = []
    for (let i = 0; i < 5; i++) {
      timeouts.push(roundTrip.timeoutMillis)
      roundTrip.timedOut()
    }

    assert.deepStrictEqual(timeouts, [600, 1200, 2400, 3000, 3000])
    roundTrip.measured(200)
    assert.strictEqual(roundTrip.timeoutMillis, 200 + 4 * 75)
  })

  it("finds the way back when a path has become slower than its timeout", () => {
    const roundTrip = after(...Array.from({ length: 50 }, () => 20))
    for (let i = 0; i < 20; i++) {
      if (roundTrip.timeoutMillis < 800) roundTrip.timedOut()
      else roundTrip.measured(800)
    }

    assert.isAbove(roundTrip.timeoutMillis, 800)
  })

  it.prop("is a finite number within the bounds, whatever was measured", [Schema.Array(Millis)], ([measured]) => {
    const roundTrip = after(...measured)
    roundTrip.timedOut()

    assert.isAtLeast(roundTrip.timeoutMillis, options.minMillis)
    assert.isAtMost(roundTrip.timeoutMillis, options.maxMillis)
  })
})

describe("RoundTrips", () => {
  it("remembers an address", () => {
    const roundTrips = new RoundTrips(10, options)
    roundTrips.of("a:1").measured(50)

    assert.strictEqual(roundTrips.of("a:1").smoothedMillis, 50)
    assert.isUndefined(roundTrips.of("b:1").smoothedMillis)
  })

  it("forgets the one used longest ago when there are too many", () => {
    const roundTrips = new RoundTrips(3, options)
    for (const address of ["a:1", "b:1", "c:1"]) roundTrips.of(address).measured(50)
    roundTrips.of("a:1")
    roundTrips.peek("b:1")
    roundTrips.of("d:1")

    assert.strictEqual(roundTrips.count, 3)
    assert.isUndefined(roundTrips.peek("b:1"))
    assert.strictEqual(roundTrips.peek("a:1")?.smoothedMillis, 50)
  })
})
