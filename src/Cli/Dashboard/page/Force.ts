/**
 * Where the nodes of a network are drawn: those that are linked attract each other, all repel each other
 * (Fruchterman and Reingold, "Graph drawing by force-directed placement", 1991). Begins at places that
 * depend on the names alone, so the same network gets the same picture.
 */

export interface Body {
  readonly id: string
  x: number
  y: number
  isFixed: boolean
}

/** The distance at which two linked nodes are at rest. */
const rest = 1

export class Force {
  readonly bodies = new Map<string, Body>()
  #links: ReadonlyArray<readonly [Body, Body]> = []
  #heat = 0

  /** Takes over a network; nodes that were there stay where they are. */
  update(ids: Iterable<string>, links: Iterable<readonly [string, string]>, fixed: string | undefined): void {
    const wanted = new Set(ids)
    for (const id of this.bodies.keys()) {
      if (!wanted.has(id)) this.bodies.delete(id)
    }
    const pairs = [...links]
    for (const id of wanted) {
      const known = this.bodies.get(id)
      if (known === undefined) this.bodies.set(id, this.#place(id, pairs))
      else known.isFixed = id === fixed
      if (id === fixed) Object.assign(this.bodies.get(id)!, { x: 0, y: 0, isFixed: true })
    }
    this.#links = pairs.flatMap(([a, b]) => {
      const [from, to] = [this.bodies.get(a), this.bodies.get(b)]
      return from === undefined || to === undefined ? [] : [[from, to] as const]
    })
    this.#heat = Math.max(this.#heat, 0.35)
  }

  get isAtRest(): boolean {
    return this.#heat < 0.008
  }

  /** Lets all stay where they are. */
  rest(): void {
    this.#heat = 0
  }

  /** One step; `aspect` is width by height of the room that there is. */
  step(aspect: number): void {
    const bodies = [...this.bodies.values()]
    const moves = bodies.map(() => ({ x: 0, y: 0 }))
    const index = new Map(bodies.map((body, at) => [body, at]))
    for (let i = 0; i < bodies.length; i++) {
      for (let j = i + 1; j < bodies.length; j++) repel(bodies[i]!, bodies[j]!, moves[i]!, moves[j]!)
    }
    for (const [from, to] of this.#links) attract(from, to, moves[index.get(from)!]!, moves[index.get(to)!]!)
    const linked = new Set(this.#links.flat())
    for (const [at, body] of bodies.entries()) {
      const move = moves[at]!
      const pull = linked.has(body) ? 0.8 : 3
      move.x -= body.x * pull / aspect
      move.y -= body.y * pull * aspect
      if (body.isFixed) continue
      const length = Math.hypot(move.x, move.y)
      if (length === 0) continue
      const most = Math.min(length * 0.08, this.#heat)
      body.x += move.x / length * most
      body.y += move.y / length * most
    }
    this.#heat *= 0.985
  }

  /** Next to a node that it is linked with, or on a circle. */
  #place(id: string, links: ReadonlyArray<readonly [string, string]>): Body {
    const angle = chance(id) * 2 * Math.PI
    const other = links.find(([a, b]) => a === id ? this.bodies.has(b) : b === id && this.bodies.has(a))
    const near = other === undefined ? undefined : this.bodies.get(other[0] === id ? other[1] : other[0])
    const distance = near === undefined ? 2 : rest
    return {
      id,
      x: (near?.x ?? 0) + distance * Math.cos(angle),
      y: (near?.y ?? 0) + distance * Math.sin(angle),
      isFixed: false
    }
  }
}

const repel = (a: Body, b: Body, moveA: { x: number; y: number }, moveB: { x: number; y: number }): void => {
  let [dx, dy] = [a.x - b.x, a.y - b.y]
  if (dx === 0 && dy === 0) [dx, dy] = [chance(a.id) - 0.5, chance(b.id) - 0.5]
  const square = Math.max(0.01, dx * dx + dy * dy)
  const force = rest * rest / square
  moveA.x += dx * force
  moveA.y += dy * force
  moveB.x -= dx * force
  moveB.y -= dy * force
}

const attract = (a: Body, b: Body, moveA: { x: number; y: number }, moveB: { x: number; y: number }): void => {
  const [dx, dy] = [a.x - b.x, a.y - b.y]
  const force = 0.25 * Math.hypot(dx, dy) / rest
  moveA.x -= dx * force
  moveA.y -= dy * force
  moveB.x += dx * force
  moveB.y += dy * force
}

/** A number from 0 to 1 that depends on a text alone. */
const chance = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32
}
