/**
 * What a user types at `p2p chord`: each line is a command. They are done one after the other, in the
 * order in which they came.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Chord } from "../Chord/Chord.ts"
import * as BanCommands from "./BanCommands.ts"
import { fromBans } from "./BanReport.ts"
import { neighborsOf } from "./ChordNews.ts"
import { type ChordReport, explained, fromEntry, fromError, fromLookup, fromRing } from "./ChordReport.ts"
import { InvalidCommand } from "./InvalidCommand.ts"
import { resolveWhole } from "./KnownIds.ts"
import type { Explain } from "./OtherKind.ts"

/**
 * The node is to join a ring and has not got there yet: what it would read or write now would be in a
 * ring of its own.
 *
 * @category errors
 * @since 0.1.0
 */
class NotJoined extends Schema.TaggedError<NotJoined>()("NotJoined", {
  addresses: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `not done: this node could not join at ${this.addresses.join(", ")} yet. It goes on trying; ` +
      `join HOST:PORT joins at another node`
  }
}

/** Whatever a command fails with is told in one line. */
interface Failure {
  readonly _tag: string
  readonly message: string
}

interface ChordCommandLine {
  readonly usage: string
  readonly about: string
  /** Takes what follows the name of the command. */
  readonly run: (console: ChordConsole, rest: string) => Effect.Effect<void, Failure>
}

/**
 * Whether a line ends the session.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isQuit = (line: string): boolean => /^\s*quit\s*$/.test(line)

/**
 * Does what the lines say, and reports what came of it. `unreached` gives the addresses at
 * which the node could not join so far: none when it is where it is meant to be, or may soon be.
 *
 * @category models
 * @since 0.1.0
 */
export class ChordConsole {
  readonly chord: Chord["Service"]
  readonly report: (report: ChordReport) => Effect.Effect<void>
  /** The text of an invitation to this node. */
  readonly invitation: Effect.Effect<string, Failure>
  readonly #explain: Explain
  readonly #unreached: () => ReadonlyArray<string>
  /** Lines that could not be done. */
  failedCount = 0

  constructor(
    chord: Chord["Service"],
    report: (report: ChordReport) => Effect.Effect<void>,
    unreached: () => ReadonlyArray<string>,
    invitation: Effect.Effect<string, Failure>,
    explain: Explain = () => undefined
  ) {
    this.chord = chord
    this.report = report
    this.#unreached = unreached
    this.invitation = invitation
    this.#explain = explain
  }

  /** Does one line; what fails is reported. */
  run(line: string): Effect.Effect<void> {
    const [name, rest] = splitWord(line)
    if (name === "") return Effect.void
    const command = commands.get(name)
    const done = command === undefined
      ? Effect.fail(new InvalidCommand({ detail: `there is no command ${name}; help lists those there are` }))
      : command.run(this, rest)
    return Effect.catch(done, (error) => {
      this.failedCount++
      return this.report(fromError(error))
    })
  }

  /** Reports what comes of an operation, unless there is no ring to do it in. */
  answer<A>(operation: Effect.Effect<A, Failure>, toReport: (value: A) => ChordReport): Effect.Effect<void, Failure> {
    return Effect.suspend(() => {
      const addresses = this.#unreached()
      return addresses.length === 0
        ? Effect.flatMap(operation, (value) => this.report(toReport(value)))
        : Effect.fail(new NotJoined({ addresses }))
    })
  }

  /** The id that a user shortened: that of a neighbor; a whole id may be that of any node. */
  resolve(text: string): Effect.Effect<string, Failure> {
    return Effect.flatMap(
      this.chord.ring,
      (members) =>
        resolveWhole(text, neighborsOf(this.chord.id, members).keys(), "ring lists the nodes that this one knows")
    )
  }

  join(address: string): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const before = neighborsOf(this.chord.id, yield* this.chord.ring)
      yield* Effect.mapError(this.chord.join(address), (error) => explained(this.#explain, error))
      if (before.size === 0) return
      yield* this.report({ event: "note", text: `asked ${address}; if that is of another ring, the two become one` })
    })
  }
}

