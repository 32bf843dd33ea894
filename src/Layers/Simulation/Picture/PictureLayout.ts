/**
 * Where the nodes of a picture stand: on rings by their hops from an author in the middle, each near
 * the neighbor that it may have the broadcast from, as in a radial drawing of a tree (Yee, Fisher,
 * Dhamija and Hearst 2001). Rings with more nodes than fit side by side are bands, which nodes fill
 * evenly. Takes time in proportion to links, and little more than that to nodes.
 */
import type { MeshPictureData } from "./PictureData.ts"

/**
 * Where each node is, by its index.
 *
 * @category models
 * @since 0.1.0
 */
export interface Layout {
  /** Pixels to the right of the middle, and below. */
  readonly x: Float64Array
  readonly y: Float64Array
  /** Which ring: hops, then one for those that were not reached, then one for the dead. */
  readonly levels: Int32Array
  /** A neighbor one hop nearer to the author; -1 for none. */
  readonly parents: Int32Array
  /** The greatest of the hops. */
  readonly maxHops: number
  /** Whether rings are hops of a broadcast; without one they count links from the node that has most of them. */
  readonly isBroadcast: boolean
  /** About how many pixels neighbors on a ring are apart. */
  readonly spacing: number
}

/**
 * Lays nodes out on a disc of this radius in pixels.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (data: Pick<MeshPictureData, "links" | "nodes">, radius: number): Layout => {
  const neighbors = neighborsOf(data)
  const { isBroadcast, levels, maxHops } = levelsOf(data, neighbors)
  const members: Array<Array<number>> = Array.from({ length: maxHops + 3 }, () => [])
  levels.forEach((level, node) => members[level]!.push(node))
  members[maxHops + 1] = walk(members[maxHops + 1]!, neighbors)
  const reached = members.slice(0, maxHops + 1)
  const parents = parentsOf(reached, neighbors, levels)
  const wanted = anglesOf(reached, parents)

  const { rings, spacing } = ringsOf(members.map((ring) => ring.length), radius)
  const x = new Float64Array(levels.length)
  const y = new Float64Array(levels.length)
  members.forEach((ring, level) => {
    const { inner, outer, rows } = rings[level]!
    if (level > maxHops) { for (const node of ring) wanted[node] = towards(neighbors[node]!, x, y) }
    const ordered = afterWidestGap(ring.toSorted((a, b) => wanted[a]! - wanted[b]!), wanted)
    // Places to spare: without them, the end of a band could meet its beginning.
    const slots = rows > maxRows
      ? ring.length + Math.ceil((outer - inner) / spacing)
      : Math.ceil(ring.length / rows) * rows
    // The dead stand together, and on the whole ring when they are many.
    const minGap = level === maxHops + 2
      ? Math.min(turn / slots, 1.5 * spacing / inner / rows)
      : gapOf(slots, spacing, rings[level]!)
    const angles = apart(ordered.map((node) => wanted[node]!), minGap, slots)
    ordered.forEach((node, index) => {
      const distance = rows > maxRows
        ? Math.sqrt(inner * inner + ((index + 0.5) * goldenRatio % 1) * (outer * outer - inner * inner))
        : inner + (index % rows) * (outer - inner) / Math.max(1, rows - 1)
      x[node] = distance * Math.cos(angles[index]!)
      y[node] = distance * Math.sin(angles[index]!)
    })
  })
  return { x, y, levels, parents, maxHops, isBroadcast, spacing }
}

const goldenRatio = (Math.sqrt(5) - 1) / 2
const turn = 2 * Math.PI
/** Pixels that neighbors on a ring are apart at most. */
const maxSpacing = 72
/** How far rings are drawn apart at most when there is room to spare. */
const maxScale = 1.4
/** Up to so many rows, nodes of a band stand in rows; with more, steps of the golden ratio spread them better. */
const maxRows = 3
/** Room between two rows, in units of the spacing. */
const rowGap = 0.9
/** How far apart nodes of a full row are, in units of the spacing. */
const crowding = 0.82
/** How much of its own sector the weight of a node is to those of its children. */
const childWeight = 0.6
/** The step between nodes of a band where they are most dense, as a fraction of the mean. */
const maxUnevenness = 0.75
/** Room between two rings, in units of the spacing. */
const ringGap = 1.7

type Neighbors = ReadonlyArray<ReadonlyArray<number>>

const neighborsOf = ({ links, nodes }: Pick<MeshPictureData, "links" | "nodes">): Neighbors => {
  const neighbors: Array<Array<number>> = nodes.map(() => [])
  for (const [from, to] of links) {
    neighbors[from]!.push(to)
    neighbors[to]!.push(from)
  }
  return neighbors
}

