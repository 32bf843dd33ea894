/** The dashboard as people see it, in Chromium, and as programs try to misuse it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schedule, Scope } from "effect"
import { Chord, Mesh } from "effect-p2p"
import { NodeChord, NodeMesh } from "effect-p2p/node"
import { ChordScenario, ChordTrace, MeshScenario, MeshTrace } from "effect-p2p/simulation"
import { once } from "node:events"
import * as Http from "node:http"
import * as net from "node:net"
import { text } from "node:stream/consumers"
import { chromium as playwright, type Page } from "playwright"
import * as Dashboard from "../../src/Cli/Dashboard/Dashboard.ts"
import * as Trace from "../../src/Cli/Dashboard/page/Trace.ts"
import * as Words from "../../src/Cli/Dashboard/page/Words.ts"
import * as WebServer from "../../src/Cli/Dashboard/WebServer.ts"
import { fromEvent } from "../../src/Cli/MeshReport.ts"
import type { MeshEvent } from "../../src/Mesh/MeshEvent.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { chromium, chromiumFlags } from "../browser/chromium.ts"

const anywhere = new PeerAddress({ host: "127.0.0.1", port: 0 })

const startMesh = Effect.fnUntraced(function*(options: NodeMesh.NodeMeshOptions) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const mesh = Context.get(yield* Layer.buildWithScope(NodeMesh.layer(options), scope), Mesh)
  return { mesh, stop: Scope.close(scope, Exit.void) }
})

const startChord = Effect.fnUntraced(function*(bootstrap: ReadonlyArray<string>) {
  const node = NodeChord.layer({ bootstrap, stabilizeInterval: 100, fingerInterval: 100 })
  return Context.get(yield* Layer.build(node), Chord)
})

/** A page; what it complains of fails the test at its end. */
const open = Effect.fnUntraced(function*(browser: { readonly newPage: () => Promise<Page> }, url: string) {
  const page = yield* Effect.promise(() => browser.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  yield* Effect.promise(() => page.goto(url))
  yield* Effect.addFinalizer(() => Effect.sync(() => assert.deepStrictEqual(complaints, [])))
  return page
})

const shows = (page: Page, selector: string, text?: string) =>
  Effect.promise(() => page.locator(selector, text === undefined ? {} : { hasText: text }).first().waitFor())

const hasCount = Effect.fnUntraced(function*(page: Page, selector: string, count: number) {
  const found = page.locator(selector)
  if (count > 0) yield* Effect.promise(() => found.nth(count - 1).waitFor({ state: "attached" }))
  yield* Effect.promise(() => found.nth(count).waitFor({ state: "detached" }))
})

const request = (address: PeerAddress, options: Http.RequestOptions) =>
  Effect.promise(() =>
    new Promise<Http.IncomingMessage>((resolve, reject) => {
      Http.request({ host: address.hostname, port: address.port, ...options }, (response) => {
        response.resume()
        resolve(response)
      }).on("error", reject).end()
    })
  )

describe("the events of a dashboard", () => {
  it.each<readonly [MeshEvent, string]>([
    [
      { _tag: "PeerBanned", target: "203.0.113.7", why: "silent", isAutomatic: true, forMillis: 600_000 },
      "203.0.113.7 is banned for 10 min: silent"
    ],
    [
      { _tag: "PeerBanned", target: "6RoTYR1wabc", why: "spam", isAutomatic: false, forMillis: 45_000 },
      "6RoTYR is banned for 45 s: spam"
    ],
    [
      { _tag: "PeerBanned", target: "2001:db8::", why: "spam", isAutomatic: true, forMillis: 128 * 600_000 },
      "2001:db8:: is banned for 21 h: spam"
    ],
    [
      { _tag: "PeerBanned", target: "203.0.113.7", why: "spam", isAutomatic: false, forMillis: Infinity },
      "203.0.113.7 is banned until this node stops: spam"
    ],
    [{ _tag: "PeerUnbanned", target: "203.0.113.7" }, "203.0.113.7 is not banned any more"],
    [{ _tag: "PeerThrottled", id: "6RoTYR1wabc", what: "searches", count: 1 }, "6RoTYR sends too many searches"]
  ])("say who, and why: %j", (event, says) => {
    assert.strictEqual(Words.tell({ ...fromEvent(event), seq: 1, atMillis: 0 }).text, says)
  })
})

const record = (nodes: number, maxLines?: number) => {
  const trace = new MeshTrace(maxLines)
  const scenario = {
    nodes,
    seed: "7",
    durationSeconds: 10,
    broadcasts: 4,
    failFraction: 0.4,
    lossChance: 0,
    latencyMillis: 50
  }
  const exit = MeshScenario.run({ ...scenario, trace })
  assert.isTrue(Exit.isSuccess(exit))
  return { trace, text: trace.toText({ nodes, seed: "7" }), exit, scenario }
}

describe("the dashboard", () => {
  it.live("refuses other names, other methods and other sites, and lets nothing else into its page", () =>
    Effect.gen(function*() {
      const { mesh } = yield* startMesh({})
      const address = yield* Dashboard.serveMesh(mesh, anywhere)

      const status = (options: Http.RequestOptions) =>
        Effect.map(request(address, options), (response) => response.statusCode)
      const page = yield* request(address, {})

      assert.strictEqual(page.statusCode, 200)
      assert.match(String(page.headers["content-security-policy"]), /default-src 'none'; script-src 'self'/)
      assert.strictEqual(page.headers["x-content-type-options"], "nosniff")
      assert.strictEqual(yield* status({ path: "/state", headers: { host: `localhost:${address.port}` } }), 200)
      assert.strictEqual(yield* status({ path: "/state", headers: { host: "rebound.example" } }), 403)
      assert.strictEqual(yield* status({ path: "/state", headers: { host: "127.0.0.1.example:80" } }), 403)
      assert.strictEqual(yield* status({ path: "/state", headers: { "sec-fetch-site": "cross-site" } }), 403)
      assert.strictEqual(yield* status({ path: "/state", method: "POST" }), 405)
      assert.strictEqual(yield* status({ path: "/../package.json" }), 404)

      const error = yield* Effect.flip(Dashboard.serveMesh(mesh, address))
      assert.include(error.message, `${address}: another program uses that port; choose another`)
    }))

  it.live("answers one question of a connection, however many are asked at once", () =>
    Effect.gen(function*() {
      const { mesh } = yield* startMesh({})
      const address = yield* Dashboard.serveMesh(mesh, anywhere)

      const socket = net.connect(address.port, address.hostname)
      socket.write("GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20))
      const answers = yield* Effect.promise(() => text(socket))

      assert.lengthOf(answers.match(/HTTP\/1.1 200/g) ?? [], 1)
      assert.strictEqual((yield* request(address, { path: "/state" })).statusCode, 200)
    }))

  it.live("has whoever takes no answer make room for others", () =>
    Effect.gen(function*() {
      const page = (bytes: number) => ({ type: "text/plain", body: () => Effect.succeed(new Uint8Array(bytes)) })
      const pages = new Map([["/large", page(32 * 1024 * 1024)], ["/small", page(1)]])
      const address = yield* WebServer.serve(anywhere, pages, { idleMillis: 100, maxConnections: 1 })
      const stuck = yield* Effect.acquireRelease(
        Effect.sync(() => net.connect(address.port, address.hostname).pause()),
        (socket) => Effect.sync(() => socket.destroy())
      )
      stuck.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
      const small = Effect.tryPromise(() => fetch(`http://${address}/small`))
      yield* Effect.promise(() => once(stuck, "readable"))

      // Nobody is told to come again: they do.
      const response = yield* Effect.retry(small, { schedule: Schedule.spaced("20 millis") })

      assert.strictEqual(response.status, 200)
    }).pipe(Effect.timeout("20 seconds")))

  it.live.skipIf(chromium === undefined)(
    "shows a mesh and a ring as they live, and plays a trace",
    () =>
      Effect.gen(function*() {
        const browser = yield* Effect.acquireRelease(
          Effect.promise(() => playwright.launch({ executablePath: chromium ?? "", args: chromiumFlags })),
          (opened) => Effect.promise(() => opened.close())
        )
        const watched = yield* startMesh({ maxOutboundLinks: 0 })
        const bootstrap = [String(watched.mesh.address)]
        const near = yield* startMesh({ bootstrap, maxOutboundLinks: 0 })
        const far = yield* startMesh({ bootstrap: [String(near.mesh.address)], maxOutboundLinks: 0 })
        const page = yield* open(browser, `http://${yield* Dashboard.serveMesh(watched.mesh, anywhere)}/`)

        // This node, its peer, and the peer of that.
        yield* shows(page, "#status[data-state=live]")
        yield* hasCount(page, "#stage .node.self", 1)
        yield* hasCount(page, "#stage .node.peer", 1)
        yield* hasCount(page, "#stage .node.far", 1)
        yield* far.mesh.broadcast("<img src=x onerror=alert(1)>")
        yield* shows(page, "#events li", "<img src=x onerror=alert(1)>")
        yield* hasCount(page, "#events img", 0)
        const stranger = yield* startMesh({ subnet: "elsewhere" })
        yield* Effect.flip(stranger.mesh.connect(bootstrap[0]!))
        yield* shows(page, "#events .c-bad", "no link with")
        yield* near.stop
        yield* shows(page, "#events .c-bad", `${near.mesh.id.slice(0, 6)} left`)
        yield* hasCount(page, "#stage .node.gone", 1)

        const first = yield* startChord([])
        const second = yield* startChord([String(first.address)])
        const ring = yield* open(browser, `http://${yield* Dashboard.serveChord(first, anywhere)}/`)
        yield* second.set("color", "blue")
        yield* shows(ring, "#list td", "color")
        yield* hasCount(ring, "#stage .node.peer", 1)
        // However small its part of the ring is, some key lies there.
        for (let key = 0; (yield* first.lookup(`key ${key}`)).owner.nodeId !== second.id;) key++
        yield* shows(ring, "#events li", `is with ${second.id.slice(0, 6)}`)

        const { text } = record(5)
        const replay = yield* open(browser, `http://${yield* Dashboard.serveTrace(text, anywhere)}/`)
        yield* shows(replay, "#status[data-state=trace]")
        yield* Effect.promise(() => replay.fill("#time", "26000"))
        yield* hasCount(replay, "#stage .node.gone", 2)
        yield* shows(replay, "#events .c-bad", "is down")
        yield* Effect.promise(() => replay.fill("#time", "0"))
        yield* hasCount(replay, "#stage .node.gone", 0)
      }).pipe(Effect.scoped)
  )
})

describe("a trace", () => {
  it("of a ring holds places, neighbors and lookups, changes nothing, and is read back", () => {
    const scenario = {
      nodes: 6,
      seed: "7",
      durationSeconds: 5,
      lookups: 10,
      keys: 5,
      failFraction: 0.34,
      lossChance: 0,
      latencyMillis: 50
    }
    const recorded = new ChordTrace()
    const exit = ChordScenario.run({ ...scenario, trace: recorded })
    assert.deepStrictEqual(ChordScenario.run(scenario), exit)

    const trace = Trace.parse(recorded.toText({ nodes: 6, seed: "7", bits: 160 }))
    if (typeof trace === "string") return assert.fail(trace)
    const { moment } = new Trace.Playback(trace).goTo(trace.endMillis)
    const alive = [...moment.nodes].filter(([, isRunning]) => isRunning).map(([node]) => node)
    const around = alive.toSorted((a, b) => moment.places.get(a)! - moment.places.get(b)!)
    const sides = around.flatMap((node, index) => {
      const next = around[(index + 1) % around.length]!
      return [`${node} ${next}`, `${next} ${node}`]
    })

    assert.strictEqual(alive.length, 4)
    assert.deepStrictEqual([...moment.links].sort(), sides.sort())
    assert.isAtLeast(moment.broadcast, 14)
    assert.isTrue(trace.events.some(({ event, path }) => event === "lookup" && path.length > 0))
  })

  it("holds what happened, changes nothing of it, and is read back", () => {
    const { exit, scenario, text } = record(6)
    const without = MeshScenario.run(scenario)
    const hashOf = (run: typeof exit) => Exit.isSuccess(run) ? run.value.figures.hash : ""
    const trace = Trace.parse(text)
    if (typeof trace === "string") return assert.fail(trace)
    const playback = new Trace.Playback(trace)
    const running = (millis: number) =>
      [...playback.goTo(millis).moment.nodes].filter(([, isRunning]) => isRunning).length

    assert.strictEqual(hashOf(exit), hashOf(without))
    assert.deepStrictEqual([running(19_000), running(trace.endMillis), running(0)], [6, 4, 1])
    assert.strictEqual(playback.goTo(trace.endMillis).moment.reached.size, 4)
    assert.isTrue(trace.events.some(({ event, text }) => event === "unlink" && text !== ""))
  })

  it("takes no more memory than it has lines, however many links it names, and is the same to and fro", () => {
    const recorded = new MeshTrace()
    recorded.record(0, { event: "start", node: "0" })
    for (let at = 1; at < 30_000; at++) recorded.record(at, { event: "link", node: "0", peer: `${at}` })
    const trace = Trace.parse(recorded.toText({ nodes: 1, seed: "7" }))
    if (typeof trace === "string") return assert.fail(trace)
    const playback = new Trace.Playback(trace)
    const links = (millis: number) => playback.goTo(millis).moment.links.size

    assert.isAtMost(playback.keptSize, trace.events.length)
    assert.deepStrictEqual([29_000, 3, 9000, 9001, 25_000, 8999].map(links), [29_000, 3, 9000, 9001, 25_000, 8999])
  })

  it("ends at its bound, and says how much is missing", () => {
    const { text, trace } = record(6, 20)
    const read = Trace.parse(text)

    assert.isAbove(trace.droppedCount, 0)
    assert.strictEqual(text.split("\n").length, 23)
    assert.strictEqual(typeof read === "string" ? read : read.droppedCount, trace.droppedCount)
  })

  it("ends at the time of its last line, as rounded there", () => {
    const recorded = new MeshTrace()
    for (const atMillis of [1.0007, 2.0007]) recorded.record(atMillis, { event: "start", node: "0" })
    const trace = Trace.parse(recorded.toText({ nodes: 1, seed: "7" }))

    assert.strictEqual(typeof trace === "string" ? trace : trace.endMillis, 2.001)
  })

  it("is recorded with two thousand nodes, whatever faults hit, and no more, and read with no more", () => {
    const recorded = new MeshTrace()
    const start = (index: number) => recorded.record(index, { event: "start", node: `${index}` })
    const parsed = () => Trace.parse(recorded.toText({ nodes: 2000, seed: "7" }))
    for (let index = 0; index < 2000; index++) start(index)
    recorded.record(2000, { event: "fault", kind: "conditions", node: "lossChance=0", peer: "" })

    assert.isObject(parsed())
    start(2000)
    recorded.record(2001, { event: "stop", node: "3" })
    assert.deepInclude(parsed(), { droppedCount: 2 })
    const lines = Array.from({ length: 2001 }, (_, at) => JSON.stringify({ at, event: "start", node: `${at}` }))
    const first = "{\"trace\":\"effect-p2p/mesh\",\"version\":1}"
    assert.strictEqual(Trace.parse([first, ...lines].join("\n")), "this trace has more than 2000 nodes")
  })

  it("that is none, is damaged, or of another version is refused with a reason", () => {
    const first = "{\"trace\":\"effect-p2p/mesh\",\"version\":1}"
    const reasons = [
      "hello",
      "",
      "{\"trace\":\"effect-p2p/mesh\",\"version\":9}",
      "{\"trace\":\"effect-p2p/mesh\",\"version\":{\"toString\":1}}",
      `${first}\n{"at":1,"event":`,
      `${first}\n{"at":2,"event":"start","node":"1"}\n{"at":1,"event":"stop","node":"1"}`,
      `${first}\n{"event":"start"}`
    ].map(Trace.parse)

    assert.deepStrictEqual(reasons, [
      "this is no trace of a mesh or a ring: p2p simulate mesh --trace FILE records one",
      "this is no trace of a mesh or a ring: p2p simulate mesh --trace FILE records one",
      "this page reads version 1 of traces, not 9",
      "this page reads version 1 of traces, not {\"toString\":1}",
      "line 2 of this trace cannot be read",
      "line 3 of this trace cannot be read",
      "line 2 of this trace cannot be read"
    ])
  })
})