/** The first word of a text, and what follows the blanks behind it. */
const splitWord = (text: string): readonly [word: string, rest: string] => {
  const match = /^\s*(\S+)(?:\s+([^]*))?$/.exec(text)
  return [match?.[1] ?? "", match?.[2] ?? ""]
}

/** A command that takes a key and nothing else. */
const ofKey = (
  name: string,
  about: string,
  run: (console: ChordConsole, key: string) => Effect.Effect<void, Failure>
): ChordCommandLine => ({
  usage: `${name} KEY`,
  about,
  run: (console, rest) => {
    const [key, more] = splitWord(rest)
    return key === "" || more !== "" ? usage(name) : run(console, key)
  }
})

const usage = (name: string): Effect.Effect<never, InvalidCommand> =>
  Effect.suspend(() => {
    const command = commands.get(name)
    return Effect.fail(new InvalidCommand({ detail: `write ${command?.usage}: ${command?.about}` }))
  })

const commands: ReadonlyMap<string, ChordCommandLine> = new Map<string, ChordCommandLine>([
  ["set", {
    usage: "set KEY VALUE",
    about: "write a value: the rest of the line. A KEY has no blanks",
    run: (console, rest) => {
      const [key, value] = splitWord(rest)
      if (value === "") return usage("set")
      return console.answer(console.chord.set(key, value), () => ({ event: "set", key }))
    }
  }],
  [
    "get",
    ofKey(
      "get",
      "read a value",
      (console, key) => console.answer(console.chord.read(key), (entry) => fromEntry(key, entry))
    )
  ],
  [
    "delete",
    ofKey(
      "delete",
      "delete a key, whether it is set or not",
      (console, key) => console.answer(console.chord.delete(key), () => ({ event: "deleted", key }))
    )
  ],
  [
    "has",
    ofKey(
      "has",
      "tell whether a key is set",
      (console, key) => console.answer(console.chord.has(key), (value) => ({ event: "has", key, value }))
    )
  ],
  [
    "lookup",
    ofKey(
      "lookup",
      "tell which node answers for a key",
      (console, key) => console.answer(console.chord.lookup(key), (found) => fromLookup(console.chord.bits, key, found))
    )
  ],
  ["ring", {
    usage: "ring",
    about: "show the nodes that this one knows, in their order",
    run: (console) => Effect.flatMap(console.chord.ring, (members) => console.report(fromRing(console.chord, members)))
  }],
  ["stats", {
    usage: "stats",
    about: "show what was counted since the start",
    run: (console) => Effect.flatMap(console.chord.stats, (stats) => console.report({ event: "stats", ...stats }))
  }],
  ["join", {
    usage: "join HOST:PORT",
    about: "join the ring of the node there",
    run: (console, rest) => rest.trim() === "" ? usage("join") : console.join(rest.trim())
  }],
  ["bans", {
    usage: "bans",
    about: BanCommands.bansAbout,
    run: ({ chord, report }) =>
      Effect.flatMap(Effect.all([chord.bans, chord.waiting]), ([bans, waiting]) => report(fromBans(bans, waiting)))
  }],
  ["ban", {
    usage: `ban ${BanCommands.banUsage.usage}`,
    about: BanCommands.banUsage.about,
    run: (console, rest) =>
      rest.trim() === "" ? usage("ban") : BanCommands.ban(console.chord, rest, (text) => console.resolve(text))
  }],
  ["unban", {
    usage: "unban HOST|ID",
    about: "end a ban",
    run: (console, rest) =>
      rest.trim() === ""
        ? usage("unban")
        : BanCommands.unban(console.chord, rest.trim(), "bans")
  }],
  ["invite", {
    usage: "invite",
    about: "show an invitation to this node, for p2p chord --invite",
    run: (console) => Effect.flatMap(console.invitation, (text) => console.report({ event: "invite", text }))
  }],
  ["help", {
    usage: "help",
    about: "list the commands",
    run: (console) => console.report({ event: "help", lines: helpLines })
  }],
  ["quit", {
    usage: "quit",
    about: "hand over what this node holds, and end",
    run: () => usage("quit")
  }]
])

/**
 * The commands.
 *
 * @category models
 * @since 0.1.0
 */
const helpLines: ReadonlyArray<string> = [...commands.values()].map(
  ({ about, usage }) => `${usage.padEnd(25)}${about}`
)
