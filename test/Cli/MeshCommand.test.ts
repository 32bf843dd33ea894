/** `p2p mesh` as other programs drive it: real processes on loopback TCP, lines in, JSON out. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { whileTaken } from "../utils/ports.ts"
import { type Event, type Fields, run, start } from "./CommandLine.ts"

/** A node, and what it said of itself. */
const node = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const program = yield* start("mesh", "--json", ...args)
  const { address, id } = yield* program.take("listening")
  return Object.assign(program, { id: String(id), address: String(address) })
})

/** A node that is linked to another; both have told so. */
const linked = Effect.fnUntraced(function*(
  to: { readonly address: string; readonly take: (event: string, fields: Fields) => Effect.Effect<Event, Error> },
  ...args: ReadonlyArray<string>
) {
  const program = yield* node("--connect", to.address, ...args)
  yield* program.take("peer-joined")
  yield* to.take("peer-joined", { id: program.id })
  return program
})

/** Nobody listens on the lowest ports: nodes that announce them are never dialed, and stay in a line. */
const undialable = (port: number) => ["--announce", `127.0.0.1:${port}`]

/** As the address of a service in a cluster: it leads to one node or another. Who comes before that is said waits. */
const balance = Effect.acquireRelease(
  Effect.callback<
    { readonly address: string; readonly leadTo: (address: string) => void; readonly server: Net.Server }
  >(
    (resume) => {
      let lead: (port: number) => void
      let port = new Promise<number>((settle) => lead = settle)
      const server = Net.createServer(async (from) => {
        const to = Net.createConnection(await port, "127.0.0.1").on("error", () => from.destroy())
        from.on("error", () => to.destroy()).pipe(to).pipe(from)
      })
      const leadTo = (address: string) => {
        const found = Number(address.split(":").at(-1))
        lead(found)
        port = Promise.resolve(found)
      }
      server.listen(0, "127.0.0.1", () => {
        const { port: own } = server.address() as Net.AddressInfo
        resume(Effect.succeed({ address: `127.0.0.1:${own}`, leadTo, server }))
      })
    }
  ),
  ({ server }) => Effect.sync(() => server.close())
)

const count = (events: ReadonlyArray<Event>, event: string, text: string): number =>
  events.filter((found) => found.event === event && String(found.packets) === text).length

