import { assert, describe, it } from "@effect/vitest"
import * as Latency from "../../src/Transport/Latency.ts"

/** Delays for chances that are spread evenly. */
const delays = (latency: Latency.Latency, from = "a", to = "b"): ReadonlyArray<number> =>
  Array.from({ length: 10_000 }, (_, index) => latency(from, to, (index + 0.5) / 10_000))

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

const deviation = (values: ReadonlyArray<number>): number => {
  const center = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)))
}

/** The largest chance there is. */
const almostOne = 1 - 2 ** -32

describe("Latency", () => {
  it("is the same always when it is fixed", () => {
    assert.deepStrictEqual([...new Set(delays(Latency.fixed("30 millis")))], [30])
  })

  it("lies evenly between its bounds when it is uniform", () => {
    const latency = Latency.uniform("10 millis", "50 millis")

    assert.deepStrictEqual([latency("a", "b", 0), latency("a", "b", 0.25), latency("a", "b", 0.5)], [10, 20, 30])
    assert.isBelow(latency("a", "b", almostOne), 50)
    assert.approximately(mean(delays(latency)), 30, 1e-9)
  })

  it("has the mean, the deviation and the tail of an exponential distribution", () => {
    const latency = Latency.exponential("20 millis")

    assert.approximately(mean(delays(latency)), 20, 0.02)
    assert.approximately(deviation(delays(latency)), 20, 0.1)
    assert.approximately(latency("a", "b", 0.99), 92.1, 0.01)
    assert.strictEqual(latency("a", "b", 0), 0)
    assert.isBelow(latency("a", "b", almostOne), 23 * 20)
  })

  it.each([[0.5, 0], [0.8413447, 1], [0.1586553, -1], [0.9772499, 2], [0.0227501, -2]])(
    "is close to the normal distribution: at %d it is %d deviations off the mean",
    (chance, deviations) => {
      assert.approximately(Latency.normal("100 millis", "10 millis")("a", "b", chance), 100 + 10 * deviations, 0.2)
    }
  )

  it("has the mean and the deviation of a normal distribution, and ends", () => {
    const latency = Latency.normal("100 millis", "10 millis")

    assert.approximately(mean(delays(latency)), 100, 0.01)
    assert.approximately(deviation(delays(latency)), 10, 0.1)
    assert.isAtLeast(latency("a", "b", 0), 100 - 51)
    assert.isAtMost(latency("a", "b", almostOne), 100 + 51)
  })

  it("is never below zero, however wide a normal distribution is", () => {
    assert.strictEqual(Math.min(...delays(Latency.normal("10 millis", "100 millis"))), 0)
  })

  it("depends on the regions of the two hosts, and on which of them sends", () => {
    const between = { "eu eu": 5, "eu us": 80, "us eu": 90, "us us": 10 }
    const latency = Latency.regions({
      of: (host) => host.split("-")[0]!,
      millis: (from, to) => Object.entries(between).find(([pair]) => pair === `${from} ${to}`)?.[1] ?? 1000,
      jitter: 0
    })

    const delay = (from: string, to: string) => latency(from, to, 0.5)
    assert.deepStrictEqual([delay("eu-1", "eu-2"), delay("eu-1", "us-1"), delay("us-1", "eu-1")], [5, 80, 90])
  })

  it("takes up to its jitter longer between regions, a tenth by default", () => {
    const regions = { of: () => "here", millis: () => 100 }

    const byDefault = delays(Latency.regions(regions))
    const wide = delays(Latency.regions({ ...regions, jitter: 0.5 }))

    assert.deepStrictEqual([byDefault, wide].map((all) => all.map(Math.round)).map((all) => [all[0], all.at(-1)]), [
      [100, 110],
      [100, 150]
    ])
  })
})
