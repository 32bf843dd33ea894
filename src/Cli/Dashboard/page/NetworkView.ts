/** A network as a picture: nodes, links, and messages on their way. */
import { fit, isCalm, set, svg } from "./Dom.ts"
import { Force } from "./Force.ts"

export interface NetworkNode {
  readonly id: string
  readonly label: string
  readonly title: string
  readonly role: "self" | "peer" | "far" | "gone"
  readonly isSlow?: boolean
  /** Has the last broadcast, or was on the way of the last lookup. */
  readonly isReached?: boolean
  /** Where it is on a ring, from 0 at the top to 1, clockwise. Without one its place is found by forces. */
  readonly place?: number | undefined
}

export interface NetworkLink {
  readonly a: string
  readonly b: string
  /** `half`: only one of the two still takes it for a link. */
  readonly role: "own" | "far" | "half"
}

/** Messages on their way that are drawn at once. */
const maxPulses = 80

/** How long one takes over a link, in milliseconds. */
export const pulseMillis = 450

/** Nodes up to which all have their names beside them. */
const maxNames = 60

/** Nodes up to which places are found by forces; more are put on a circle. */
const maxBodies = 300

interface Pulse {
  readonly from: string
  readonly to: string
  readonly startMillis: number
  readonly element: SVGCircleElement
}

interface Drawn {
  readonly group: SVGGElement
  readonly glow: SVGCircleElement
  readonly disc: SVGCircleElement
  readonly label: SVGTextElement
  readonly title: SVGTitleElement
  radius: number
}

export class NetworkView {
  readonly #force = new Force()
  readonly #links = svg("g")
  readonly #pulses = svg("g")
  readonly #nodes = svg("g")
  readonly #drawn = new Map<string, Drawn>()
  readonly #lines = new Map<string, { readonly link: NetworkLink; readonly element: SVGLineElement }>()
  #moving: Array<Pulse> = []
  #width = 600
  #height = 400
  #view = { x: 0, y: 0, scale: 0 }
  #shape = ""
  #isRunning = false
  #isOn = false

  constructor(element: SVGSVGElement) {
    this.element = element
    fit(element, (width, height) => {
      this.#width = width
      this.#height = height
      this.#view.scale = 0
      this.#run()
    })
  }

  readonly element: SVGSVGElement

  /** Puts the picture on the stage, or takes it off. */
  set isOn(isOn: boolean) {
    this.#isOn = isOn
    if (isOn) this.element.replaceChildren(this.#links, this.#pulses, this.#nodes)
    this.#view.scale = 0
    this.#run()
  }

  show(nodes: ReadonlyArray<NetworkNode>, links: ReadonlyArray<NetworkLink>): void {
    this.#showNodes(nodes)
    this.#showLinks(links)
    const shape = `${nodes.map(({ id, place }) => `${id} ${place ?? ""}`).join()}|${[...this.#lines.keys()].join()}`
    if (shape !== this.#shape) {
      this.#shape = shape
      const placed = new Map(nodes.map(({ id, place }) => [id, place]))
      const self = nodes.find(({ role }) => role === "self")
      this.#force.update(nodes.map(({ id }) => id), links.map(({ a, b }) => [a, b] as const), self?.id)
      const isRing = nodes.some(({ place }) => place !== undefined)
      if (isRing) this.#circle((_, id) => placed.get(id))
      else if (nodes.length > maxBodies) this.#circle((index) => index / nodes.length)
      else if (isCalm() || this.#view.scale === 0) this.#settle()
    }
    this.#run()
  }

  /** Shows a message that goes over a link, `delayMillis` from now. */
  pulse(from: string, to: string, delayMillis = 0): void {
    if (this.#moving.length >= maxPulses || isCalm() || !this.#drawn.has(from) || !this.#drawn.has(to)) return
    const element = svg("circle", { class: "pulse", r: 0 })
    this.#pulses.append(element)
    this.#moving.push({ from, to, startMillis: performance.now() + delayMillis, element })
    this.#run()
  }

  #showNodes(nodes: ReadonlyArray<NetworkNode>): void {
    const wanted = new Set(nodes.map(({ id }) => id))
    for (const [id, { group }] of this.#drawn) {
      if (wanted.has(id)) continue
      group.remove()
      this.#drawn.delete(id)
    }
    const radius = nodes.length > 120 ? 5 : nodes.length > maxNames ? 7 : 10
    for (const node of nodes) {
      let drawn = this.#drawn.get(node.id)
      if (drawn === undefined) {
        drawn = {
          group: svg("g"),
          glow: svg("circle", { class: "glow" }),
          disc: svg("circle", { class: "disc" }),
          label: svg("text", { class: "halo" }),
          title: svg("title"),
          radius
        }
        drawn.group.append(drawn.glow, drawn.disc, drawn.label, drawn.title)
        this.#nodes.append(drawn.group)
        this.#drawn.set(node.id, drawn)
      }
      this.#showNode(drawn, node, radius, nodes.length)
    }
  }

  #showNode(drawn: Drawn, node: NetworkNode, radius: number, nodeCount: number): void {
    const isSelf = node.role === "self"
    const isInside = node.label.length <= 3
    const size = isSelf ? radius * 1.5 : isInside && nodeCount <= maxNames ? Math.max(13, radius) : radius
    drawn.radius = size
    const color = node.role === "gone" ? "bad" : node.isReached === true ? "warn" : node.role
    set(drawn.group, { class: `node ${node.role} c-${color} ${node.isSlow === true ? "slow" : ""}` })
    set(drawn.glow, { r: size + 7 })
    set(drawn.disc, { r: size })
    const isNamed = isSelf || node.role === "peer" || nodeCount <= maxNames
    set(drawn.label, { y: isInside ? 0 : size + 16, class: isInside ? "inside" : isSelf ? "name halo" : "halo" })
    drawn.label.textContent = isNamed ? node.label : ""
    drawn.title.textContent = node.title
  }

  #showLinks(links: ReadonlyArray<NetworkLink>): void {
    const wanted = new Map(links.map((link) => [link.a < link.b ? `${link.a} ${link.b}` : `${link.b} ${link.a}`, link]))
    for (const [key, { element }] of this.#lines) {
      if (wanted.has(key)) continue
      element.remove()
      this.#lines.delete(key)
    }
    for (const [key, link] of wanted) {
      const element = this.#lines.get(key)?.element ?? this.#links.appendChild(svg("line"))
      set(element, { class: `link c-peer ${link.role}` })
      this.#lines.set(key, { link, element })
    }
  }

