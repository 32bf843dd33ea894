import { assert, describe, it } from "@effect/vitest"
import type { MeshFigures } from "../../../../src/Layers/Simulation/Mesh/MeshFigures.ts"
import { type MeshPictureData, render } from "../../../../src/Layers/Simulation/Picture/MeshPicture.ts"
import * as PictureLayout from "../../../../src/Layers/Simulation/Picture/PictureLayout.ts"
import { textWidth } from "../../../../src/Layers/Simulation/Picture/PictureMarkup.ts"

const figures: MeshFigures = {
  nodes: 0,
  seed: "a",
  virtualSeconds: 60,
  hash: "0123456789abcdef",
  broadcasts: 40,
  deliveredFraction: 1,
  doubled: 0,
  copiesPerDelivery: 7.08,
  latencyMillis: { p50: 162.998, p99: 291.416, max: 355.542 },
  hops: { p50: 4, p99: 7, max: 9 },
  messagesPerNodeSecond: 4.341,
  bytesPerNodeSecond: 1097.221,
  healMillis: null,
  faults: 0
}

/** A mesh whose node 0 is the author; the last `dead` nodes crashed. */
const mesh = (count: number, linksPerNode: number, dead = 0): MeshPictureData => {
  const alive = count - dead
  const links = Array.from({ length: alive }, (_, node) => node).slice(1).flatMap((node) =>
    Array.from(
      { length: linksPerNode },
      (_, link) => [node, (Math.imul(node * 64 + link, 0x9e3779b1) >>> 4) % node] as const
    )
  )
  const hops: Array<number | undefined> = Array.from({ length: count })
  hops[0] = 0
  // Links lead to nodes before, so those that are nearer are known.
  for (const [from, to] of links) hops[from] = Math.min(hops[from] ?? Infinity, hops[to]! + 1)
  return {
    figures: { ...figures, nodes: count, healMillis: dead === 0 ? null : 850 },
    nodes: hops.map((hops, node) => ({
      name: `${node}`,
      isAlive: node < alive,
      hops: count > 0 && node < alive ? hops : undefined
    })).slice(0, count),
    links,
    spread: [0, 100, 200, 300].map((millis) => ({ millis, p10: millis / 400, p50: millis / 350, p90: millis / 300 })),
    healing: dead === 0 ? undefined : [{ millis: 0, linkFraction: 0.7 }, { millis: 850, linkFraction: 1 }]
  }
}

const empty: MeshPictureData = {
  figures: { ...figures, broadcasts: 0 },
  nodes: [],
  links: [],
  spread: [],
  healing: undefined
}

const hostile = "</text><script>alert('&')</script> \"\0\ud800 \ufffe 漢字漢字漢字漢字漢字漢字漢字漢字"

const large: MeshFigures = {
  nodes: 123_456,
  seed: hostile,
  virtualSeconds: 86_400,
  hash: "W".repeat(80),
  broadcasts: 1_234_567,
  deliveredFraction: 0.999_999,
  doubled: 123_456,
  copiesPerDelivery: 123.456,
  latencyMillis: { p50: 1_234_567, p99: 12_345_678, max: 99_999_999 },
  hops: { p50: 100, p99: 1000, max: 10_000 },
  messagesPerNodeSecond: 12_345_678.9,
  bytesPerNodeSecond: 98_765_432_123.4,
  healMillis: 12_345_678,
  faults: 12_345
}

const samples: ReadonlyArray<readonly [name: string, data: MeshPictureData]> = [
  ["no node", empty],
  ["one node", mesh(1, 3)],
  ["two nodes", mesh(2, 1)],
  ["20 nodes", mesh(20, 3)],
  ["100 nodes, 30 of them dead", mesh(100, 4, 30)],
  ["no broadcast", { ...mesh(50, 3), nodes: mesh(50, 3).nodes.map((node) => ({ ...node, hops: undefined })) }],
  ["a chain", mesh(300, 1)],
  ["a partition", {
    ...mesh(60, 3),
    nodes: mesh(60, 3).nodes.map((node, index) => index % 3 === 1 ? { ...node, hops: undefined } : node)
  }],
  ["all dead", { ...mesh(5, 0, 5), links: [[0, 1]] }],
  ["what is far too long", {
    ...mesh(200, 3, 40),
    figures: large,
    nodes: mesh(200, 3, 40).nodes.map((node) => ({ ...node, name: `${hostile} ${node.name}` }))
  }]
]