const levelsOf = ({ nodes }: Pick<MeshPictureData, "nodes">, neighbors: Neighbors) => {
  const isBroadcast = nodes.some((node) => node.isAlive && node.hops !== undefined)
  const hops = isBroadcast ? nodes.map((node) => node.hops) : distancesOf(nodes, neighbors)
  const maxHops = nodes.reduce((max, node, index) => node.isAlive ? Math.max(max, hops[index] ?? 0) : max, 0)
  const levels = Int32Array.from(nodes, (node, index) => node.isAlive ? hops[index] ?? maxHops + 1 : maxHops + 2)
  return { isBroadcast, levels, maxHops }
}

/** How many links each living node is from the one that has most. */
const distancesOf = (nodes: MeshPictureData["nodes"], neighbors: Neighbors): ReadonlyArray<number | undefined> => {
  const distances: Array<number | undefined> = nodes.map(() => undefined)
  let middle = -1
  nodes.forEach((node, index) => {
    if (node.isAlive && (middle < 0 || neighbors[index]!.length > neighbors[middle]!.length)) middle = index
  })
  if (middle < 0) return distances
  distances[middle] = 0
  const queue = [middle]
  for (const node of queue) {
    for (const peer of neighbors[node]!) {
      if (distances[peer] !== undefined || !nodes[peer]!.isAlive) continue
      distances[peer] = distances[node]! + 1
      queue.push(peer)
    }
  }
  return distances
}

/** The same nodes, with those that are linked near each other. */
const walk = (nodes: ReadonlyArray<number>, neighbors: Neighbors): Array<number> => {
  const left = new Set(nodes)
  const walked: Array<number> = []
  for (const start of nodes) {
    if (!left.delete(start)) continue
    const queue = [start]
    for (const node of queue) {
      walked.push(node)
      for (const peer of neighbors[node]!) {
        if (left.delete(peer)) queue.push(peer)
      }
    }
  }
  return walked
}

/** Gives each node the neighbor one hop nearer that has the fewest children so far; who has no choice is first. */
const parentsOf = (
  rings: ReadonlyArray<ReadonlyArray<number>>,
  neighbors: Neighbors,
  levels: Int32Array
): Int32Array => {
  const parents = new Int32Array(levels.length).fill(-1)
  const children = new Int32Array(levels.length)
  for (const ring of rings) {
    const choices = ring.map((node) => ({
      node,
      candidates: neighbors[node]!.filter((peer) => levels[peer] === levels[node]! - 1)
    }))
    choices.sort((a, b) => a.candidates.length - b.candidates.length)
    for (const { candidates, node } of choices) {
      let parent = -1
      for (const peer of candidates) {
        if (parent < 0 || children[peer]! < children[parent]!) parent = peer
      }
      parents[node] = parent
      if (parent >= 0) children[parent] = children[parent]! + 1
    }
  }
  return parents
}

/**
 * A direction for each node, in radians: the middle of a sector inside its parent's, wider the more
 * descendants it has. Nodes without a parent share the whole turn.
 */
const anglesOf = (rings: ReadonlyArray<ReadonlyArray<number>>, parents: Int32Array): Float64Array => {
  const nodes = rings.flat()
  const childWeights = new Float64Array(parents.length)
  const weightOf = (node: number) => 1 + childWeight * childWeights[node]!
  let rootWeights = 0
  for (const node of nodes.toReversed()) {
    const parent = parents[node]!
    if (parent >= 0) childWeights[parent] = childWeights[parent]! + weightOf(node)
    else rootWeights += weightOf(node)
  }

  const widths = new Float64Array(parents.length)
  /** Where the sector of the next child begins. */
  const next = new Float64Array(parents.length)
  const angles = new Float64Array(parents.length)
  let free = -turn / 4
  for (const node of nodes) {
    const parent = parents[node]!
    const share = parent < 0 ? turn / rootWeights : widths[parent]! / childWeights[parent]!
    const width = share * weightOf(node)
    const start = parent < 0 ? free : next[parent]!
    if (parent < 0) free += width
    else next[parent] = start + width
    widths[node] = width
    next[node] = start
    angles[node] = start + width / 2
  }
  return angles
}

