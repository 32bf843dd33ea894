/** What a row of the table says, and how it is printed. */

/** One measurement beside its target. */
export interface Row {
  /** The number of the target in docs/chord.md. */
  readonly id: string
  /** What was measured, and on how much. */
  readonly what: string
  readonly measured: string
  readonly target: string
  /** Whether the target is met; undefined where there is nothing to compare. */
  readonly holds: boolean | undefined
}

/** A row for a figure that must not exceed a bound. */
export const atMost = (id: string, what: string, measured: number, bound: number, unit = ""): Row => ({
  id,
  what,
  measured: `${Math.round(measured * 1000) / 1000}${unit}`,
  target: `<= ${bound}${unit}`,
  holds: measured <= bound
})

/** A row for a figure that must be just that. */
export const exactly = (id: string, what: string, measured: number | string | null, wanted: number | string): Row => ({
  id,
  what,
  measured: `${measured}`,
  target: `${wanted}`,
  holds: measured === wanted
})

/** A row without a target. */
export const note = (id: string, what: string, measured: string): Row => ({
  id,
  what,
  measured,
  target: "–",
  holds: undefined
})

const headings = ["row", "measured", "figure", "target", "holds"]

/** The rows as a table. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [
    headings,
    ...rows.map((row) => [
      row.id,
      row.what,
      row.measured,
      row.target,
      row.holds === undefined ? "–" : row.holds ? "yes" : "NO"
    ])
  ]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()).join("\n")
}
