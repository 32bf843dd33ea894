/** The dictionary of a Chord ring beside that of kad-dht: eight nodes each, in one process, on loopback TCP. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Row } from "../report.ts"
import type { Answer, Operation, Question } from "./ring.ts"

const systems = ["chord", "kad-dht"] as const
const operations: ReadonlyArray<Operation> = ["set", "get"]

const answerOf = async (ring: ChildProcess): Promise<number> => {
  const ended = new AbortController()
  const exit = once(ring, "exit", { signal: ended.signal }).then(() => {
    throw new Error("a ring ended before it answered")
  })
  exit.catch(() => undefined)
  const message = once(ring, "message", { signal: ended.signal }).then(([answer]) => (answer as Answer).perSecond)
  return Promise.race([message, exit]).finally(() => ended.abort())
}

/** Sets and gets a second of one of eight nodes, 32 at once, in turns. */
export const measureDictionary = async (rounds: number, millis: number): Promise<ReadonlyArray<Row>> => {
  const rings = systems.map((system) => fork(fileURLToPath(new URL("ring.ts", import.meta.url)), [system]))
  try {
    await Promise.all(rings.map(answerOf))
    const rows: Array<Row> = []
    for (const operation of operations) {
      const found: ReadonlyArray<Array<number>> = [[], []]
      for (let round = -1; round < rounds; round++) {
        for (const [index, ring] of rings.entries()) {
          ring.send({ operation, millis } satisfies Question)
          const perSecond = await answerOf(ring)
          if (round >= 0) found[index]!.push(perSecond)
        }
      }
      rows.push({
        group: "chord",
        name: `${operation}, eight nodes, 32 in flight`,
        yardstick: systems[1],
        unit: "operations",
        ours: found[0]!,
        theirs: found[1]!
      })
    }
    return rows
  } finally {
    for (const ring of rings) ring.kill()
  }
}