describe("p2p mesh", () => {
  it.live("passes a broadcast on to nodes further away, once to each, and tells who left and how", () =>
    Effect.gen(function*() {
      const middle = yield* node()
      const left = yield* linked(middle, ...undialable(1))
      const right = yield* linked(middle, ...undialable(2))

      yield* left.send("from the left", "", "and again")
      yield* right.send("from the right")
      const { id, time, ...message } = yield* right.take("message", { sender: left.id })
      yield* right.take("message", { sender: left.id })
      yield* Effect.all([left, middle].map((each) => each.take("message", { sender: right.id })))
      const sent = yield* left.take("sent")

      assert.strictEqual(id, sent.id)
      assert.closeTo(Number(time), Date.now() / 1000, 30)
      assert.deepStrictEqual(message, {
        event: "message",
        kind: "broadcast",
        sender: left.id,
        packets: ["from the left"],
        packetsHex: [Buffer.from("from the left").toString("hex")]
      })

      yield* left.kill("SIGKILL")
      const lost = yield* middle.take("peer-left", { id: left.id })
      yield* right.kill("SIGTERM")
      const gone = yield* middle.take("peer-left", { id: right.id })
      yield* middle.send("/quit")
      const ends = yield* Effect.all([left.finished, right.finished, middle.finished])

      assert.strictEqual(lost.reason, "ConnectionLost")
      assert.strictEqual(gone.reason, "Goodbye")
      assert.include(String(gone.detail), "shutting down")
      assert.deepStrictEqual(ends.map(({ status }) => status), ["SIGKILL", 0, 0])
      assert.deepStrictEqual(ends.map(({ stderr }) => stderr), ["", "", ""])
      for (const text of ["from the left", "and again"]) {
        assert.strictEqual(count(middle.events(), "message", text), 1)
        assert.strictEqual(count(right.events(), "message", text), 1)
        assert.strictEqual(count(left.events(), "message", text), 0)
      }
      assert.strictEqual(count(left.events(), "message", "from the right"), 1)
    }))

  it.live("does what the commands say, taking ids by their first letters", () =>
    Effect.gen(function*() {
      const one = yield* node()
      const two = yield* linked(one)

      yield* two.send("/peers")
      assert.deepStrictEqual((yield* two.take("peers")).peers, [{ id: one.id, address: one.address }])

      yield* two.send(`/whisper ${one.id.slice(0, 8)} for  you `)
      const whisper = yield* one.take("message", { kind: "whisper" })
      assert.deepInclude(whisper, { sender: two.id, packets: ["for  you "], id: String((yield* two.take("sent")).id) })

      yield* one.send(`/reply ${whisper.id} thanks`, "/reply last again", "//slash")
      assert.deepInclude(yield* two.take("message"), { kind: "whisper", sender: one.id, packets: ["thanks"] })
      assert.deepInclude(yield* two.take("message"), { kind: "whisper", sender: one.id, packets: ["again"] })
      assert.deepInclude(yield* two.take("message"), { kind: "broadcast", sender: one.id, packets: ["/slash"] })

      const value = { room: "lab", celsius: [21.5, null, "\u001b"] }
      yield* one.send("/topic weather")
      yield* one.take("subscribed", { name: "weather" })
      yield* two.send("/topic other 1", `/topic weather ${JSON.stringify(value)}`)
      assert.deepStrictEqual(yield* one.take("topic"), { event: "topic", name: "weather", sender: two.id, value })

      yield* two.send(`/disconnect ${one.id.slice(0, 8)}`)
      assert.deepInclude(yield* two.take("peer-left"), { id: one.id, reason: "Disconnected" })
      assert.deepInclude(yield* one.take("peer-left"), { id: two.id, reason: "Goodbye" })

      // The second line is read when the first one is done, which the end of the other node would undo.
      yield* one.send(`/connect ${two.address}`, "/peers")
      assert.deepStrictEqual((yield* one.take("peers")).peers, [{ id: two.id, address: two.address }])
      yield* Effect.all([one.endInput, two.endInput])
      const ends = yield* Effect.all([one.finished, two.finished])
      assert.deepStrictEqual(ends.map(({ status, stderr }) => [status, stderr]), [[0, ""], [0, ""]])
    }))

  it.live("answers each command that cannot be done with an error event, and goes on", () =>
    Effect.gen(function*() {
      const one = yield* node()
      const wrong: ReadonlyArray<readonly [line: string, tag: string, says: string]> = [
        ["/shout hello", "InvalidCommand", "no command /shout; /help"],
        ["/whisper", "InvalidCommand", "write /whisper ID TEXT"],
        ["/whisper abc", "InvalidCommand", "write /whisper ID TEXT"],
        ["/whisper abc hello", "UnknownId", "\"abc\"; /peers"],
        ["/reply abc hello", "UnknownId", "the last 1000 messages"],
        ["/reply last hello", "UnknownId", "no message came yet"],
        ["/connect", "InvalidCommand", "write /connect HOST:PORT"],
        ["/connect nowhere", "InvalidAddress", "write HOST:PORT"],
        ["/connect 127.0.0.1:1", "DialError", "127.0.0.1:1: nobody listens there"],
        [`/connect ${one.address}`, "SelfConnection", "this node itself"],
        [`/disconnect ${one.id}`, "UnknownId", "/peers"],
        ["/topic", "InvalidCommand", "write /topic NAME"],
        ["/topic weather {", "InvalidCommand", "no JSON"],
        ["x".repeat(3_000_000), "MessageTooLarge", "the limit is"]
      ]

      yield* one.send(...wrong.map(([line]) => line), "/help", "/quit")
      const { status, stderr } = yield* one.finished

      assert.deepStrictEqual([status, stderr], [1, `p2p: ${wrong.length} lines of the input were not done\n`])
      const errors = one.events().filter(({ event }) => event === "error")
      for (const [index, [line, tag, says]] of wrong.entries()) {
        assert.strictEqual(errors[index]?.tag, tag, line.slice(0, 40))
        assert.include(String(errors[index]?.message), says, line.slice(0, 40))
      }
      assert.deepStrictEqual(one.events().map(({ event }) => event), [
        "listening",
        ...wrong.map(() => "error"),
        "help",
        "error"
      ])
      assert.strictEqual(one.events().at(-1)?.tag, "LinesFailed")
    }))

  it.live("tells of what the last line led to before it ends", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["mesh", "--json"], ["/topic weather", "hello", "/ban 192.0.2.1 1h spam"])

      assert.strictEqual(status, 0)
      assert.deepInclude(JSON.parse(stdout.at(-1)!), { event: "banned", target: "192.0.2.1", why: "spam" })
    }))

  it.live("ends with status 1 when a line of piped input was not done or reached nobody, also behind /quit", () =>
    Effect.gen(function*() {
      const [failed, done, alone, stopped] = yield* Effect.all([
        run(["mesh"], ["hello", "/shout hello"]),
        run(["mesh"], ["hello", "/quit"]),
        run(["mesh", "--connect", "127.0.0.1:1"], ["hello", "/quit"]),
        Effect.scoped(Effect.gen(function*() {
          const one = yield* node("--stay")
          yield* one.send("/shout hello")
          yield* one.take("error")
          yield* one.kill("SIGTERM")
          return yield* one.finished
        }))
      ], { concurrency: 2 })

      assert.deepStrictEqual([failed.status, failed.stderr], [1, "p2p: one line of the input was not done\n"])
      assert.deepStrictEqual([done.status, done.stderr], [0, ""])
      assert.strictEqual(alone.status, 1)
      assert.match(alone.stderr, /^p2p: nobody got what was sent: /)
      assert.deepStrictEqual([stopped.status, stopped.stderr], [0, ""])
    }))

  it.live("says what it is given to a node of its file, and fails where it finds none", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "found-"))),
        (made) => Effect.sync(() => fs.rmSync(made, { recursive: true }))
      )
      const [known, closed] = [path.join(folder, "known"), path.join(folder, "closed")]
      const listener = yield* node("--stay")
      fs.writeFileSync(known, `${listener.address}\n`)
      fs.writeFileSync(closed, "127.0.0.1:1\n")

      const found = yield* run(["mesh", "--peers", known], ["hello"])
      const lost = yield* run(["mesh", "--peers", closed], ["hello"])

      yield* listener.take("message")
      assert.strictEqual(found.status, 0)
      assert.deepStrictEqual([lost.status, lost.stderr], [
        1,
        `p2p: nobody got what was sent: no link to a node of ${closed} could be made\n`
      ])
    }))

  it.live("dials an address again where it met itself, for it may lead to several nodes", () =>
    Effect.gen(function*() {
      const balancer = yield* balance
      const one = yield* node("--connect", balancer.address)
      balancer.leadTo(one.address)
      yield* one.take("error", { tag: "SelfConnection" })
      const two = yield* node()
      balancer.leadTo(two.address)

      yield* one.take("peer-joined", { id: two.id })
      assert.lengthOf(one.events().filter(({ event }) => event === "error"), 1)
    }))

  it.live("names the reason when another subnet or a closed port refuses it, and retries in the background", () =>
    Effect.gen(function*() {
      const home = yield* node("--subnet", "home")
      const away = yield* node("--subnet", "away", "--connect", home.address, "--connect", "127.0.0.1:1")

      const mismatch = yield* away.take("error", { tag: "NetworkMismatch" })
      const refused = yield* away.take("error", { tag: "DialError" })
      const rejected = yield* home.take("rejected", { reason: "NetworkMismatch" })
      // Once more, by itself, and without a second word about it.
      yield* home.take("rejected", { reason: "NetworkMismatch" })
      yield* away.send("is anybody there?")
      yield* away.endInput
      const { status, stderr } = yield* away.finished

      assert.include(String(mismatch.message), home.address)
      assert.include(String(refused.message), "127.0.0.1:1")
      assert.include(String(rejected.detail), "another network")
      assert.strictEqual(status, 1)
      assert.match(stderr, /^p2p: nobody got what was sent: no link to .* could be made\n$/)
      assert.deepStrictEqual(away.events().map(({ event }) => event).sort(), [
        "error",
        "error",
        "error",
        "listening",
        "sent"
      ])
    }))

  it.live("finds a node that is started after it, and goes on without input when it is to stay", () =>
    whileTaken(Effect.gen(function*() {
      const early = yield* node()
      yield* early.send("/quit")
      yield* early.finished
      const waiting = yield* node("--connect", early.address, "--stay")
      yield* waiting.endInput
      yield* waiting.take("error", { tag: "DialError" })

      const late = yield* node("--listen", early.address)
      const { id } = yield* waiting.take("peer-joined")
      yield* waiting.kill("SIGINT")
      const { status } = yield* waiting.finished

      assert.strictEqual(id, late.id)
      assert.strictEqual((yield* late.take("peer-left")).reason, "Goodbye")
      assert.strictEqual(status, 0)
    })))

  it.live("tells all that a peer said, in order, before it tells that the peer left", () =>
    Effect.gen(function*() {
      const host = yield* node()
      const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`)

      const guest = yield* run(["mesh", "--json", "--connect", host.address], lines)
      yield* host.take("peer-left")

      assert.deepStrictEqual([guest.status, guest.stderr], [0, ""])
      assert.deepStrictEqual(host.events().slice(2).map(({ event, packets }) => packets?.[0] ?? event), [
        ...lines,
        "peer-left"
      ])
    }))

  it.live("is a chat for people, from the command it shows to the end of the input", () =>
    Effect.gen(function*() {
      const host = yield* start("mesh", "--subnet", "it's us")
      const greeting = yield* host.line(/^Listening on/)
      const [, address, id, command] = /^Listening on (\S+) as (\w{8})\. In a second terminal: (.*)$/.exec(greeting) ??
        []
      assert.match(command!, / mesh --connect 127\.0\.0\.1:\d+ --subnet 'it'\\''s us'$/)

      const guest = yield* run(["mesh", "--connect", address!, "--subnet", "it's us"], [
        "hello \u001b[31mred",
        `/whisper ${id} psst`
      ])
      yield* host.line(/^- \w{8} left/)
      yield* host.endInput
      const { status, stderr, stdout } = yield* host.finished

      assert.deepStrictEqual([status, stderr, guest.status, guest.stderr], [0, "", 0, ""])
      const name = /as (\w{8})\./.exec(guest.stdout[0]!)?.[1]
      assert.match(stdout[2]!, new RegExp(`^\\+ ${name} joined \\(127\\.0\\.0\\.1:\\d+\\)$`))
      assert.deepStrictEqual(stdout.slice(3, 5), [`<${name}> hello \\x1b[31mred`, `<${name}> (whisper) psst`])
      assert.strictEqual(stdout.length, 6)
      assert.include(guest.stdout, `  whispered to ${id}`)
    }))

  it.live("ends with status 1 and a sentence when it cannot listen", () =>
    Effect.gen(function*() {
      const one = yield* node()

      const { status, stderr, stdout } = yield* run(["mesh", "--json", "--listen", one.address])

      assert.strictEqual(status, 1)
      assert.strictEqual(
        stderr,
        `p2p: could not listen on ${one.address}: another program uses that port; choose another, or 0 for any free one\n`
      )
      assert.deepInclude(JSON.parse(stdout[0]!), { event: "error", tag: "ListenError" })
    }))
})
