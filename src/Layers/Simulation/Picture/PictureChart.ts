/** Curves over time in a picture: from 0 to 100 %, with axes and a legend. */
import { coordinate, number, text, textWidth } from "./PictureMarkup.ts"

/**
 * A point of a curve: a fraction, 0 to 1, at a time; with `low`, two of them and all between.
 *
 * @category models
 * @since 0.1.0
 */
export interface CurvePoint {
  readonly millis: number
  readonly low?: number
  readonly high: number
}

/**
 * A curve: a line, or an area if its points have `low`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Curve {
  /** A class of the style sheet. */
  readonly kind: string
  /** What the legend says; without it the curve is not in the legend. */
  readonly label?: string
  /** By rising time. */
  readonly points: ReadonlyArray<CurvePoint>
}

/**
 * A chart.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChartOptions {
  readonly title: string
  /** What the curves tell, in a sentence. */
  readonly note: string
  /** From when time counts, such as "since sending". */
  readonly since: string
  /** From back to front. */
  readonly curves: ReadonlyArray<Curve>
  /** Of the whole chart with its texts, in pixels. */
  readonly width: number
  readonly height: number
}

/**
 * Draws a chart below and to the right of the origin. One whose curves have no point is its title and its note.
 *
 * @category encoding
 * @since 0.1.0
 */
export const draw = (options: ChartOptions): string => {
  const { curves, height, note, title, width } = options
  const heading = text(0, 15, title, { kind: "strong", fontSize: 17, maxWidth: width }) +
    text(0, 37, note, { kind: "muted", fontSize: 15, maxWidth: width })
  if (curves.every((curve) => curve.points.length === 0)) return heading

  const frame: Frame = {
    left: 56,
    right: width - 24,
    top: 80,
    bottom: height - 44,
    maxMillis: Math.max(minMillis, ...curves.map((curve) => curve.points.at(-1)?.millis ?? 0))
  }
  return [heading, legend(curves, width), fractionAxis(frame), timeAxis(frame, options.since)]
    .concat(curves.map((curve) => `<path class="${curve.kind}"${strokeOf(curve)} d="${pathOf(curve, frame)}"/>`))
    .join("\n")
}

/** Milliseconds that the time axis spans at least. */
const minMillis = 10

/** Where the curves are drawn. */
interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly maxMillis: number
}

const xOf = ({ left, maxMillis, right }: Frame, millis: number): number => left + (right - left) * millis / maxMillis

const yOf = ({ bottom, top }: Frame, fraction: number): number =>
  bottom - (bottom - top) * Math.min(1, Math.max(0, fraction))

const isArea = (curve: Curve): boolean => curve.points[0]?.low !== undefined

const strokeOf = (curve: Curve): string => isArea(curve) ? "" : ` stroke-width="2.5"`

const legend = (curves: ReadonlyArray<Curve>, width: number): string => {
  let x = 0
  return curves.flatMap((curve) => {
    if (curve.label === undefined) return []
    const swatch = isArea(curve)
      ? `<rect class="${curve.kind}" x="${coordinate(x)}" y="52" width="22" height="12"/>`
      : `<path class="${curve.kind}" stroke-width="2.5" d="M${coordinate(x)} 58h22"/>`
    const label = text(x + 30, 63, curve.label, { fontSize: 15, maxWidth: width - x - 30 })
    x += 30 + textWidth(curve.label, 15) + 12
    return [swatch, label]
  }).join("")
}

const fractionAxis = (frame: Frame): string => {
  const lines = [0, 0.25, 0.5, 0.75, 1].map((fraction) => {
    const y = coordinate(yOf(frame, fraction))
    return `<path class="line" d="M${frame.left} ${y}H${frame.right}"/>`
  })
  const labels = [0, 0.5, 1].map((fraction) =>
    text(frame.left - 8, yOf(frame, fraction) + 5, `${100 * fraction} %`, {
      kind: "muted",
      fontSize: 14,
      anchor: "end"
    })
  )
  return lines.concat(labels).join("")
}

const timeAxis = (frame: Frame, since: string): string => {
  const inSeconds = frame.maxMillis >= 2000
  const unitMillis = inSeconds ? 1000 : 1
  const step = stepOf(frame.maxMillis / unitMillis)
  const ticks = Array.from({ length: Math.floor(frame.maxMillis / unitMillis / step + 1e-9) + 1 }, (_, index) => {
    const x = xOf(frame, index * step * unitMillis)
    const label = text(x, frame.bottom + 20, number(index * step, 3), { kind: "muted", fontSize: 14, anchor: "middle" })
    return `<path class="axis" d="M${coordinate(x)} ${frame.bottom}v5"/>${label}`
  })
  const label = `${inSeconds ? "seconds" : "milliseconds"} ${since}`
  return ticks.join("") +
    text((frame.left + frame.right) / 2, frame.bottom + 40, label, { kind: "muted", fontSize: 14, anchor: "middle" })
}

/** The step, of 1, 2 or 5 times a power of ten, that cuts a length into three to seven. */
const stepOf = (length: number): number => {
  const power = 10 ** Math.floor(Math.log10(length / 3))
  const leading = length / 3 / power
  return power * (leading < 2 ? 1 : leading < 5 ? 2 : 5)
}

const pathOf = (curve: Curve, frame: Frame): string => {
  const { points } = curve
  const line = (heights: ReadonlyArray<readonly [millis: number, fraction: number]>) =>
    bends(heights.map(([millis, fraction]) => [coordinate(xOf(frame, millis)), coordinate(yOf(frame, fraction))]))
      .map(([x, y]) => `${x} ${y}`).join("L")
  const high = line(points.map(({ high, millis }) => [millis, high]))
  // A line of no length has round ends: a curve of one point is a dot.
  return isArea(curve)
    ? `M${high}L${line(points.map(({ low = 0, millis }) => [millis, low] as const).toReversed())}Z`
    : `M${high}h0`
}

/** The points without those in the middle of a level line. */
const bends = (points: ReadonlyArray<readonly [x: string, y: string]>) =>
  points.filter(([, y], index) => y !== points[index - 1]?.[1] || y !== points[index + 1]?.[1])
