/** Elements. What came from a network is only ever set as text. */

type Attributes = Readonly<Record<string, string | number>>

const svgNamespace = "http://www.w3.org/2000/svg"

/** The element that the page has under that id. */
export const byId = (id: string): HTMLElement => elementOf(id, HTMLElement)

/** The same, of a kind. */
export const elementOf = <E extends Element>(id: string, kind: new() => E): E => {
  const found: Element | null = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`the page has no #${id} of that kind`)
  return found
}

export const html = <K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(name)
  set(made, attributes)
  made.append(...children)
  return made
}

export const svg = <K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  text?: string
): SVGElementTagNameMap[K] => {
  const made = document.createElementNS(svgNamespace, name)
  set(made, attributes)
  if (text !== undefined) made.textContent = text
  return made
}

export const set = (element: Element, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
}

/** Makes the units of a picture those of the screen, again whenever its size changes. */
export const fit = (element: SVGSVGElement, onSize: (width: number, height: number) => void): void => {
  const measure = () => {
    const { height, width } = element.getBoundingClientRect()
    if (width === 0 || height === 0) return
    set(element, { viewBox: `0 0 ${width} ${height}` })
    onSize(width, height)
  }
  new ResizeObserver(measure).observe(element)
  measure()
}

export const isCalm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches

export interface LegendEntry {
  readonly text: string
  readonly color: string
  readonly form?: "line" | "dash"
}

export const showLegend = (list: HTMLElement, entries: ReadonlyArray<LegendEntry>): void =>
  list.replaceChildren(
    ...entries.map(({ color, form = "", text }) => html("li", { class: `c-${color} ${form}` }, text))
  )
