/** Rows that `ChordScenario` measures: lookups, failures, churn, lost keys, upkeep, costs, determinism. */
import { Exit } from "effect"
import { type ChordFigures, type ChordScenario, run } from "../../src/Layers/Simulation/Chord/ChordScenario.ts"
import { atMost, exactly, note, type Row } from "./report.ts"
import { meanPath } from "./walk.ts"

/** Rounds of 30 seconds and r = 20, as in the papers; a probe for another ring each 12 rounds, as by default. */
const paper = {
  stabilizeInterval: "30 seconds",
  fingerInterval: "30 seconds",
  probeInterval: "6 minutes",
  minSuccessors: 20
} as const

const play = (changes: Partial<ChordScenario>): ChordFigures => {
  const exit = run({
    nodes: 1000,
    seed: "1",
    durationSeconds: 60,
    lookups: 2000,
    keys: 0,
    failFraction: 0,
    lossChance: 0,
    latencyMillis: 50,
    settings: paper,
    ...changes
  })
  if (Exit.isSuccess(exit)) return exit.value
  throw new Error(`the scenario did not come to its end: ${exit.cause}`)
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000

/** The mean path that Chord promises, and what longer lists than the papers' make of it. */
const pathBound = (nodes: number): number =>
  nodes === 1000 ? 3.95 : nodes === 10_000 ? 5.4 : rounded(Math.log2(nodes) / 2 + 0.1)

/** The length of the way to the predecessor: in rings that run, and in larger ones by walking. */
export const pathLength = (quick: boolean): ReadonlyArray<Row> => {
  const running = quick ? [8, 16, 32, 64, 128, 256] : [8, 16, 32, 64, 128, 256, 512, 1000, 1024]
  const row = (what: string, nodes: number, path: number) =>
    atMost("M3", `contacts before the owner, N=${nodes}, default lists, ${what}`, path, pathBound(nodes))
  return [
    ...running.map((nodes) =>
      row("whole nodes", nodes, play({ nodes, lookups: 4000, settings: { ...paper, minSuccessors: 8 } }).hopsMean)
    ),
    ...[1000, 2048, 4096, 10_000].map((nodes) => row("ideal members", nodes, meanPath(nodes, 10_000)))
  ]
}

/** TON03, Table II: at that fraction of failures path and timeouts are so long. */
const tableTwo: ReadonlyArray<readonly [fraction: number, path: number, timeouts: number]> = [
  [0, 3.84, 0],
  [0.1, 4.03, 0.6],
  [0.2, 4.22, 1.17],
  [0.3, 4.44, 2.02],
  [0.4, 4.69, 3.23],
  [0.5, 5.09, 5.1]
]

/** Many fail at once, and lookups start before anybody repairs anything. */
export const failures = (quick: boolean): ReadonlyArray<Row> =>
  tableTwo.filter(([fraction]) => !quick || fraction === 0.3 || fraction === 0.5).flatMap(
    ([fraction, path, timeouts]) => {
      const nodes = quick ? 300 : 1000
      const lookups = quick ? 4000 : 10_000
      const figures = play({ nodes, lookups, failFraction: fraction, isFrozen: true, durationSeconds: 100 })
      const what = `N=${nodes}, r=20, ${100 * fraction} % crash, frozen`
      const shorter = Math.log2(1000 / nodes) / 2
      return [
        exactly("M4", `failed of ${lookups} lookups, ${what}`, figures.lookupsFailed, 0),
        atMost("M4", `contacts before the owner, ${what}`, figures.hopsMean, rounded(path + 0.15 - shorter)),
        atMost("M4", `timeouts a lookup, ${what}`, figures.timeoutsMean, rounded(timeouts + 0.25))
      ]
    }
  )

/** Half of the nodes crash, the others repair the ring. */
export const heal = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 300 : 1000
  // The lookups begin after two rounds.
  const figures = play({ nodes, failFraction: 0.5, lookups: 1000, durationSeconds: 300 })
  const what = `N=${nodes}, r=20, 50 % crash, rounds of 30 s`
  return [
    atMost("M5", `neighbors right, ${what}`, figures.neighborsHealSeconds ?? Infinity, 60, " s"),
    atMost("M5", `whole lists right, ${what}`, figures.healSeconds ?? Infinity, 600, " s"),
    exactly("M5", `failed of ${figures.lookups} lookups from the crash on, ${what}`, figures.lookupsFailed, 0)
  ]
}

