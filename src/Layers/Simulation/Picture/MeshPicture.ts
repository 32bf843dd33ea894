/**
 * The picture of a simulated mesh: who is linked with whom, how broadcasts spread, how links heal
 * after a crash, and the figures. One SVG without scripts, fonts or images from elsewhere; it is
 * light or dark as its reader likes, and puts its parts below each other on a screen that is taller
 * than wide, such as a phone's.
 */
import { percent, type Spread } from "../Figures.ts"
import type { MeshFigures } from "../Mesh/MeshFigures.ts"
import * as PictureChart from "./PictureChart.ts"
import type { MeshPictureData, SpreadStep } from "./PictureData.ts"
import { brief, coordinate, counted, duration, escape, fit, number, text, textWidth } from "./PictureMarkup.ts"
import * as PictureStyle from "./PictureStyle.ts"
import * as PictureTopology from "./PictureTopology.ts"

export type { HealStep, MeshPictureData, PictureNode, SpreadStep } from "./PictureData.ts"

/**
 * Draws a mesh: the text of an SVG file, the same for the same data. A thousand nodes with eight
 * thousand links are less than 300 kB. Above 2,000 nodes they have no tooltips, and of more than
 * 60,000 links that are on no way from the author some are left out, which the legend says. Indices
 * in `links` must be of `nodes`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const render = (picture: MeshPictureData): string => {
  const { figures } = picture
  const topology = PictureTopology.draw(picture, leftWidth, bodyHeight)
  const title = `A simulated mesh of ${counted(figures.nodes, "node")}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="mesh-picture" width="${pageWidth}" height="${pageHeight}"` +
    ` viewBox="0 0 ${pageWidth} ${pageHeight}" preserveAspectRatio="xMidYMin meet" role="img" aria-labelledby="mesh-title mesh-description">`,
    `<title id="mesh-title">${escape(title)}</title>`,
    `<desc id="mesh-description">${escape(descriptionOf(picture))}</desc>`,
    `<style>${PictureStyle.sheet(topology.classCount, portrait)}</style>`,
    `<rect class="paper" width="${pageWidth}" height="${pageHeight}"/>`,
    section("head", margin, 0, head(title, figures)),
    section("mesh", margin, bodyTop, topology.elements),
    section("side", pageWidth - margin - rightWidth, bodyTop, side(picture)),
    "</svg>\n"
  ].join("\n")
}

const pageWidth = 1200
const pageHeight = 920
const margin = 40
const bodyTop = 124
const bodyHeight = 756
const leftWidth = 640
const rightWidth = 430

/** On tall screens parts stand below each other, each as wide as the page: beyond the view box, where the height allows it. */
const portrait: ReadonlyArray<PictureStyle.Rule> = (() => {
  const headScale = 1.7
  const meshTop = headScale * 110
  const meshScale = (pageWidth - 2 * margin) / leftWidth
  const sideTop = meshTop + meshScale * bodyHeight + 70
  const sideScale = (pageWidth - 2 * margin) / rightWidth
  const height = sideTop + sideScale * bodyHeight + margin
  const place = (top: number, scale: number) =>
    `transform:translate(${margin}px,${coordinate(top)}px) scale(${scale.toFixed(3)})`
  return [
    ["", `width:100%;height:${coordinate(100 * height / pageWidth)}vw`],
    [".paper", `height:${coordinate(height)}px`],
    [".head", place(0, headScale)],
    [".mesh", place(meshTop, meshScale)],
    [".side", place(sideTop, sideScale)]
  ]
})()

const section = (kind: string, x: number, y: number, content: string): string =>
  `<g class="${kind}" transform="translate(${x} ${y})">\n${content}\n</g>`

const head = (title: string, { hash, seed, virtualSeconds }: MeshFigures): string =>
  text(0, 62, title, { kind: "strong", fontSize: 30, maxWidth: 640 }) +
  text(0, 92, `seed ${fit(seed, 200, 16)} · trace ${hash} · ${brief(virtualSeconds)} s of virtual time`, {
    kind: "muted",
    maxWidth: 640
  })

/** The figures and the charts. */
const side = (picture: MeshPictureData): string => {
  const rows = figureRows(picture)
  const [spread, healing] = [spreadChart(picture), healingChart(picture)]
  const rowHeight = healing === undefined ? 32 : 25
  const chartsTop = rowHeight * rows.length + 28
  const chartsHeight = bodyHeight - chartsTop
  const height = healing === undefined ? Math.min(480, chartsHeight) : (chartsHeight - 28) / 2
  const charts = [spread, ...(healing === undefined ? [] : [healing])].map((chart, index) =>
    `<g transform="translate(0 ${coordinate(chartsTop + index * (height + 28))})">\n${
      PictureChart.draw({ ...chart, width: rightWidth, height })
    }\n</g>`
  )
  const table = rows.map(([label, value], index) => {
    const y = rowHeight * index + 16
    const line = `<path class="line" d="M0 ${y + rowHeight - 17}H${rightWidth}"/>`
    const maxWidth = rightWidth - textWidth(label, 15) - 12
    return text(0, y, label, { kind: "muted", fontSize: 15 }) +
      text(rightWidth, y, value, { fontSize: 15, anchor: "end", maxWidth }) + line
  })
  return [...table, ...charts].join("\n")
}

