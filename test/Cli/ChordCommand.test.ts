/** `p2p chord` as other programs drive it: real processes on loopback TCP, lines in, JSON out. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { whileTaken } from "../utils/ports.ts"
import { type Fields, run, type Running, start } from "./CommandLine.ts"

/** Repairs come quickly, so that no test waits long for one. */
const quick = ["--stabilize", "300ms"]

/** A node, and what it said of itself. */
const node = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const program = yield* start("chord", "--json", ...quick, ...args)
  const { address, id } = yield* program.take("listening")
  return Object.assign(program, { id: String(id), address: String(address) })
})

/** A node that has joined the ring of another. */
const joined = Effect.fnUntraced(function*(to: { readonly address: string }, ...args: ReadonlyArray<string>) {
  const program = yield* node("--join", to.address, ...args)
  yield* program.take("joined")
  return program
})

/** Nodes of one ring, each of which knows all others. */
const ring = Effect.fnUntraced(function*(count: number) {
  const first = yield* node()
  const others = yield* Effect.forEach(Array.from({ length: count - 1 }), () => joined(first), { concurrency: 2 })
  const nodes = [first, ...others]
  yield* Effect.forEach(nodes, (each) => knows(each, nodes.map(({ id }) => id)))
  return nodes
})

/** The next event of that kind, with all of its fields. */
const answer = (program: Running, event: string, fields: Fields = {}): Effect.Effect<Record<string, unknown>, Error> =>
  Effect.map(program.take(event, fields), (found) => ({ ...found }))

interface RingEvent {
  readonly id: string
  readonly size: number
  readonly whole: boolean
  readonly members: ReadonlyArray<{
    readonly position: string
    readonly predecessor: { readonly id: string } | null
    readonly successors: ReadonlyArray<{ readonly id: string; readonly address: string; readonly position: string }>
  }>
}

const askRing = Effect.fnUntraced(function*(program: Running) {
  yield* program.send("ring")
  return (yield* program.take("ring")) as unknown as RingEvent
})

/** Asks until a node knows exactly these, itself included. */
const knows = (program: Running, ids: ReadonlyArray<string>): Effect.Effect<RingEvent, Error> =>
  Effect.gen(function*() {
    for (let attempt = 0; attempt < 400; attempt++) {
      const found = yield* askRing(program)
      const known = [found.id, ...found.members.flatMap(({ successors }) => successors.map(({ id }) => id))]
      if (new Set(known).size === ids.length && ids.every((id) => known.includes(id))) return found
      yield* Effect.sleep("100 millis")
    }
    return yield* Effect.fail(new Error(`the ring never was ${ids.join(", ")}`))
  })

/** Where nobody listens any more. */
const freeAddresses = Effect.gen(function*() {
  const nodes = [yield* node(), yield* node()] as const
  for (const each of nodes) {
    yield* each.send("quit")
    yield* each.finished
  }
  return [nodes[0].address, nodes[1].address] as const
})

/** A directory that is removed in the end. */
const directory = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer)
)

