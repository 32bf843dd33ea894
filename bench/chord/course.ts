/** Rows with a course of their own: growth, partition, waves of crashes, histories, expiry, restart. */
import { Effect, Random } from "effect"
import { type ChordStorm, search } from "../../test/simulation/chord/ChordStorm.ts"
import { atMost, exactly, note, type Row } from "./report.ts"
import { entriesOf, Ring, simulate } from "./Ring.ts"

/** From one node to many, a hundred at once, and back to one. */
export const growth = (quick: boolean): ReadonlyArray<Row> => {
  const [most, atOnce] = quick ? [60, 30] : [200, 100]
  const entries = entriesOf(100)
  return simulate("growth", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation)
      yield* ring.grow(1, 0)
      yield* ring.write(entries)
      yield* ring.grow(2, 1000)
      yield* ring.grow(9, 1000)
      yield* ring.untilIdeal
      yield* ring.grow(most - atOnce, 200)
      yield* ring.untilIdeal
      yield* ring.grow(most, 1000 / atOnce)
      const idealSeconds = yield* ring.untilIdeal
      yield* Effect.sleep("30 seconds")
      const grown = yield* ring.read(entries)
      for (const name of [...ring.nodes.keys()].slice(1)) {
        yield* ring.stop(name)
        yield* Effect.sleep("500 millis")
      }
      yield* Effect.sleep("30 seconds")
      const shrunk = yield* ring.read(entries)
      const [member] = yield* (yield* ring.any)!.ring
      const listLength = member!.membership.successorCount
      return [
        atMost(
          "M9",
          `rounds until ideal, 1 -> 2 -> 9 -> ${most}, ${atOnce} in one round`,
          idealSeconds,
          2 * 2 * Math.ceil(Math.log2(most))
        ),
        exactly("M9", "keys lost or unreadable in the grown ring", grown.lost + grown.unreadable, 0),
        exactly(
          "M9",
          `keys lost or unreadable when all but one have left in order`,
          shrunk.lost + shrunk.unreadable,
          0
        ),
        exactly("M9", `the last one knows that it is alone (r=${listLength})`, member!.membership.successors.length, 0)
      ]
    }))
}

/** Two halves for ten minutes, with writes on both sides. */
export const partition = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 30 : 100
  const keys = 100
  const left = entriesOf(keys).map(([key]) => [key, "left"] as const)
  const right = entriesOf(keys).map(([key]) => [key, "right, later"] as const)
  return simulate("partition", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation)
      yield* ring.grow(nodes, 300)
      yield* ring.untilIdeal
      yield* ring.write(entriesOf(keys))
      const names = [...ring.nodes.keys()]
      const half = names.filter((_, index) => index % 2 === 0)
      yield* simulation.network.partition([half])
      yield* Effect.sleep("9 minutes")
      const write = (name: string, entries: ReadonlyArray<readonly [string, string]>) =>
        Effect.forEach(entries, ([key, value]) => Effect.isSuccess(ring.nodes.get(name)!.set(key, value)))
      const acknowledged = [
        ...(yield* write(names[0]!, left)),
        ...(yield* write(names[1]!, right))
      ].filter((isDone) => isDone).length
      yield* Effect.sleep("1 minute")
      yield* simulation.network.heal
      const seconds = yield* ring.untilOne
      const listSeconds = yield* ring.untilIdeal
      yield* Effect.sleep("20 seconds")
      const found = yield* ring.read(right)
      const what = `N=${nodes}, halves apart for 10 minutes`
      return [
        exactly("M10", `writes acknowledged of ${2 * keys}, on both sides, ${what}`, acknowledged, 2 * keys),
        // A probe a node each ten rounds finds the other ring.
        atMost("M10", `rounds until all are on one ring, ${what}`, seconds, 10),
        note("M10", `rounds from then until it is ideal, ${what}`, `${listSeconds}`),
        exactly("M10", "keys not at their highest version two repairs later", found.lost + found.unreadable, 0)
      ]
    }))
}

/** One in ten crashes and is replaced, again and again. */
export const waves = (quick: boolean): ReadonlyArray<Row> => {
  const [nodes, keys, count] = quick ? [50, 300, 12] : [200, 2000, 30]
  const entries = entriesOf(keys)
  return simulate("waves", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation, {
        stabilizeInterval: "5 seconds",
        fingerInterval: "10 seconds",
        repairInterval: "30 seconds"
      })
      yield* ring.grow(nodes, 300)
      yield* ring.untilIdeal
      yield* ring.write(entries)
      for (let wave = 0; wave < count; wave++) {
        const doomed = (yield* Random.shuffle([...ring.nodes.keys()])).slice(0, nodes / 10)
        for (const name of doomed) yield* ring.crash(name)
        yield* ring.grow(nodes, 100)
        yield* Effect.sleep("60 seconds")
      }
      yield* Effect.sleep("60 seconds")
      const { degraded, lost, unreadable } = yield* ring.read(entries)
      const what = `of ${keys}, N=${nodes}, ${count} waves of 10 % a minute`
      return [
        exactly("M12", `keys lost, ${what}`, lost, 0),
        exactly("M12", `keys unreadable at the end, ${what}`, unreadable, 0),
        exactly("M12", `keys without all copies two repairs after the last wave, ${what}`, degraded, 0)
      ]
    }))
}