type Row = readonly [label: string, value: string]

const figureRows = ({ figures, healing, spread }: MeshPictureData): ReadonlyArray<Row> => {
  const { doubled, faults, healMillis, hops, latencyMillis } = figures
  const inSeconds = latencyMillis.max >= 10_000
  const deliveries: ReadonlyArray<Row> = spread.length === 0 ? [] : [
    ["Delivered", `${delivered(figures, "")}, ${doubled === 0 ? "none" : number(doubled)} twice`],
    ["Copies a delivery", brief(figures.copiesPerDelivery)],
    [
      "Latency: median, p99, max",
      inSeconds ? `${spreadOf(latencyMillis, 1000)} s` : `${spreadOf(latencyMillis, 1)} ms`
    ],
    ["Hops: median, p99, max", spreadOf(hops, 1)]
  ]
  const traffic = `${brief(figures.messagesPerNodeSecond)} messages, ${bytesOf(figures.bytesPerNodeSecond)}`
  return [
    ["Broadcasts", number(figures.broadcasts)],
    ...deliveries,
    ["A node a second", traffic],
    ...(faults === 0 ? [] : [["Faults", number(faults)]] as const),
    ...(healing === undefined
      ? []
      : [["Healed after", healMillis === null ? "not in this run" : duration(healMillis)]] as const)
  ]
}

const spreadOf = ({ max, p50, p99 }: Spread, unit: number): string =>
  [p50, p99, max].map((value) => brief(value / unit)).join(" · ")

const bytesOf = (bytes: number): string => bytes < 1000 ? `${brief(bytes)} B` : `${brief(bytes / 1000)} kB`

type Chart = Omit<PictureChart.ChartOptions, "width" | "height">

const spreadChart = ({ figures, spread }: MeshPictureData): Chart => {
  const note = figures.broadcasts === 0
    ? "Nothing was broadcast."
    : spread.length === 0
    ? "There was nobody to reach."
    : spreadNote(spread)
  return {
    title: "How a broadcast spreads",
    note,
    since: "since sending",
    curves: [
      {
        kind: "band",
        label: "10 to 90 %",
        points: spread.map(({ millis, p10, p90 }) => ({ millis, low: p10, high: p90 }))
      },
      {
        kind: "spread",
        label: `median of ${counted(figures.broadcasts, "broadcast")}`,
        points: spread.map(({ millis, p50 }) => ({ millis, high: p50 }))
      }
    ]
  }
}

const spreadNote = (spread: ReadonlyArray<SpreadStep>): string => {
  const [half, most] = [firstWhere(spread, 0.5), firstWhere(spread, 0.99)]
  if (half === undefined) return "Most did not come to half of the nodes."
  return `Half of the nodes in ${duration(half)}` + (most === undefined ? "." : `, 99 % in ${duration(most)}.`)
}

/** When the median broadcast had reached so many. */
const firstWhere = (spread: ReadonlyArray<SpreadStep>, fraction: number): number | undefined =>
  spread.find((step) => step.p50 >= fraction)?.millis

const healingChart = ({ figures, healing }: MeshPictureData): Chart | undefined => {
  if (healing === undefined) return undefined
  return {
    title: "How links heal",
    note: figures.healMillis === null
      ? `Not all came back in this run: ${percent(healing.at(-1)?.linkFraction ?? 0)} at its end.`
      : `All of them are back after ${duration(figures.healMillis)}.`,
    since: "since the crash",
    curves: [
      { kind: "area", points: healing.map(({ linkFraction, millis }) => ({ millis, low: 0, high: linkFraction })) },
      {
        kind: "healing",
        label: "outbound links of survivors, of those before",
        points: healing.map(({ linkFraction, millis }) => ({ millis, high: linkFraction }))
      }
    ]
  }
}

/** How much came, with what is said of it then. */
const delivered = ({ deliveredFraction }: MeshPictureData["figures"], what: string): string =>
  deliveredFraction === null ? "nothing to deliver" : `${percent(deliveredFraction)}${what}`

const descriptionOf = ({ figures, links, nodes, spread }: MeshPictureData): string => {
  const { healMillis, hops, latencyMillis } = figures
  const alive = nodes.filter((node) => node.isAlive).length
  const crashed = nodes.length - alive
  const broadcasts = counted(figures.broadcasts, "broadcast")
  return [
    `${counted(alive, "node")} with ${counted(links.length, "link")} at the end` +
    (crashed === 0 ? "." : `, ${number(crashed)} crashed.`),
    spread.length === 0 ? `${broadcasts}.` : `${broadcasts}: ${delivered(figures, " delivered")},` +
      ` latency ${duration(latencyMillis.p50)} in the median and ${duration(latencyMillis.max)} at most,` +
      ` hops ${brief(hops.p50)} in the median and ${brief(hops.max)} at most.`,
    healMillis === null ? "" : `All links were back ${duration(healMillis)} after the crash.`
  ].join(" ").trimEnd()
}
