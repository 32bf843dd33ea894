/** The mesh in a picture: nodes on rings by their hops, links between them, and what the colors mean. */
import type { MeshPictureData } from "./PictureData.ts"
import * as PictureLayout from "./PictureLayout.ts"
import * as PictureLegend from "./PictureLegend.ts"
import { group, mark } from "./PictureMark.ts"
import { coordinate, counted, escape, number, text, textWidth } from "./PictureMarkup.ts"

/**
 * A drawn mesh.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topology {
  /** How many classes of hops the style sheet must have colors for. */
  readonly classCount: number
  /** Elements below and to the right of the origin. */
  readonly elements: string
}

/** Hops have a color each up to here; if there are more, they share so few. */
const maxClasses = 9
const sharedClasses = 5
/** With more nodes they have no tooltips, and of more links not all are drawn: the file must still open. */
const maxTitles = 2000
const maxLinks = 60_000
/** Links in one path. A path is not darker where its own lines cross; where several cross, the mesh is seen to be dense. */
const linksInPath = 50
const captionHeight = 44

/**
 * Draws a mesh and its legend below, in so many pixels.
 *
 * @category encoding
 * @since 0.1.0
 */
export const draw = (data: MeshPictureData, width: number, height: number): Topology => {
  const radius = Math.min(width, height - captionHeight - PictureLegend.height) / 2 - 16
  const layout = PictureLayout.make(data, radius)
  const { isBroadcast, maxHops } = layout
  const binSize = maxHops <= maxClasses ? 1 : Math.ceil(maxHops / sharedClasses)
  const view: View = {
    data,
    layout,
    binSize,
    classCount: isBroadcast ? Math.ceil(maxHops / binSize) : 0,
    kinds: data.nodes.map(({ hops, isAlive }) => {
      if (!isAlive) return "dead"
      if (!isBroadcast) return "alive"
      if (hops === undefined) return "lost"
      return hops === 0 ? "author" : `hop${Math.ceil(hops / binSize)}`
    }),
    radius: Math.min(15, Math.max(1.2, 0.34 * layout.spacing))
  }
  const links = sortLinks(view)
  const elements = [
    text(0, 15, "Who is linked with whom", { kind: "strong", fontSize: 17 }),
    text(0, 37, captionOf(view), { kind: "muted", fontSize: 15, maxWidth: width }),
    `<g transform="translate(${coordinate(width / 2)} ${coordinate(captionHeight + 16 + radius)})">`,
    drawLinks(view, links),
    drawNodes(view),
    "</g>",
    `<g transform="translate(0 ${coordinate(height - PictureLegend.height)})">`,
    drawLegend(view, links, width),
    "</g>"
  ]
  return { classCount: view.classCount, elements: elements.join("\n") }
}

interface View {
  readonly data: MeshPictureData
  readonly layout: PictureLayout.Layout
  /** How many numbers of hops share a class, and how many classes there are. */
  readonly binSize: number
  readonly classCount: number
  /** The kind of each node, a class of the style sheet. */
  readonly kinds: ReadonlyArray<string>
  /** The radius of a node. */
  readonly radius: number
}

/** Indices of links. */
interface SortedLinks {
  /** Those that lead from a node to its parent, by the kind of the node. */
  readonly ways: ReadonlyMap<string, ReadonlyArray<number>>
  /** The others, or one in so many of them. */
  readonly others: ReadonlyArray<number>
  readonly oneIn: number
}

const captionOf = ({ data, kinds, layout }: View): string => {
  if (data.nodes.length === 0) return "There was no node."
  if (layout.isBroadcast) {
    return kinds.includes("author")
      ? "Each ring is one hop further from the author of the last broadcast."
      : "Each ring is one hop further from the last author, who is gone."
  }
  return "Each ring is one link further from the node that has most of them."
}

const sortLinks = ({ data: { links }, kinds, layout: { parents } }: View): SortedLinks => {
  const ways = new Map<string, Array<number>>()
  const others: Array<number> = []
  const known = new Set<number>()
  links.forEach(([from, to], index) => {
    const child = parents[from] === to ? from : parents[to] === from ? to : -1
    if (child < 0 || known.has(child)) {
      others.push(index)
      return
    }
    known.add(child)
    append(ways, kinds[child]!, index)
  })
  const oneIn = Math.max(1, Math.ceil(others.length / maxLinks))
  return { ways, others: others.filter((_, position) => position % oneIn === 0), oneIn }
}