describe("p2p chord", () => {
  it.live("sets at one node what another gets, has, looks up and deletes", () =>
    Effect.gen(function*() {
      const one = yield* node()
      const two = yield* node("--join", one.address)
      const { successor } = yield* answer(two, "joined")
      const came = yield* answer(one, "neighbor-came")

      yield* one.send("", "set color deep  blue \u001b", "get color")
      const lines = [yield* answer(one, "set"), yield* answer(one, "get")]
      yield* two.send("get  color ", "get nothing", "has color", "lookup color", "delete color", "has color")
      const got = [yield* answer(two, "get"), yield* answer(two, "get"), yield* answer(two, "has")]
      const lookup = yield* answer(two, "lookup")
      const deleted = yield* answer(two, "deleted")
      yield* one.send("get color")

      assert.deepInclude(successor, { id: one.id, address: one.address })
      assert.deepInclude(came, { id: two.id, address: two.address })
      assert.deepStrictEqual(lines, [
        { event: "set", key: "color" },
        { event: "get", key: "color", value: "deep  blue \u001b" }
      ])
      assert.deepStrictEqual(got, [
        { event: "get", key: "color", value: "deep  blue \u001b" },
        { event: "get", key: "nothing", value: null },
        { event: "has", key: "color", value: true }
      ])
      assert.include([one.id, two.id], lookup["owner"])
      assert.include([0, 1], lookup["hops"])
      assert.deepStrictEqual(deleted, { event: "deleted", key: "color" })
      assert.deepStrictEqual(yield* answer(two, "has"), { event: "has", key: "color", value: false })
      assert.deepStrictEqual(yield* answer(one, "get"), { event: "get", key: "color", value: null })
      yield* Effect.all([one.endInput, two.send("quit")])
      const ends = yield* Effect.all([one.finished, two.finished])
      assert.deepStrictEqual(ends.map(({ status, stderr }) => [status, stderr]), [[0, ""], [0, ""]])
    }))

  it.live("keeps every value of five nodes when one is killed, and the ring closes round it", () =>
    Effect.gen(function*() {
      const nodes = yield* ring(5)
      const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
      for (const [index, key] of keys.entries()) yield* nodes[index % 5]!.send(`set ${key} value of ${key}`)
      for (const [index, key] of keys.entries()) yield* nodes[index % 5]!.take("set", { key })

      const [lost] = nodes.splice(2, 1)
      yield* lost!.kill("SIGKILL")
      yield* lost!.finished

      for (const each of nodes) yield* each.send(...keys.map((key) => `get ${key}`))
      for (const each of nodes) {
        for (const key of keys) assert.deepInclude(yield* answer(each, "get", { key }), { value: `value of ${key}` })
      }
      const views = yield* Effect.forEach(nodes, (each) => knows(each, nodes.map(({ id }) => id)))
      for (const [index, view] of views.entries()) {
        assert.deepInclude(view, { id: nodes[index]!.id, size: 4, whole: true })
        const [next] = view.members[0]!.successors
        const after = views.find(({ id }) => id === next!.id)
        assert.strictEqual(after?.members[0]?.predecessor?.id, view.id)
      }
    }))

  it.live.each(["SIGINT", "SIGTERM", "SIGHUP", "quit"] as const)(
    "hands over what it holds when %s tells it to end",
    (how) =>
      Effect.gen(function*() {
        const first = yield* node()
        const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
        yield* first.send(...keys.map((key) => `set ${key} value of ${key}`))
        for (const key of keys) yield* first.take("set", { key })
        const second = yield* joined(first)
        yield* first.take("neighbor-came", { id: second.id })

        yield* how === "quit" ? first.send("quit") : first.kill(how)
        const { status, stderr } = yield* first.finished
        yield* second.take("alone")
        // It looks for the first one in vain, and has what it got all the same.
        yield* second.take("error", { tag: "DialError" })
        yield* second.send(...keys.map((key) => `get ${key}`))

        assert.deepStrictEqual([status, stderr], [0, ""])
        for (const key of keys) assert.deepInclude(yield* answer(second, "get", { key }), { value: `value of ${key}` })
      })
  )

  it.live("has again what it acknowledged when it is killed and started with the same directory", () =>
    Effect.gen(function*() {
      const data = yield* directory
      const first = yield* node("--data", data)
      yield* first.send("set color blue", "set fruit fig", "delete fruit")
      yield* first.take("deleted")
      const refused = yield* run(["chord", "--json", "--data", data])
      yield* first.kill("SIGKILL")
      yield* first.finished

      const again = yield* run(["chord", "--json", "--data", data], ["get color", "get fruit"])

      assert.deepStrictEqual([refused.status, JSON.parse(refused.stdout[0]!).tag], [1, "StorageInUse"])
      assert.match(refused.stderr, /^p2p: .* is in use by another node: give each node a place of its own/)
      assert.deepStrictEqual(again.stdout.slice(1).map((line) => JSON.parse(line)), [
        { event: "get", key: "color", value: "blue" },
        { event: "get", key: "fruit", value: null }
      ])
      assert.deepStrictEqual([again.status, again.stderr], [0, ""])
    }))

  it.live("answers each command that cannot be done with an error event, and goes on", () =>
    Effect.gen(function*() {
      const one = yield* node()
      const wrong: ReadonlyArray<readonly [line: string, tag: string, says: string]> = [
        ["shout", "InvalidCommand", "no command shout; help"],
        ["toString", "InvalidCommand", "no command toString; help"],
        ["set", "InvalidCommand", "write set KEY VALUE"],
        ["set color", "InvalidCommand", "write set KEY VALUE"],
        ["get", "InvalidCommand", "write get KEY"],
        ["get two words", "InvalidCommand", "write get KEY"],
        ["delete", "InvalidCommand", "write delete KEY"],
        ["lookup", "InvalidCommand", "write lookup KEY"],
        ["quit now", "InvalidCommand", "write quit"],
        ["join", "InvalidCommand", "write join HOST:PORT"],
        ["join nowhere", "InvalidAddress", "write HOST:PORT"],
        ["join 127.0.0.1:1", "DialError", "127.0.0.1:1: nobody listens there"],
        [`set ${"k".repeat(2000)} v`, "KeyTooLong", "the limit is 1024"],
        [`set key ${"v".repeat(100_000)}`, "ValueTooLarge", "the limit is 65536"]
      ]

      yield* one.send(...wrong.map(([line]) => line), "help", "ring", "stats", "quit")
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
        "ring",
        "stats",
        "error"
      ])
    }))

  it.live("reads and writes nothing before it has joined, says why, and joins when it can", () =>
    whileTaken(Effect.gen(function*() {
      const early = yield* node()
      yield* early.send("quit")
      yield* early.finished
      const waiting = yield* node("--join", early.address)
      const failed = yield* waiting.take("error")
      yield* waiting.send("set color blue")
      const refused = yield* waiting.take("error")

      const late = yield* node("--listen", early.address)
      yield* waiting.take("joined")
      yield* waiting.send("set color blue")
      yield* waiting.take("set")
      yield* late.send("get color")

      assert.deepInclude(failed, {
        tag: "DialError",
        message: `could not connect to ${early.address}: nobody listens there`
      })
      assert.deepInclude(refused, { tag: "NotJoined" })
      assert.include(String(refused.message), early.address)
      assert.deepInclude(yield* answer(late, "get"), { value: "blue" })
    })))

  it.live("takes the same list of nodes for each of them", () =>
    whileTaken(Effect.gen(function*() {
      const [first, second] = yield* freeAddresses
      const list = ["--join", first, "--join", second]
      const one = yield* node("--listen", first, ...list)
      yield* one.take("error", { tag: "DialError" })
      const two = yield* node("--listen", second, ...list)
      yield* two.take("joined")
      yield* one.take("neighbor-came", { id: two.id })

      yield* one.send("set color blue")
      yield* one.take("set")
      yield* two.send("get color")

      assert.deepInclude(yield* answer(two, "get"), { value: "blue" })
    })))

  it.live("goes on without input when it is to stay", () =>
    Effect.gen(function*() {
      const one = yield* node("--stay")
      yield* one.endInput

      const two = yield* joined(one)
      yield* two.send("set color blue")
      yield* two.take("set")
      yield* one.kill("SIGTERM")
      const { status, stderr } = yield* one.finished

      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.deepInclude(yield* answer(two, "neighbor-went"), { id: one.id })
    }))

  it.live("tells of a node with several places as of one, and holds all of them", () =>
    Effect.gen(function*() {
      const one = yield* node("--virtual-nodes", "3")
      const two = yield* node("--virtual-nodes", "3", "--join", one.address)
      for (let place = 0; place < 3; place++) yield* two.take("joined")

      const view = yield* knows(one, [one.id, two.id])
      assert.lengthOf(view.members, 3)
      yield* two.kill("SIGKILL")
      yield* one.take("neighbor-went", { id: two.id })
      yield* knows(one, [one.id])

      const moves = one.events().filter(({ event }) => event.startsWith("neighbor-"))
      assert.deepStrictEqual(moves.map(({ event, id }) => [event, id]), [
        ["neighbor-came", two.id],
        ["neighbor-went", two.id]
      ])
    }))

  it.live("joins two rings by hand", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* node(), yield* node()]
      yield* one.send("set color blue")
      yield* one.take("set")

      yield* two.send(`join ${one.address}`, "get color")
      yield* two.take("joined")

      assert.deepInclude(yield* answer(two, "get"), { value: "blue" })
    }))

  it.live("ends with status 1 when the input ends and the ring was not reached, or when it cannot listen", () =>
    Effect.gen(function*() {
      const home = yield* node()

      const [away, nobody, taken] = yield* Effect.all([
        run(["chord", "--json", "--subnet", "away", "--join", home.address], ["get color"]),
        run(["chord", "--json", "--join", "127.0.0.1:1", "--join", "127.0.0.1:2"], ["get color"]),
        run(["chord", "--json", "--listen", home.address])
      ], { concurrency: 2 })

      assert.deepStrictEqual([away.status, nobody.status, taken.status], [1, 1, 1])
      assert.match(away.stderr, /^p2p: nothing was read or written: .*same --subnet and --bits\n$/)
      assert.match(nobody.stderr, /^p2p: nothing was read or written: .*127\.0\.0\.1:1: .*127\.0\.0\.1:2: nobody .*\n$/)
      assert.deepStrictEqual(away.stdout.slice(1).map((line) => JSON.parse(line).tag), [
        "NetworkMismatch",
        "NotJoined",
        "NeverJoined"
      ])
      assert.match(taken.stderr, /could not listen on .*another program uses that port/)
    }))

  it.live("tells of what the last line led to before it ends", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["chord", "--json"], ["set color blue", "ban 192.0.2.1 1h spam"])

      assert.strictEqual(status, 0)
      assert.deepInclude(JSON.parse(stdout.at(-1)!), { event: "banned", target: "192.0.2.1", why: "spam" })
    }))

  it.live("takes a CR in a line for a part of the value, and no line behind it for a command", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["chord", "--json"], [
        "set note first\rset color red\r",
        "get note\r",
        "get color"
      ])

      assert.strictEqual(status, 0)
      assert.deepStrictEqual(stdout.slice(1).map((line) => JSON.parse(line)), [
        { event: "set", key: "note" },
        { event: "get", key: "note", value: "first\rset color red" },
        { event: "get", key: "color", value: null }
      ])
    }))

  it.live("ends with status 1 when the input ends and a line of it was not done", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["chord"], [
        "set color blue",
        `set key ${"v".repeat(100_000)}`,
        "get color",
        "get nothing"
      ])
      const twice = yield* run(["chord", "--json"], ["get", "gat color", "quit"])

      assert.deepStrictEqual([status, stderr], [1, "p2p: one line of the input was not done\n"])
      assert.include(stdout, "  color = blue")
      assert.deepStrictEqual([twice.status, twice.stderr], [1, "p2p: 2 lines of the input were not done\n"])
      assert.strictEqual(JSON.parse(twice.stdout.at(-1)!).tag, "LinesFailed")
    }))

  it.live("speaks in sentences to people, from the command it shows to the end of the input", () =>
    Effect.gen(function*() {
      const host = yield* start("chord", "--subnet", "it's us", ...quick)
      const greeting = yield* host.line(/^Listening on/)
      const [, address, id, command] = /^Listening on (\S+) as (\w{8})\. In a second terminal: (.*)$/.exec(greeting) ??
        []
      assert.match(command!, / chord --join 127\.0\.0\.1:\d+ --subnet 'it'\\''s us'$/)

      const guest = yield* run(["chord", "--join", address!, "--subnet", "it's us"], [
        "set color \u001b[31mred",
        "get color",
        "get nothing",
        "ring",
        "lookup color",
        "delete color",
        "stats"
      ])
      yield* host.line(/^- \w{8} .* is no neighbor any more$/)
      yield* host.send("get color")
      yield* host.endInput
      const { status, stderr, stdout } = yield* host.finished

      assert.deepStrictEqual([status, stderr, guest.status, guest.stderr], [0, "", 0, ""])
      assert.include(guest.stdout, `+ joined the ring; next in it is ${id} (${address})`)
      assert.include(guest.stdout, "  color = \\x1b[31mred")
      assert.include(guest.stdout, "  nothing is not set")
      assert.include(guest.stdout, "  a ring of 2 nodes:")
      assert.strictEqual(guest.stdout.at(-1), "  leaving: the others get what this node holds")
      assert.include(stdout, "  color is not set")
      assert.match(
        guest.stdout.join("\n"),
        /\n  color is with \w{8} \(.*\n  color is deleted\n  here: 1 record, \d+ bytes/
      )
    }))

  it.live.each(
    [
      [["chord", "--join"], /--join. Expected: HOST:PORT/],
      [["chord", "--join", "127.0.0.1:0"], /Expected: a port from 1 to 65535/],
      [["chord", "--bits", "513"], /"513". Expected: a number from 1 to 512/],
      [["chord", "--stabilize", "10"], /"10". Expected: a time such as 50ms/],
      [["chord", "--virtual-nodes", "0"], /Expected: a number from 1 to 64/],
      [["chord", "now"], /Unexpected positional argument: "now"/]
    ] satisfies ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]>
  )("ends with status 2 for the arguments %j, and says what is wrong", ([args, says]) =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(args)

      assert.match(stderr, says)
      assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: [] })
    }))
})