/** The names of the elements, in order; fails unless they are closed as they were opened, and attributes quoted. */
const elementsOf = (svg: string): ReadonlyArray<string> => {
  const open: Array<string> = []
  const names: Array<string> = []
  const rest = svg.replace(
    /<(\/?)([a-zA-Z]+)((?: [a-zA-Z:-]+="[^"<>]*")*)(\/?)>/g,
    (_, end, name, _attributes, empty) => {
      if (end === "/") assert.strictEqual(open.pop(), name)
      else names.push(name)
      if (end === "" && empty === "") open.push(name)
      return ""
    }
  )
  assert.deepStrictEqual(open, [])
  assert.notMatch(rest, /[<>]|&(?!(?:lt|gt|amp|quot|#39);)/)
  // oxlint-disable-next-line no-control-regex
  assert.notMatch(svg, /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/)
  assert.isTrue(svg.isWellFormed())
  return names
}

/** The part of the picture that shows the mesh, without its legend. */
const drawingOf = (svg: string): string => {
  const start = svg.indexOf(`<g class="links"`)
  return svg.slice(start, svg.indexOf("<g transform", start))
}

const countOf = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

interface Box {
  readonly content: string
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Where the texts are, no narrower than they are in common fonts. */
const textBoxesOf = (svg: string): ReadonlyArray<Box> => {
  const origins: Array<readonly [x: number, y: number]> = [[0, 0]]
  const boxes: Array<Box> = []
  const tags = svg.matchAll(/<g(?=[ >])([^>]*)>|<\/g>|<text x="([^"]*)" y="([^"]*)"([^>]*)>([^<]*)<\/text>/g)
  for (const [tag, group = "", atX = "", atY = "", attributes = "", escaped = ""] of tags) {
    const [originX, originY] = origins.at(-1)!
    if (tag === "</g>") origins.pop()
    else if (tag.startsWith("<g")) {
      const [, moveX = "0", moveY = "0"] = /translate\((\S+) (\S+)\)/.exec(group) ?? []
      origins.push([originX + Number(moveX), originY + Number(moveY)])
    } else {
      const content = escaped.replace(/&[^;]+;/g, "&")
      const fontSize = Number(/font-size="([^"]+)"/.exec(attributes)?.[1] ?? 16)
      const width = textWidth(content, fontSize)
      const anchor = /text-anchor="(\w+)"/.exec(attributes)?.[1]
      const left = originX + Number(atX) - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0)
      const base = originY + Number(atY)
      boxes.push({ content, left, right: left + width, top: base - 0.75 * fontSize, bottom: base + 0.2 * fontSize })
    }
  }
  return boxes
}

describe("MeshPicture", () => {
  it.each(samples)("is well-formed and draws every node and every link: %s", (_, data) => {
    const svg = render(data)

    const names = elementsOf(svg)
    const drawing = drawingOf(svg)
    assert.strictEqual(names[0], "svg")
    assert.strictEqual(countOf(drawing, /<title>/g), data.nodes.length)
    assert.strictEqual(countOf(drawing, /<(?:circle|rect|polygon) /g), data.nodes.length)
    assert.strictEqual(countOf(drawing, /M[-.\d]+ [-.\d]+L[-.\d]+ [-.\d]+/g), data.links.length)
    assert.notMatch(svg, /NaN|Infinity|undefined/)
  })

  it.each(samples)("lets no text overlap another or leave the picture: %s", (_, data) => {
    const boxes = textBoxesOf(render(data))

    assert.isAbove(boxes.length, 4)
    boxes.forEach((box, index) => {
      assert.isTrue(
        box.left >= 0 && box.right <= 1200 && box.top >= 0 && box.bottom <= 920,
        `${box.content} is outside`
      )
      const other = boxes.slice(index + 1).find((other) =>
        box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom
      )
      assert.isUndefined(other, `"${box.content}" and "${other?.content}"`)
    })
  })

  it("is the same for the same data", () => {
    assert.strictEqual(render(mesh(200, 4, 20)), render(mesh(200, 4, 20)))
  })

  it("escapes what it is given", () => {
    const svg = render({ ...mesh(3, 1), figures: { ...figures, seed: "<b>&\"'" } })

    assert.include(svg, "seed &lt;b&gt;&amp;&quot;&#39;")
    assert.notInclude(svg, "<b>")
  })

  it("depends on nothing outside of the file, and is light and dark", () => {
    const svg = render(mesh(100, 4, 30))

    assert.notMatch(svg, /<script|href|url\(|@import|@font-face|<image|<foreignObject/)
    assert.deepStrictEqual([...svg.matchAll(/https?:[^"]*/g)].map(([address]) => address), [
      "http://www.w3.org/2000/svg"
    ])
    assert.include(svg, "@media (prefers-color-scheme:dark)")
  })

  it("says in words what it shows", () => {
    const svg = render(mesh(100, 4, 30))

    assert.include(svg, `role="img" aria-labelledby="mesh-title mesh-description"`)
    assert.include(svg, `<title id="mesh-title">A simulated mesh of 100 nodes</title>`)
    assert.match(svg, /<desc id="mesh-description">70 nodes with 276 links at the end, 30 crashed\. 40 broadcasts/)
  })

  it("draws the author as a star, the dead hollow, and who was not reached as squares", () => {
    const { nodes, ...rest } = mesh(100, 4, 30)
    const drawing = drawingOf(render({
      ...rest,
      nodes: nodes.map((node) => node.name === "60" ? { ...node, hops: undefined } : node)
    }))

    const shapesOf = (kind: string) => {
      const group = new RegExp(`<g class="node ${kind}"[^>]*>(.*?)</g>`).exec(drawing)?.[1] ?? ""
      return [...group.matchAll(/<(circle|rect|polygon) /g)].map(([, shape]) => shape)
    }
    assert.deepStrictEqual(shapesOf("author"), ["polygon"])
    assert.deepStrictEqual(shapesOf("dead"), Array.from({ length: 30 }, () => "circle"))
    assert.deepStrictEqual(shapesOf("lost"), ["rect"])
  })

  it("never says that all was delivered when something was not", () => {
    const delivered = (deliveredFraction: number | null) =>
      /Delivered<\/text><text[^>]*>([^<]*)</.exec(render({
        ...mesh(10, 3),
        figures: { ...figures, deliveredFraction, doubled: 2 }
      }))?.[1]

    assert.strictEqual(delivered(1), "100 %, 2 twice")
    assert.strictEqual(delivered(0.999_999), "99.99 %, 2 twice")
    assert.strictEqual(delivered(0.57), "57 %, 2 twice")
    assert.strictEqual(delivered(null), "nothing to deliver, 2 twice")
  })

  it("draws healing only if nodes crashed", () => {
    assert.notInclude(render(mesh(20, 3)), "How links heal")
    assert.include(render(mesh(20, 3, 5)), "All of them are back after 850 ms.")
    assert.include(
      render({ ...mesh(20, 3, 5), figures, healing: [{ millis: 0, linkFraction: 0.5 }] }),
      "Not all came back in this run: 50 % at its end."
    )
  })

  it("draws an empty mesh and says so", () => {
    const svg = render(empty)

    assert.include(svg, "There was no node.")
    assert.include(svg, "Nothing was broadcast.")
  })

  it("draws a mesh of one node in the middle", () => {
    const { spacing, ...layout } = PictureLayout.make(mesh(1, 3), 288)

    assert.deepStrictEqual([[...layout.x], [...layout.y], layout.maxHops], [[0], [0], 0])
    assert.include(render(mesh(1, 3)), "<title>0, the author</title>")
    assert.isAbove(spacing, 0)
  })

  it("takes less than 2 MB for 1,000 nodes with 8,000 links", () => {
    assert.isBelow(render(mesh(1000, 8, 0)).length, 2_000_000)
  })

  it("leaves out links when they are too many, and says so", () => {
    const svg = render(mesh(4000, 20))

    assert.include(svg, "other links, one in 2")
    assert.isBelow(countOf(drawingOf(svg), /M/g), 60_000 + 4000)
    assert.strictEqual(countOf(drawingOf(svg), /<(?:circle|polygon) /g), 4000)
  })
})

describe("PictureLayout", () => {
  it.each([20, 100, 300, 1000])("puts each hop on a ring of its own, and no node upon another: %d nodes", (count) => {
    const data = mesh(count, 4, count / 5)
    const { levels, parents, spacing, x, y } = PictureLayout.make(data, 288)
    const distances = data.nodes.map((_, node) => Math.hypot(x[node]!, y[node]!))

    assert.isAtMost(Math.max(...distances), 288.001)
    let nearest = Infinity
    for (let node = 0; node < count; node++) {
      for (let other = 0; other < node; other++) {
        nearest = Math.min(nearest, Math.hypot(x[node]! - x[other]!, y[node]! - y[other]!))
      }
      if (data.nodes[node]!.isAlive && node > 0) assert.strictEqual(levels[parents[node]!], levels[node]! - 1)
    }
    // The diameter of a node is 0.68 times the spacing, and at most 30 pixels.
    assert.isAtLeast(nearest, Math.min(0.68 * spacing, 30))
    const rings = Array.from(
      { length: Math.max(...levels) + 1 },
      (_, level) => distances.filter((_, node) => levels[node] === level)
    ).filter((ring) => ring.length > 0)
    rings.slice(1).forEach((ring, index) => assert.isAbove(Math.min(...ring), Math.max(...rings[index]!) + nearest / 2))
  })

  it("puts children nearer to their parents than to other nodes of the parent's ring, as a rule", () => {
    const { levels, parents, x, y } = PictureLayout.make(mesh(300, 4), 288)
    const distance = (a: number, b: number) => Math.hypot(x[a]! - x[b]!, y[a]! - y[b]!)
    const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

    const nodes = [...levels.keys()].filter((node) => levels[node]! > 1)
    const toParents = mean(nodes.map((node) => distance(node, parents[node]!)))
    const toAll = mean(
      nodes.flatMap((node) =>
        [...levels.keys()].filter((other) => levels[other] === levels[node]! - 1).map((other) => distance(node, other))
      )
    )

    assert.isBelow(toParents, toAll / 2)
  })
})
