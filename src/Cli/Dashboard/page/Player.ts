/** Plays a trace: the network, a line of time, what happens. */
import { byId, elementOf, fit, html, set, showLegend, svg } from "./Dom.ts"
import { status } from "./Live.ts"
import { type NetworkLink, type NetworkNode, NetworkView, pulseMillis } from "./NetworkView.ts"
import { addLines, clearLines, showTable, showTiles } from "./Panels.ts"
import { type Moment, Playback, type Trace, type TraceEvent } from "./Trace.ts"
import { count, type Line, seconds } from "./Words.ts"

/** Played faster than so many times as fast as it was, messages on their way are not drawn. */
const maxPulseSpeed = 4

export class Player {
  readonly #network: NetworkView
  readonly #timeline = elementOf("timeline", SVGSVGElement)
  readonly #slider = elementOf("time", HTMLInputElement)
  readonly #play = elementOf("play", HTMLButtonElement)
  readonly #speed = elementOf("speed", HTMLSelectElement)
  #playback: Playback | undefined
  #millis = 0
  #isPlaying = false
  #lastFrame = 0
  #history: ReadonlyArray<readonly [atMillis: number, links: number]> = []

  constructor(stage: SVGSVGElement) {
    this.#network = new NetworkView(stage)
    fit(this.#timeline, () => this.#drawTimeline())
    this.#slider.addEventListener("input", () => {
      this.#pause()
      this.#goTo(Number(this.#slider.value), true)
    })
    this.#play.addEventListener("click", () => this.#isPlaying ? this.#pause() : this.#start())
    this.#timeline.addEventListener("pointerdown", (event) => {
      const { left, width } = this.#timeline.getBoundingClientRect()
      this.#goTo((event.clientX - left) / width * (this.#playback?.trace.endMillis ?? 0), true)
    })
    document.addEventListener("keydown", (event) => {
      if (event.key !== " " || this.#playback === undefined || event.target instanceof HTMLButtonElement) return
      event.preventDefault()
      this.#play.click()
    })
  }

  open(name: string, trace: Trace): void {
    this.#playback = new Playback(trace)
    this.#history = historyOf(trace)
    byId("player").hidden = false
    byId("traffic-card").hidden = true
    byId("main").className = "trace"
    byId("title").textContent = name
    const words = wordsOf(trace.kind)
    byId("subtitle").textContent = `A simulated ${words.network} of ${trace.nodes} nodes, seed ${trace.seed}` +
      (trace.droppedCount === 0 ? "" : `; ${count(trace.droppedCount)} later events were not recorded`)
    byId("stage-title").textContent = words.stage
    document.title = `${name} · p2p`
    status("trace", "trace")
    showLegend(byId("legend"), [
      { text: "runs", color: "peer" },
      { text: words.reached, color: "warn" },
      { text: "down", color: "bad" },
      { text: words.half, color: "bad", form: "dash" }
    ])
    this.#slider.max = String(Math.ceil(trace.endMillis))
    this.#network.isOn = true
    this.#goTo(0, true)
    this.#drawTimeline()
    this.#start()
  }

  close(): void {
    this.#pause()
    this.#playback = undefined
    this.#network.isOn = false
    byId("player").hidden = true
    byId("traffic-card").hidden = false
    byId("main").className = ""
  }

  #start(): void {
    if (this.#playback === undefined) return
    if (this.#millis >= this.#playback.trace.endMillis) this.#goTo(0, true)
    this.#isPlaying = true
    this.#play.textContent = "Pause"
    set(this.#play, { "aria-pressed": "true" })
    this.#lastFrame = performance.now()
    requestAnimationFrame((now) => this.#frame(now))
  }

  #pause(): void {
    this.#isPlaying = false
    this.#play.textContent = "Play"
    set(this.#play, { "aria-pressed": "false" })
  }

  #frame(now: number): void {
    if (!this.#isPlaying || this.#playback === undefined) return
    const { endMillis } = this.#playback.trace
    this.#goTo(Math.min(endMillis, this.#millis + (now - this.#lastFrame) * Number(this.#speed.value)), false)
    this.#lastFrame = now
    if (this.#millis >= endMillis) this.#pause()
    else requestAnimationFrame((next) => this.#frame(next))
  }

  #goTo(millis: number, isJump: boolean): void {
    const playback = this.#playback
    if (playback === undefined) return
    this.#millis = Math.max(0, Math.min(playback.trace.endMillis, millis))
    const { moment, passed } = playback.goTo(this.#millis)
    this.#slider.value = String(this.#millis)
    byId("clock").textContent = seconds(this.#millis)
    this.#show(moment)
    this.#drawNow()
    if (isJump) {
      clearLines()
      addLines(playback.before(this.#millis, 60).map(toLine))
      return
    }
    addLines(passed.filter(({ event }) => event !== "delivery" && event !== "end").map(toLine))
    if (Number(this.#speed.value) > maxPulseSpeed) return
    for (const { event, node, path, peer } of passed) {
      if (event === "delivery") this.#network.pulse(peer, node)
      if (event !== "lookup") continue
      const stops = [node, ...path, peer]
      for (let hop = 1; hop < stops.length; hop++) {
        this.#network.pulse(stops[hop - 1]!, stops[hop]!, (hop - 1) * pulseMillis)
      }
    }
  }

  #show({ broadcast, links, nodes, places, reached }: Moment): void {
    const running = [...nodes].filter(([, isRunning]) => isRunning)
    const drawn = new Map<string, NetworkLink>()
    for (const link of links) {
      const [node = "", peer = ""] = link.split(" ")
      const key = node < peer ? `${node} ${peer}` : `${peer} ${node}`
      drawn.set(key, { a: node, b: peer, role: drawn.has(key) ? "own" : "half" })
    }
    const both = [...drawn.values()].filter(({ role }) => role === "own").length
    const linksOf = new Map<string, number>()
    for (const { a, b, role } of drawn.values()) {
      if (role !== "own") continue
      for (const end of [a, b]) linksOf.set(end, (linksOf.get(end) ?? 0) + 1)
    }
    this.#network.show(
      [...nodes].map(([id, isRunning]): NetworkNode => ({
        id,
        label: id,
        title: `node ${id}`,
        role: isRunning ? "peer" : "gone",
        isReached: reached.has(id),
        place: places.get(id)
      })),
      [...drawn.values()].filter(({ a, b }) => nodes.has(a) && nodes.has(b))
    )
    const got = running.filter(([id]) => reached.has(id)).length
    const words = wordsOf(this.#playback?.trace.kind ?? "mesh")
    showTiles([
      { name: "running", value: String(running.length) },
      { name: "down", value: String(nodes.size - running.length), isAlarm: running.length < nodes.size },
      { name: words.links, value: String(both) },
      { name: "half lost", value: String(drawn.size - both), isAlarm: drawn.size > both },
      { name: words.said, value: broadcast < 0 ? "–" : `#${broadcast}` },
      { name: words.got, value: broadcast < 0 ? "–" : `${got} / ${running.length}` }
    ])
    showTable(
      "Nodes",
      [{ name: "node", kind: "wide" }, { name: "state" }, { name: words.links, kind: "number" }],
      [...nodes].slice(0, 200).map(([id, isRunning]) => [
        id,
        isRunning ? { text: "runs", color: "good" } : { text: "down", color: "bad" },
        String(linksOf.get(id) ?? 0)
      ]),
      "No node has started yet."
    )
  }

  /** How many links there were over time, when nodes ended, and when something was said. */
  #drawTimeline(): void {
    const trace = this.#playback?.trace
    const { height, width } = this.#timeline.getBoundingClientRect()
    if (trace === undefined || width === 0) return
    const x = (millis: number) => (millis / Math.max(1, trace.endMillis) * width).toFixed(1)
    const top = Math.max(1, ...this.#history.map(([, links]) => links))
    const y = (links: number) => (height - 2 - links / top * (height - 8)).toFixed(1)
    const points = this.#history.flatMap(([millis, links], index) => [
      ...(index === 0 ? [] : [`${x(millis)},${y(this.#history[index - 1]![1])}`]),
      `${x(millis)},${y(links)}`
    ])
    const marks = trace.events.filter(({ event }) => event === "stop" || event === "broadcast" || event === "lookup")
      .slice(0, 1500)
    this.#timeline.replaceChildren(
      svg("polygon", { class: "area c-peer", points: `0,${height} ${points.join(" ")} ${width},${height}` }),
      svg("polyline", { class: "curve c-peer", points: points.join(" ") }),
      ...marks.map(({ at, event }) =>
        svg("line", {
          class: event === "stop" ? "crash" : "say",
          x1: x(at),
          x2: x(at),
          y1: event === "stop" ? 0 : height - 6,
          y2: height
        })
      ),
      svg("line", { class: "now", y1: 0, y2: height })
    )
    this.#drawNow()
  }

  #drawNow(): void {
    const line = this.#timeline.querySelector(".now")
    const x = this.#millis / Math.max(1, this.#playback?.trace.endMillis ?? 1) * this.#timeline.clientWidth
    if (line !== null) set(line, { x1: x, x2: x })
  }
}

/** How many ends of links there were, at each time when that changed. */
const historyOf = (trace: Trace): ReadonlyArray<readonly [number, number]> => {
  const playback = new Playback(trace)
  const steps = 300
  return Array.from({ length: steps + 1 }, (_, index) => {
    const millis = trace.endMillis * index / steps
    return [millis, playback.goTo(millis).moment.links.size] as const
  })
}

const toLine = (event: TraceEvent): Line & { readonly when: string } => ({
  ...sentence(event),
  when: seconds(event.at)
})

/** What is shown is called otherwise in a ring. */
const wordsOf = (kind: Trace["kind"]) =>
  kind === "mesh"
    ? {
      network: "mesh",
      stage: "Network",
      links: "links",
      reached: "has the last broadcast",
      half: "link that one end has lost",
      said: "broadcast",
      got: "have it"
    }
    : {
      network: "ring",
      stage: "Ring",
      links: "neighbors",
      reached: "on the way of the last lookup",
      half: "neighbor of one end alone",
      said: "lookup",
      got: "on its way"
    }

const sentence = ({ event, node, number, path, peer, place, text }: TraceEvent): Line => {
  switch (event) {
    case "start":
      return { icon: "+", color: "good", text: `node ${node} starts` }
    case "stop":
      return { icon: "✕", color: "bad", text: `node ${node} is down` }
    case "link":
      return { icon: "+", color: "peer", text: `node ${node} is linked with ${peer}` }
    case "unlink":
      return { icon: "−", color: "bad", text: `node ${node} gave up its link with ${peer}: ${text}` }
    case "broadcast":
      return { icon: "»", color: "warn", text: `node ${node} says #${number}` }
    case "join":
      return {
        icon: "+",
        color: "good",
        text: `node ${node} takes its place at ${(100 * place).toFixed(1)} % of the ring`
      }
    case "lookup":
      return { icon: "»", color: "warn", text: `node ${node} looks up #${number}: ${[...path, peer].join(", ")}` }
    case "fault":
      return { icon: "!", color: "warn", text: `${text}: ${node}${peer === "" ? "" : ` and ${peer}`}` }
    default:
      return { icon: "·", color: "far", text: event }
  }
}

/** Tells in the page why a file cannot be played. */
export const refuse = (reason: string): void => {
  status("lost", "not a trace")
  byId("events").prepend(html("li", { class: "c-bad" }, html("time"), html("span", { class: "icon" }, "!"), reason))
}
