import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { KnownIds } from "../../src/Cli/KnownIds.ts"
import { MeshConsole } from "../../src/Cli/MeshConsole.ts"
import { MeshDisplay } from "../../src/Cli/MeshDisplay.ts"
import { fromEvent, type MeshReport } from "../../src/Cli/MeshReport.ts"
import * as Style from "../../src/Cli/Style.ts"
import { MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import { startNode, whileTimePasses } from "../utils/MeshNetwork.ts"

/** What a user types at, with all that it tells. */
const consoleOf = (node: Effect.Success<ReturnType<typeof startNode>>, reports: Array<MeshReport>) =>
  new MeshConsole(
    node.mesh,
    new KnownIds(),
    () => Effect.void,
    (report) => Effect.sync(() => void reports.push(report)),
    Effect.succeed("")
  )

it.effect("/ban, /bans and /unban take hosts, addresses, shortened ids and times, and say what is wrong", () =>
  Effect.gen(function*() {
    const node = yield* startNode(1, { maxOutboundLinks: 0 })
    const peer = yield* startNode(2, { maxOutboundLinks: 0 })
    yield* whileTimePasses(peer.mesh.connect(node.address))
    const reports: Array<MeshReport> = []
    const console = consoleOf(node, reports)
    const type = Effect.fnUntraced(function*(line: string) {
      reports.length = 0
      yield* Effect.scoped(console.run(line))
      return reports[0]
    })

    yield* type(`/ban ${peer.mesh.id.slice(0, 8)} 2h too loud`)
    yield* type("/ban 10.0.9.9:4444 forever")
    yield* type("/ban 2001:db8::1")
    yield* TestClock.adjust("1 second")
    const listed = yield* type("/bans")

    assert.deepStrictEqual(listed, {
      event: "bans",
      bans: [
        { target: peer.mesh.id, why: "too loud", automatic: false, seconds: 7199 },
        { target: "10.0.9.9", why: "by hand", automatic: false, seconds: null },
        { target: "2001:db8:0:0::/64", why: "by hand", automatic: false, seconds: 599 }
      ],
      waiting: []
    })
    assert.deepStrictEqual(yield* node.mesh.peers, [])
    yield* type(`/unban ${peer.mesh.id.slice(0, 8)}`)
    yield* type("/unban 10.0.9.9")
    yield* type("/unban 2001:db8::")
    assert.deepStrictEqual(yield* type("/bans"), { event: "bans", bans: [], waiting: [] })
    const wrong = [yield* type("/unban 10.0.9.9"), yield* type("/ban ..:/"), yield* type("/ban")]
    assert.deepStrictEqual(wrong.map((report) => report?.event === "error" ? report.message.slice(0, 24) : report), [
      "10.0.9.9 is not banned; ",
      "\"..:/\" is no host: write",
      "write /ban HOST|ID [TIME"
    ])
    for (const time of ["-5m", "0s", "1.5h", "500ms", "30min", "2w", "30"]) {
      const refused = yield* type(`/ban 10.0.9.9 ${time} too loud`)
      const says = `no ban lasts ${time}: write a time such as 30m, 12h, 7d, or forever`
      assert.strictEqual(refused?.event === "error" ? refused.message : refused, says)
    }
    assert.deepStrictEqual(yield* node.mesh.bans, [])
    const display = new MeshDisplay(Style.make(false), () => "")
    const told = node.events.flatMap((event) => event._tag === "PeerBanned" ? display.toLines(fromEvent(event)) : [])
    assert.include(told[1] ?? "", "10.0.9.9 is banned until this node stops: by hand")
  }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("console")))

it.effect("/unban takes the letters of one banned id, and of no host", () =>
  Effect.gen(function*() {
    const node = yield* startNode(1, { maxOutboundLinks: 0 })
    const reports: Array<MeshReport> = []
    const console = consoleOf(node, reports)
    const [one, two] = ["1".padEnd(65, "a"), "1".padEnd(65, "b")]
    yield* node.mesh.ban({ host: "10.0.0.1" })
    yield* node.mesh.ban({ id: one })
    yield* node.mesh.ban({ id: two })

    for (const line of ["/unban 1", "/unban 2", "/unban 1a", "/unban 1"]) yield* Effect.scoped(console.run(line))

    assert.deepStrictEqual(reports.map((report) => report.event === "error" ? report.message.slice(0, 30) : report), [
      "several ids begin with \"1\": 1a",
      "2 is not banned; /bans lists t"
    ])
    assert.deepStrictEqual((yield* node.mesh.bans).map(({ target }) => target), [{
      _tag: "Source",
      source: "10.0.0.1"
    }])
  }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("unban")))

it.effect("/bans shows which addresses failed, and when they are dialed again", () =>
  Effect.gen(function*() {
    const node = yield* startNode(1, { bootstrap: ["10.0.0.9:4444"], reconnectBase: "20 seconds" })
    const reports: Array<MeshReport> = []
    const console = consoleOf(node, reports)
    yield* TestClock.adjust("1 second")

    yield* Effect.scoped(console.run("/bans"))

    const [report] = reports
    const [waiting] = report?.event === "bans" ? report.waiting : []
    assert.deepInclude(waiting, { address: "10.0.0.9:4444", failures: 1 })
    assert.isTrue(waiting !== undefined && waiting.seconds >= 15 && waiting.seconds <= 24)
    const lines = reports.flatMap(new MeshDisplay(Style.make(false), () => "").toLines)
    assert.deepStrictEqual(lines, [
      "  nobody is banned",
      `  10.0.0.9:4444 is dialed again in ${waiting?.seconds}s: it failed once`
    ])
    // Nothing is waited for where there is a link.
    yield* startNode(9, { host: "10.0.0.9", maxOutboundLinks: 0 })
    yield* TestClock.adjust("30 seconds")
    assert.deepStrictEqual(yield* node.mesh.waiting, [])
  }).pipe(Effect.provide(MemoryNetwork.layer()), Random.withSeed("waiting")))
