/** A ring as a picture: its members as this node knows them, its fingers, its keys, and lookups. */
import { fit, isCalm, svg } from "./Dom.ts"
import type { ChordState, MemberState, PageEvent } from "./State.ts"
import { count, placeOf, short } from "./Words.ts"

export interface ShownLookup {
  readonly position: string
  readonly owner: MemberState
  readonly path: ReadonlyArray<MemberState>
}

/** What a node tells of a lookup has these fields. */
export const isLookup = (event: PageEvent): event is PageEvent & ShownLookup => event.event === "looked-up"

/** How long a lookup is shown. */
const lookupMillis = 6000

/** Members met in lookups that are drawn. */
const maxMet = 60

/** Marks of keys that are drawn. */
const maxTicks = 800

interface Point {
  readonly x: number
  readonly y: number
}

export class RingView {
  readonly element: SVGSVGElement
  readonly #ring = svg("g")
  readonly #lookups = svg("g")
  readonly #met = new Map<string, MemberState>()
  #state: ChordState | undefined
  #width = 600
  #height = 400
  #shown: { readonly lookup: ShownLookup; readonly untilMillis: number } | undefined

  constructor(element: SVGSVGElement) {
    this.element = element
    fit(element, (width, height) => {
      this.#width = width
      this.#height = height
      this.#draw()
    })
  }

