/**
 * The style sheet of a picture, light and dark. Hops have viridis, which all kinds of color vision
 * see in order, the rest colors of Okabe and Ito; shapes say again what matters most.
 */

/** The colors of one theme. */
interface Theme {
  readonly paper: string
  readonly ink: string
  readonly muted: string
  readonly line: string
  readonly link: string
  readonly author: string
  readonly lost: string
  readonly spread: string
  readonly healing: string
  /** Where on viridis the first hop stands, and the last: 0 is dark, 1 is light. */
  readonly viridis: readonly [first: number, last: number]
}

const light: Theme = {
  paper: "#ffffff",
  ink: "#1b2330",
  muted: "#5b6675",
  line: "#dde2e8",
  link: "#3c4a5c",
  author: "#d55e00",
  lost: "#b3457f",
  spread: "#0072b2",
  healing: "#00805f",
  viridis: [0, 0.8]
}

const dark: Theme = {
  paper: "#10151d",
  ink: "#e9edf2",
  muted: "#9aa6b5",
  line: "#2a3340",
  link: "#a9b9cc",
  author: "#ff8a3d",
  lost: "#e08bbb",
  spread: "#56b4e9",
  healing: "#2fc79a",
  viridis: [1, 0.28]
}

const viridis = [
  "440154",
  "482475",
  "414487",
  "355f8d",
  "2a788e",
  "21918c",
  "22a884",
  "44bf70",
  "7ad151",
  "bddf26",
  "fde725"
]

/** A color of viridis, 0 to 1, as red, green and blue, 0 to 255. */
const viridisAt = (position: number): ReadonlyArray<number> => {
  const index = Math.min(viridis.length - 2, Math.floor(position * (viridis.length - 1)))
  const rest = position * (viridis.length - 1) - index
  const channels = (color: string) => [0, 2, 4].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
  const [from, to] = [channels(viridis[index]!), channels(viridis[index + 1]!)]
  return from.map((channel, at) => Math.round(channel + rest * (to[at]! - channel)))
}

/**
 * A selector inside the picture, or "" for the picture itself, and its declarations.
 *
 * @category models
 * @since 0.1.0
 */
export type Rule = readonly [selector: string, declarations: string]

const hopRules = (theme: Theme, classCount: number): ReadonlyArray<Rule> =>
  Array.from({ length: classCount }, (_, index) => index + 1).flatMap((hopClass): ReadonlyArray<Rule> => {
    const [first, last] = theme.viridis
    const color = viridisAt(first + (last - first) * (classCount < 2 ? 0.5 : (hopClass - 1) / (classCount - 1)))
    const [red = 0, green = 0, blue = 0] = color
    const isDark = 0.299 * red + 0.587 * green + 0.114 * blue < 140
    const hex = `#${color.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`
    return [
      [`.hop${hopClass}`, `fill:${hex}`],
      [`.way${hopClass}`, `stroke:${hex}`],
      [`.name${hopClass}`, `fill:${isDark ? light.paper : dark.paper}`]
    ]
  })

const themeRules = (theme: Theme, classCount: number): ReadonlyArray<Rule> => [
  ["", `background:${theme.paper}`],
  [".paper", `fill:${theme.paper}`],
  ["text", `fill:${theme.ink}`],
  [".muted", `fill:${theme.muted}`],
  [".line", `stroke:${theme.line}`],
  [".axis", `stroke:${theme.muted}`],
  [".links", `stroke:${theme.link}`],
  [".node", `stroke:${theme.paper}`],
  [".author", `fill:${theme.author}`],
  [".name0", `fill:${theme.paper}`],
  [".alive", `fill:${theme.spread}`],
  [".lost", `fill:${theme.lost}`],
  [".dead", `fill:${theme.paper};stroke:${theme.muted}`],
  [".spread", `stroke:${theme.spread}`],
  [".band", `fill:${theme.spread}`],
  [".healing", `stroke:${theme.healing}`],
  [".area", `fill:${theme.healing}`],
  ...hopRules(theme, classCount)
]

const commonRules: ReadonlyArray<Rule> = [
  ["", "display:block;margin:auto;max-width:100%;height:auto;color-scheme:light dark"],
  [
    "text",
    "font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif;" +
    "font-variant-numeric:tabular-nums"
  ],
  [".strong", "font-weight:600"],
  ["path", "fill:none;stroke-linecap:round;stroke-linejoin:round"],
  [".band,.mesh-picture .area", "fill-opacity:.22;stroke:none"]
]

/**
 * The style sheet, for so many classes of hops: `hop1` and on fill nodes, `way1` and on stroke
 * links, `name1` and on is for text on nodes. `portrait` is what holds on tall screens as well.
 *
 * @category encoding
 * @since 0.1.0
 */
export const sheet = (classCount: number, portrait: ReadonlyArray<Rule>): string =>
  [
    ...commonRules.map(inPicture),
    ...themeRules(light, classCount).map(inPicture),
    `@media (prefers-color-scheme:dark){${themeRules(dark, classCount).map(inPicture).join("")}}`,
    `@media screen and (max-aspect-ratio:4/5){${portrait.map(inPicture).join("")}}`
  ].join("\n")

/** Where the picture stands inside a page, its rules leave the page alone. */
const inPicture = ([selector, declarations]: Rule): string =>
  `.mesh-picture${selector === "" ? "" : ` ${selector}`}{${declarations}}`