/** Histories of concurrent clients in storms of faults. */
export const histories = (quick: boolean): ReadonlyArray<Row> => {
  const count = quick ? 25 : 500
  const storm: ChordStorm = {
    nodes: 9,
    seed: "",
    durationSeconds: 120,
    faults: 15,
    clients: 6,
    keys: 6,
    latencyMillis: 20
  }
  const broken = (changes: Partial<ChordStorm>): ReadonlyArray<string> =>
    Array.from({ length: count }, (_, index) => `${index + 1000}`).filter((seed, index) =>
      search({ ...storm, seed, nodes: 8 + index % 5, ...changes }, 0)._tag === "Failed"
    )
  const row = (what: string, seeds: ReadonlyArray<string>): Row => ({
    ...exactly("M13", `seeds of ${count} ${what}`, seeds.length, 0),
    ...(seeds.length === 0 ? {} : { measured: `${seeds.length}: ${seeds.slice(0, 5).join(", ")}` })
  })
  return [
    row("with any fault: breaches after it, rings not one", broken({})),
    row("with single nodes out: any stale read", broken({ isStrict: true, faults: 25 })),
    row("the same, shares lost", broken({ isStrict: true, isForgetful: true, faults: 25 }))
  ]
}

/** Keys that end, and keys that are written again before they do. */
export const expiry = (quick: boolean): ReadonlyArray<Row> => {
  const hours = quick ? 6 : 72
  const keys = 50
  return simulate("expiry", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation, {
        stabilizeInterval: "60 seconds",
        fingerInterval: "60 seconds",
        repairInterval: "60 seconds"
      })
      yield* ring.grow(8, 1000)
      yield* Effect.sleep("10 minutes")
      let early = 0
      let late = 0
      let gaps = 0
      let most = 0
      for (let hour = 0; hour < hours; hour++) {
        const once = entriesOf(keys, `hour ${hour}`)
        const node = (yield* ring.any)!
        for (const [key, value] of once) yield* node.set(key, value, { ttl: "20 minutes" })
        for (let minute = 0; minute < 60; minute += 5) {
          const reader = (yield* ring.any)!
          if (minute % 10 === 0) yield* reader.set("republished", "still here", { ttl: "15 minutes" })
          else if (!(yield* reader.has("republished"))) gaps++
          // The writes take some seconds of the hour themselves.
          yield* Effect.sleep("5 minutes")
          for (const [key] of once.slice(0, 10)) {
            const isThere = yield* reader.has(key)
            if (minute < 10 && !isThere) early++
            if (minute >= 20 && isThere) late++
          }
        }
        for (const chord of ring.nodes.values()) most = Math.max(most, (yield* chord.stats).storage.records)
      }
      const what = `${keys} keys an hour for 20 minutes, ${hours} hours`
      // Tombstones live for a day.
      const bound = keys * Math.min(hours, 25) + 1
      return [
        exactly("M14", `reads that miss a key before its end, ${what}`, early, 0),
        exactly("M14", `reads that find a key after its end, ${what}`, late, 0),
        exactly("M14", "gaps of a key that is written again in time", gaps, 0),
        atMost("M14", "records of one node at most", most, bound)
      ]
    }))
}

/** All stop, all start. */
export const restart = (quick: boolean): ReadonlyArray<Row> => {
  const [nodes, keys] = quick ? [20, 300] : [100, 3000]
  const entries = entriesOf(keys)
  return simulate("restart", (simulation) =>
    Effect.gen(function*() {
      const ring = new Ring(simulation, {}, true)
      yield* ring.grow(nodes, 300)
      yield* ring.untilIdeal
      const acknowledged = yield* ring.write(entries)
      const names = [...ring.nodes.keys()]
      for (const name of names) yield* ring.crash(name)
      yield* Effect.sleep("1 minute")
      // All know the same three.
      for (const name of names) yield* ring.start(name, names.slice(0, 3).map((host) => `${host}:5555`))
      const seconds = yield* ring.untilIdeal
      yield* Effect.sleep("60 seconds")
      const { lost, unreadable } = yield* ring.read(entries)
      for (const name of names) yield* ring.crash(name)
      const moved = names.map((name) => `moved-${name}`)
      for (const [index, name] of names.entries()) {
        yield* ring.start(moved[index], moved.slice(0, 3).map((host) => `${host}:5555`), name)
      }
      yield* ring.untilIdeal
      yield* Effect.sleep("60 seconds")
      const after = yield* ring.read(entries)
      const what = `N=${nodes}, all crash, all start at once`
      return [
        exactly("M20", `keys acknowledged of ${keys}, ${what}`, acknowledged, keys),
        exactly("M20", "of them lost or unreadable six repairs after", lost + unreadable, 0),
        atMost("M20", "rounds until ideal", seconds, 120),
        exactly(
          "M20",
          "lost or unreadable six repairs after all start at other addresses",
          after.lost + after.unreadable,
          0
        )
      ]
    }))
}