  /** Puts all on a circle, at parts of it from 0 at the top to 1; those that have no part stand in the middle. */
  #circle(partOf: (index: number, id: string) => number | undefined): void {
    for (const [index, body] of [...this.#force.bodies.values()].entries()) {
      const part = partOf(index, body.id)
      const angle = 2 * Math.PI * ((part ?? 0) - 0.25)
      const radius = part === undefined ? 0 : 5
      Object.assign(body, { x: radius * Math.cos(angle), y: radius * Math.sin(angle), isFixed: true })
    }
    this.#force.rest()
    this.#view.scale = 0
  }

  #settle(): void {
    for (let i = 0; i < 350 && !this.#force.isAtRest; i++) this.#force.step(this.#width / this.#height)
    this.#view.scale = 0
  }

  #run(): void {
    if (this.#isRunning || !this.#isOn) return
    this.#isRunning = true
    requestAnimationFrame((now) => this.#frame(now))
  }

  #frame(now: number): void {
    this.#isRunning = false
    if (!this.#isOn) return
    if (!this.#force.isAtRest) this.#force.step(this.#width / this.#height)
    const isMoving = this.#follow()
    this.#draw(now)
    if (isMoving || !this.#force.isAtRest || this.#moving.length > 0) this.#run()
  }

  /** Moves the view towards one that shows everything; at once if there was none. */
  #follow(): boolean {
    const bodies = [...this.#force.bodies.values()]
    if (bodies.length === 0) return false
    const [xs, ys] = [bodies.map(({ x }) => x), bodies.map(({ y }) => y)]
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
    const padding = 34
    const scale = Math.min(
      130,
      (this.#width - 2 * padding) / Math.max(0.1, right - left),
      (this.#height - 2 * padding) / Math.max(0.1, bottom - top)
    )
    const goal = { x: (left + right) / 2, y: (top + bottom) / 2, scale }
    const part = this.#view.scale === 0 ? 1 : 0.12
    this.#view = {
      x: this.#view.x + (goal.x - this.#view.x) * part,
      y: this.#view.y + (goal.y - this.#view.y) * part,
      scale: this.#view.scale + (goal.scale - this.#view.scale) * part
    }
    return Math.abs(goal.scale - this.#view.scale) > 0.3 || Math.abs(goal.x - this.#view.x) > 0.01
  }

  #at(id: string): { readonly x: number; readonly y: number } {
    const body = this.#force.bodies.get(id)
    const { scale, x, y } = this.#view
    return {
      x: this.#width / 2 + ((body?.x ?? 0) - x) * scale,
      y: this.#height / 2 + ((body?.y ?? 0) - y) * scale
    }
  }

  #draw(now: number): void {
    for (const [id, { group }] of this.#drawn) {
      const { x, y } = this.#at(id)
      set(group, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` })
    }
    for (const { element, link } of this.#lines.values()) {
      const [from, to] = [this.#at(link.a), this.#at(link.b)]
      set(element, { x1: from.x.toFixed(1), y1: from.y.toFixed(1), x2: to.x.toFixed(1), y2: to.y.toFixed(1) })
    }
    this.#moving = this.#moving.filter((pulse) => {
      const part = (now - pulse.startMillis) / pulseMillis
      if (part >= 1) pulse.element.remove()
      else if (part >= 0) {
        const [from, to] = [this.#at(pulse.from), this.#at(pulse.to)]
        set(pulse.element, { cx: from.x + (to.x - from.x) * part, cy: from.y + (to.y - from.y) * part, r: 5 })
      }
      return part < 1
    })
  }
}
