/**
 * Figures and how they are told: each is a ratio of two rates that were measured in turns in one
 * run, so that a busy machine slows both.
 */
import { availableParallelism, cpus } from "node:os"

/** One figure: rates by round, in units a second. */
export interface Row {
  readonly group:
    | "codec"
    | "throughput"
    | "latency"
    | "links"
    | "simulation"
    | "start"
    | "chord"
    | "compress"
    | "decompress"
    | "size"
  readonly name: string
  readonly yardstick: string
  /** What the two rates count. */
  readonly unit: string
  readonly ours: ReadonlyArray<number>
  readonly theirs: ReadonlyArray<number>
}

/**
 * A row with its medians. `ratio` is time over time for the codec and for compression, and size over size (less is
 * better), rate over rate else (more is better).
 */
export interface Figure {
  readonly group: Row["group"]
  readonly name: string
  readonly yardstick: string
  readonly unit: string
  readonly rounds: number
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
  readonly minRatio: number
  readonly maxRatio: number
}

/** The machine, because ratios differ a little between machines too. */
export const machine = {
  node: process.version,
  cores: availableParallelism(),
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  platform: `${process.platform} ${process.arch}`
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >>> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The ratio is taken round by round, and its median is the figure. */
export const toFigure = ({ group, name, ours, theirs, unit, yardstick }: Row): Figure => {
  const isTime = group === "codec" || group === "compress" || group === "decompress"
  const ratios = ours.map((rate, round) => isTime ? theirs[round]! / rate : rate / theirs[round]!)
  return {
    group,
    name,
    yardstick,
    unit,
    rounds: ratios.length,
    ours: median(ours),
    theirs: median(theirs),
    ratio: median(ratios),
    minRatio: Math.min(...ratios),
    maxRatio: Math.max(...ratios)
  }
}

const titles = {
  codec: "Codec: the time of an operation over the time of the yardstick (less is better)",
  throughput: "Throughput: messages a second of the mesh over those of the yardstick (more is better)",
  latency: "Latency: the milliseconds of the mesh over those of the yardstick (less is better)",
  links: "Links: what one end of a link takes, over what a bare socket takes (less is better)",
  simulation: "Simulation: node-minutes of virtual time a second, over those of a small mesh (1 is linear)",
  start: "Start: the time of a program of ours over that of the yardstick (less is better)",
  chord: "Chord: sets and gets a second, over those of the yardstick (more is better)"
}

const header = ["", "against", "ours", "yardstick", "ratio", "min-max"]

/** The figures as text, a table for each group. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  const { cores, cpu, node, platform } = machine
  const parts = [`Node ${node}, ${platform}, ${cores} cores (${cpu})`]
  for (const group of ["codec", "throughput", "latency", "links", "simulation", "start", "chord"] as const) {
    const found = figures.filter((figure) => figure.group === group)
    if (found.length === 0) continue
    const rounds = Math.min(...found.map((figure) => figure.rounds))
    parts.push(`${titles[group]}; medians of ${rounds} rounds.\n\n${layOut([header, ...found.map(cells)])}`)
  }
  return parts.join("\n\n")
}

const cells = (figure: Figure): ReadonlyArray<string> => [
  figure.name,
  figure.yardstick,
  count(figure.ours),
  count(figure.theirs),
  figure.ratio.toFixed(2),
  `${figure.minRatio.toFixed(2)}-${figure.maxRatio.toFixed(2)}`
]

const count = (value: number): string => value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString("en-US")

/** Columns as wide as their widest cell; the first two to the left, numbers to the right. */
export const layOut = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ")
  return rows.map((row) => line(row).trimEnd()).join("\n")
}