const append = <K, V>(lists: Map<K, Array<V>>, key: K, value: V): void => {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

const drawLinks = ({ data, layout }: View, { others, ways }: SortedLinks): string => {
  const ends = data.nodes.map((_, node) => `${coordinate(layout.x[node]!)} ${coordinate(layout.y[node]!)}`)
  const path = (indices: ReadonlyArray<number>) =>
    indices.map((index) => `M${ends[data.links[index]![0]]}L${ends[data.links[index]![1]]}`).join("")
  const opacity = Math.min(0.4, Math.max(0.05, 4 / Math.sqrt(others.length)))
  const wayOpacity = Math.min(0.75, Math.max(0.3, 22 / Math.sqrt(data.nodes.length)))
  const width = Math.min(2.4, Math.max(0.5, layout.spacing / 16))
  const lines = [
    `<g class="links" stroke-opacity="${opacity.toFixed(2)}" stroke-width="${coordinate(Math.max(0.4, width / 2))}">`
  ]
  for (let start = 0; start < others.length; start += linksInPath) {
    lines.push(`<path d="${path(others.slice(start, start + linksInPath))}"/>`)
  }
  lines.push(`</g><g class="ways" stroke-opacity="${wayOpacity.toFixed(2)}" stroke-width="${coordinate(width)}">`)
  for (const [kind, indices] of ways) lines.push(`<path class="${wayOf(kind)}" d="${path(indices)}"/>`)
  lines.push("</g>")
  return lines.join("\n")
}

/** The class of a link to a node of some kind. */
const wayOf = (kind: string): string => kind === "alive" ? "spread" : kind.replace("hop", "way")

const drawNodes = ({ data: { nodes }, kinds, layout, radius }: View): string => {
  const byKind = new Map<string, Array<number>>()
  kinds.forEach((kind, node) => append(byKind, kind, node))
  const fontSize = Math.min(14, radius)
  const isNamed = radius >= 9 && nodes.every(({ name }) => textWidth(name, fontSize) <= 2 * radius - 2)
  return Array.from(byKind, ([kind, members]) => {
    const marks = members.map((node) => {
      const title = nodes.length > maxTitles ? "" : `<title>${escape(titleOf(nodes[node]!))}</title>`
      return mark(kind, layout.x[node]!, layout.y[node]!, radius, title)
    })
    const names = isNamed ? members : []
    const nameKind = kind === "dead" ? "muted" : kind.startsWith("hop") ? kind.replace("hop", "name") : "name0"
    return group(kind, radius, marks.join("")) +
      names.map((node) =>
        text(layout.x[node]!, layout.y[node]! + 0.36 * fontSize, nodes[node]!.name, {
          kind: nameKind,
          fontSize,
          anchor: "middle"
        })
      ).join("")
  }).join("\n")
}

const titleOf = ({ hops, isAlive, name }: MeshPictureData["nodes"][number]): string => {
  if (!isAlive) return `${name}, crashed`
  return hops === undefined ? name : hops === 0 ? `${name}, the author` : `${name}, ${counted(hops, "hop")}`
}

const drawLegend = (view: View, { oneIn, others, ways }: SortedLinks, width: number): string => {
  const { binSize, classCount, kinds, layout } = view
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const hops = Array.from({ length: classCount + 1 }, (_, hopClass) => {
    const first = (hopClass - 1) * binSize + 1
    const last = Math.min(layout.maxHops, hopClass * binSize)
    const kind = hopClass === 0 ? "author" : `hop${hopClass}`
    return {
      kind,
      label: hopClass === 0 || first === last ? `${last}` : `${first}–${last}`,
      count: counts.get(kind) ?? 0
    }
  })
  const nodes = [
    { kind: "author", label: "the author" },
    { kind: "alive", label: `${number(counts.get("alive") ?? 0)} alive` },
    { kind: "lost", label: `${number(counts.get("lost") ?? 0)} did not get it` },
    { kind: "dead", label: `${number(counts.get("dead") ?? 0)} crashed` }
  ]
  const wayClass = wayOf([...ways.keys()][ways.size >> 1] ?? "alive")
  const links = [
    ...(ways.size === 0
      ? []
      : [{ kind: wayClass, label: layout.isBroadcast ? "a way from the author" : "a way from that node" }]),
    ...(others.length === 0
      ? []
      : [{ kind: "links", label: oneIn === 1 ? "other links" : `other links, one in ${oneIn}` }])
  ]
  return PictureLegend.draw(
    hops.filter(({ count }) => count > 0),
    nodes.filter(({ kind }) => counts.has(kind)),
    links,
    width
  )
}