  set isOn(isOn: boolean) {
    if (isOn) this.element.replaceChildren(this.#ring, this.#lookups)
  }

  show(state: ChordState): void {
    this.#state = state
    this.#draw()
  }

  /** Remembers members that were met in a lookup. */
  meet({ owner, path }: ShownLookup): void {
    for (const member of [...path, owner]) {
      this.#met.delete(member.position)
      this.#met.set(member.position, member)
    }
    for (const position of this.#met.keys()) {
      if (this.#met.size <= maxMet) break
      this.#met.delete(position)
    }
  }

  lookup(lookup: ShownLookup): void {
    this.#shown = { lookup, untilMillis: performance.now() + lookupMillis }
    this.#draw(true)
  }

  #draw(isNew = false): void {
    const state = this.#state
    if (state === undefined) return
    if (this.#shown !== undefined && this.#shown.untilMillis < performance.now()) this.#shown = undefined
    this.#ring.replaceChildren(
      svg("circle", { class: "ring", cx: this.#width / 2, cy: this.#height / 2, r: this.#radius }),
      ...this.#arcs(state),
      ...this.#ticks(state),
      ...this.#fingers(state),
      ...this.#members(state)
    )
    this.#lookups.replaceChildren(...this.#lookup(state, isNew), ...this.#middle(state))
  }

  get #radius(): number {
    // Names stand beside it, wider than they are high.
    return Math.max(60, Math.min(this.#width / 2 - 68, this.#height / 2 - 42))
  }

  /** A place on the ring, 0 at the top, clockwise; `inwards` from it. */
  #at(part: number, inwards = 0): Point {
    const angle = part * 2 * Math.PI - Math.PI / 2
    const radius = this.#radius - inwards
    return { x: this.#width / 2 + radius * Math.cos(angle), y: this.#height / 2 + radius * Math.sin(angle) }
  }

  /** What this node answers for: from its predecessor to itself. */
  #arcs({ bits, members }: ChordState): ReadonlyArray<SVGElement> {
    return members.flatMap(({ position, predecessor }) => {
      if (predecessor === null) return []
      const [from, to] = [placeOf(bits, predecessor.position), placeOf(bits, position)]
      const isLarge = (to - from + 1) % 1 > 0.5 ? 1 : 0
      const [start, end] = [this.#at(from), this.#at(to)]
      const r = this.#radius
      return [svg("path", { class: "arc", d: `M ${start.x} ${start.y} A ${r} ${r} 0 ${isLarge} 1 ${end.x} ${end.y}` })]
    })
  }

  #ticks({ bits, keys, members }: ChordState): ReadonlyArray<SVGElement> {
    const own = members.flatMap(({ position, predecessor }) =>
      predecessor === null ? [] : [[placeOf(bits, predecessor.position), placeOf(bits, position)] as const]
    )
    return keys.flatMap((held) => held.positions).slice(0, maxTicks).map((position) => {
      const place = placeOf(bits, position)
      const isOwn = own.some(([from, to]) => (place - from + 1) % 1 <= (to - from + 1) % 1)
      const [outer, inner] = [this.#at(place, 8), this.#at(place, isOwn ? 20 : 14)]
      return svg("line", { class: isOwn ? "tick own" : "tick", x1: outer.x, y1: outer.y, x2: inner.x, y2: inner.y })
    })
  }

  #fingers({ bits, members }: ChordState): ReadonlyArray<SVGElement> {
    return members.flatMap((member) => {
      const drawn = new Set<string>([member.position])
      return member.fingers.flatMap(({ position }) => {
        if (drawn.has(position)) return []
        drawn.add(position)
        const d = this.#curve(placeOf(bits, member.position), placeOf(bits, position))
        return [svg("path", { class: "finger", d })]
      })
    })
  }

  /** From one place on the ring to another, bent towards its middle. */
  #curve(from: number, to: number): string {
    const [start, end] = [this.#at(from), this.#at(to)]
    const bend = 0.5
    const x = (start.x + end.x) / 2 * (1 - bend) + this.#width / 2 * bend
    const y = (start.y + end.y) / 2 * (1 - bend) + this.#height / 2 * bend
    return `M ${start.x.toFixed(1)} ${start.y.toFixed(1)} Q ${x.toFixed(1)} ${y.toFixed(1)} ${end.x.toFixed(1)} ${
      end.y.toFixed(1)
    }`
  }

  #middle({ size, stats, whole }: ChordState): ReadonlyArray<SVGElement> {
    const [x, y] = [this.#width / 2, this.#height / 2]
    const members = `${whole ? "" : "about "}${count(size)} ${size === 1 ? "member" : "members"}`
    return [
      svg("text", { class: this.#radius < 150 ? "name halo" : "big halo", x, y: y - 4 }, members),
      svg("text", { class: "halo", x, y: y + 16 }, `${count(stats["records"] ?? 0)} records held here`)
    ]
  }

  #members({ bits, id, members }: ChordState): ReadonlyArray<SVGElement> {
    const others = new Map<string, { readonly member: MemberState; readonly isNear: boolean }>()
    for (const member of this.#met.values()) others.set(member.position, { member, isNear: false })
    for (const { fingers, predecessor, successors } of members) {
      for (const member of fingers) others.set(member.position, { member, isNear: false })
      for (const member of [...successors, ...(predecessor === null ? [] : [predecessor])]) {
        others.set(member.position, { member, isNear: true })
      }
    }
    for (const { position } of members) others.delete(position)
    const near = [...others.values()].filter(({ member }) => member.id !== id)
    // Names that would lie over others are left out.
    const named = members.map(({ position }) => this.#at(placeOf(bits, position), -22))
    const isFree = (position: string) => {
      const { x, y } = this.#at(placeOf(bits, position), -22)
      if (named.some((other) => Math.abs(other.y - y) < 13 && Math.abs(other.x - x) < 44)) return false
      named.push({ x, y })
      return true
    }
    return [
      ...near.map(({ isNear, member }) => this.#member(bits, member, isNear ? "peer" : "far", isFree(member.position))),
      ...members.map(({ position }) => this.#member(bits, { id, address: "", position }, "self", true))
    ]
  }

  #member(bits: number, { address, id, position }: MemberState, role: string, isNamed: boolean): SVGElement {
    const place = placeOf(bits, position)
    const { x, y } = this.#at(place)
    const label = this.#at(place, -22)
    const side = Math.sin(place * 2 * Math.PI)
    const anchor = side > 0.3 ? "start" : side < -0.3 ? "end" : "middle"
    const group = svg("g", { class: `node ${role} c-${role}` })
    group.append(
      svg("circle", { class: "glow", cx: x, cy: y, r: role === "self" ? 19 : 14 }),
      svg("circle", { class: "disc", cx: x, cy: y, r: role === "self" ? 12 : role === "peer" ? 9 : 7 }),
      svg("title", {}, `${id}\n${address}\nposition ${position}`)
    )
    if (isNamed) {
      const name = role === "self" ? "name halo" : "halo"
      group.append(svg("text", { class: `${name} ${anchor}`, x: label.x, y: label.y + 4 }, short(id)))
    }
    return group
  }

  #lookup({ bits, members }: ChordState, isNew: boolean): ReadonlyArray<SVGElement> {
    const start = members[0]
    if (this.#shown === undefined || start === undefined) return []
    const { owner, path, position } = this.#shown.lookup
    const stops = [start.position, ...path.map((member) => member.position), owner.position].map((p) =>
      placeOf(bits, p)
    )
    const elements: Array<SVGElement> = []
    for (let index = 1; index < stops.length; index++) {
      const [from, to] = [stops[index - 1]!, stops[index]!]
      if (from === to) continue
      const line = svg("path", { class: "hop", d: this.#curve(from, to), pathLength: 1 })
      if (isNew && !isCalm()) {
        line.animate([{ strokeDasharray: "0 1" }, { strokeDasharray: "1 0" }], {
          duration: 350,
          delay: 350 * (index - 1),
          fill: "backwards"
        })
      }
      const { x, y } = this.#at(to, 26)
      elements.push(line, svg("circle", { class: "hop-number", cx: x, cy: y, r: 9 }))
      elements.push(svg("text", { class: "inside", x, y }, String(index)))
    }
    const key = this.#at(placeOf(bits, position), 12)
    elements.push(svg("circle", { class: "target", cx: key.x, cy: key.y, r: 6 }))
    return elements
  }
}
