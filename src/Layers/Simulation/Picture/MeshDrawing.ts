/** What a picture shows of a run: the mesh at its end, how its broadcasts spread, how it healed. */
import * as Effect from "effect/Effect"
import { lowerBound } from "../../../Chord/internal/lowerBound.ts"
import { quantile } from "../Figures.ts"
import type { MeshFigures } from "../Mesh/MeshFigures.ts"
import type { MeshObserver, ObservedBroadcast } from "../Mesh/MeshObserver.ts"
import type { HealStep, MeshPictureData, SpreadStep } from "./MeshPicture.ts"

/** How many points a curve has. */
const curvePoints = 60

/** The data of the picture; hops are those of the last broadcast. */
export const drawingOf = Effect.fnUntraced(function*(
  observer: MeshObserver,
  figures: MeshFigures,
  healing: ReadonlyArray<HealStep>
) {
  const graph = yield* observer.graph
  const alive = [...graph.keys()]
  const indexOf = new Map(alive.map((node, index) => [node, index]))
  const links: Array<readonly [number, number]> = []
  for (const [node, peers] of graph) {
    const from = indexOf.get(node)!
    for (const peer of peers) {
      const to = indexOf.get(peer)!
      if (from < to || graph.get(peer)?.has(node) !== true) links.push([from, to])
    }
  }
  const last = [...observer.broadcasts.values()].at(-1)
  const data: MeshPictureData = {
    figures,
    nodes: [
      ...alive.map((node) => ({
        name: node.name,
        isAlive: true,
        hops: last === undefined ? undefined : node === last.author ? 0 : last.deliveries.get(node)?.hops
      })),
      ...observer.fallen.map((name) => ({ name, isAlive: false, hops: undefined }))
    ],
    links,
    spread: spreadOf([...observer.broadcasts.values()]),
    healing: healing.length === 0 ? undefined : healing
  }
  return data
})

/** At each of some times since sending: the fraction of whom it was meant for that broadcasts had reached. */
const spreadOf = (broadcasts: ReadonlyArray<ObservedBroadcast>): ReadonlyArray<SpreadStep> => {
  const curves = broadcasts.filter((broadcast) => broadcast.expected.size > 0).map((broadcast) => ({
    size: broadcast.expected.size,
    times: [...broadcast.deliveries].flatMap(([node, delivery]) =>
      broadcast.expected.has(node) ? [delivery.latencyMillis] : []
    ).sort((a, b) => a - b)
  }))
  const lastMillis = curves.reduce((last, { times }) => Math.max(last, times.at(-1) ?? 0), 0)
  return curves.length === 0 ? [] : Array.from({ length: curvePoints + 1 }, (_, point) => {
    const millis = lastMillis * point / curvePoints
    const reached = curves.map(({ size, times }) => countUpTo(times, millis) / size).sort((a, b) => a - b)
    return { millis, p10: quantile(reached, 0.1), p50: quantile(reached, 0.5), p90: quantile(reached, 0.9) }
  })
}

/** How many of the sorted times are not later. */
const countUpTo = (times: ReadonlyArray<number>, millis: number): number =>
  lowerBound(times.length, (index) => times[index]! <= millis)