/** The direction of the middle of those neighbors that have a place; down if none has. */
const towards = (neighbors: ReadonlyArray<number>, x: Float64Array, y: Float64Array): number => {
  let [sumX, sumY] = [0, 0]
  for (const peer of neighbors) {
    sumX += x[peer]!
    sumY += y[peer]!
  }
  return sumX === 0 && sumY === 0 ? turn / 4 : Math.atan2(sumY, sumX)
}

/** How far apart, in radians, nodes on a ring are at least: a band may be dense in places, a ring is never crowded. */
const gapOf = (slots: number, spacing: number, { inner, rows }: Ring): number => {
  const even = turn / slots
  if (rows > maxRows) return maxUnevenness * even
  if (rows > 1) return Math.min(even, crowding * spacing / inner / rows)
  return Math.min(even, Math.max(spacing / inner, Math.min(0.75 * even, 1.5 * spacing / inner)))
}

/** Angles the same step apart, so many to a turn, all together as near to the wanted ones, which rise, as can be. */
const evenly = (wanted: ReadonlyArray<number>, slots: number): ReadonlyArray<number> => {
  const step = turn / slots
  const first = wanted.reduce((sum, angle, index) => sum + angle - index * step, 0) / wanted.length
  return wanted.map((_, index) => first + index * step)
}

/**
 * Angles at least so far apart, each as near to the wanted one (they rise) as can be, by isotonic
 * regression, with room for as many as there are slots.
 */
const apart = (wanted: ReadonlyArray<number>, minGap: number, slots: number): ReadonlyArray<number> => {
  const count = wanted.length
  if (slots * minGap >= turn) return evenly(wanted, slots)
  const blocks: Array<{ readonly sum: number; readonly count: number }> = []
  for (let index = 0; index < count; index++) {
    let block = { sum: wanted[index]! - index * minGap, count: 1 }
    for (let before = blocks.at(-1); before !== undefined; before = blocks.at(-1)) {
      if (before.sum / before.count <= block.sum / block.count) break
      block = { sum: before.sum + block.sum, count: before.count + block.count }
      blocks.pop()
    }
    blocks.push(block)
  }
  const angles = blocks.flatMap(({ count, sum }) => Array.from({ length: count }, () => sum / count))
    .map((angle, index) => angle + index * minGap)
  const isOverfull = count > 1 && angles.at(-1)! - angles[0]! > turn - (slots - count + 1) * minGap
  return isOverfull ? evenly(wanted, slots) : angles
}

/** The same nodes, by rising angle, from the widest gap on; the angles of those before it grow by a turn. */
const afterWidestGap = (nodes: ReadonlyArray<number>, angles: Float64Array): ReadonlyArray<number> => {
  let first = 0
  let width = 0
  nodes.forEach((node, index) => {
    const gap = index === 0 ? angles[node]! + turn - angles[nodes.at(-1)!]! : angles[node]! - angles[nodes[index - 1]!]!
    if (gap <= width) return
    first = index
    width = gap
  })
  for (const node of nodes.slice(0, first)) angles[node] = angles[node]! + turn
  return [...nodes.slice(first), ...nodes.slice(0, first)]
}

/** A ring, or with several rows a band, and how far from the middle it begins and ends. */
interface Ring {
  readonly inner: number
  readonly outer: number
  readonly rows: number
}

/** How many rows hold so many nodes. */
const rowsOf = (count: number, spacing: number, inner: number): number =>
  Math.ceil(crowding * count * spacing / (turn * inner))

/** Rings as far apart as the radius allows; a band is as wide as its nodes need. */
const ringsOf = (
  counts: ReadonlyArray<number>,
  radius: number
): { readonly rings: ReadonlyArray<Ring>; readonly spacing: number } => {
  const at = (spacing: number) => {
    let edge = 0
    const rings = counts.map((count, level): Ring => {
      if (count === 0 || (level === 0 && count === 1)) return { inner: edge, outer: edge, rows: 1 }
      const inner = edge + ringGap * spacing
      const rows = rowsOf(count, spacing, inner)
      edge = rows > maxRows
        ? Math.sqrt(inner * inner + count * spacing * spacing / Math.PI)
        : inner + (rows - 1) * rowGap * spacing
      return { inner, outer: edge, rows }
    })
    return { rings, spacing, edge }
  }
  let low = 0
  let high = maxSpacing
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (at(middle).edge <= radius) low = middle
    else high = middle
  }
  const { edge, rings, spacing } = at(low)
  // A small mesh is drawn larger, up to a point.
  const scale = edge === 0 ? 1 : Math.min(maxScale, radius / edge)
  return { spacing, rings: rings.map((ring) => ({ ...ring, inner: ring.inner * scale, outer: ring.outer * scale })) }
}