/** Nodes crash and come all the time. */
export const churn = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 250 : 1000
  const [lookups, durationSeconds] = quick ? [4000, 600] : [10_000, 7200]
  const rates = quick ? [0.2, 0.4] : [0.05, 0.1, 0.2, 0.4]
  return rates.flatMap((rate) => {
    // As many an hour of each node, whatever the size of the ring.
    const figures = play({ nodes, lookups, durationSeconds, churnMillis: 1_000_000 / (rate * nodes) })
    const what = `N=${nodes}, R=${rate} a second and 1000 nodes, ${durationSeconds} s`
    const shorter = Math.log2(1000 / nodes) / 2
    const per10k = 10_000 * figures.lookupsFailed / figures.lookups
    return [
      atMost("M6", `wrong or failed of 10,000 lookups, ${what}`, per10k, rate > 0.2 ? 1 : 0.3),
      atMost("M6", `contacts before the owner, ${what}`, figures.hopsMean, rounded(4.06 - shorter)),
      atMost("M6", `timeouts a lookup, ${what}`, figures.timeoutsMean, 0.2)
    ]
  })
}

/** Keys that are lost when many nodes crash at once. */
export const blow = (quick: boolean): ReadonlyArray<Row> =>
  [[0.3, 0], [0.5, 2]].flatMap(([failFraction, bound]) => {
    const [nodes, keys] = quick ? [200, 2000] : [1000, 10_000]
    const figures = play({
      nodes,
      keys,
      failFraction: failFraction!,
      lookups: 100,
      settings: { ...paper, stabilizeInterval: "10 seconds" }
    })
    const what = `of ${keys}, N=${nodes}, ${100 * failFraction!} % crash`
    return [
      atMost("M11", `keys lost, ${what}`, figures.keysLost, bound!),
      exactly("M11", `keys unreadable once the ring is ideal, ${what}`, figures.keysUnreadable, 0)
    ]
  })

/** What a ring at rest, and one where nodes come and go, costs. */
export const upkeep = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 300 : 1000
  const figures = play({
    nodes,
    lookups: 1,
    durationSeconds: quick ? 300 : 900,
    churnMillis: 2_500_000 / nodes
  })
  const what = `N=${nodes}, r=20, rounds of 30 s`
  return [
    atMost("M16", `sends of a node a second at rest, ${what}`, figures.messagesPerNodeSecond, 0.5),
    atMost("M16", `the same at R=0.4 a second and 1000 nodes, ${what}`, figures.busyMessagesPerNodeSecond, 0.5),
    note("M16", `bytes of a node a second at rest, ${what}`, `${figures.bytesPerNodeSecond}`)
  ]
}

/** What one operation costs. */
export const costs = (quick: boolean): ReadonlyArray<Row> => {
  const nodes = quick ? 300 : 1000
  // Without the upkeep of the keys, which would be counted with them.
  const settings = { ...paper, repairInterval: "1 day" } as const
  const figures = play({ nodes, keys: quick ? 500 : 1000, lookups: 1, settings })
  return [
    atMost("M18", `messages for a get, N=${nodes}`, figures.messagesPerGet, 40),
    atMost("M18", `messages for a set, N=${nodes}`, figures.messagesPerSet, 75),
    note(
      "M18",
      `sends for a get and a set, with the handshakes of new links, N=${nodes}`,
      `${figures.sendsPerGet}, ${figures.sendsPerSet}`
    )
  ]
}

/** The fingerprint of one run; the same in every process. */
export const fingerprint = (quick: boolean): string =>
  play({ nodes: quick ? 60 : 200, keys: 50, lookups: 200, failFraction: 0.2, lossChance: 0.01 }).hash
