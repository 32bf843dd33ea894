/**
 * What a user types at `p2p mesh`: lines are broadcast, lines that begin with a slash are commands.
 * They are done one after the other, in the order in which they came.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Mesh } from "../Mesh/Mesh.ts"
import type { InvalidAddress } from "../Mesh/MeshError.ts"
import * as Topic from "../Mesh/Topic.ts"
import type { Waiting } from "../Transport/Waiting.ts"
import * as BanCommands from "./BanCommands.ts"
import { fromBans } from "./BanReport.ts"
import { InvalidCommand } from "./InvalidCommand.ts"
import { type KnownIds, resolve } from "./KnownIds.ts"
import { addressText, fromError, type MeshReport } from "./MeshReport.ts"
import { short } from "./Style.ts"

/** Whatever a command fails with is told in one line. */
interface Failure {
  readonly _tag: string
  readonly message: string
}

interface CommandLine {
  readonly usage: string
  readonly about: string
  /** Takes what follows the name of the command. */
  readonly run: (console: MeshConsole, rest: string) => Effect.Effect<void, Failure, Scope.Scope>
}

/** Links on a user's request; tells why there is none. */
export type Connect = (address: string) => Effect.Effect<void, Failure | InvalidAddress>

/**
 * Whether a line ends the session.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isQuit = (line: string): boolean => /^\/quit\s*$/.test(line)

/**
 * Does what the lines say, and reports what came of it.
 *
 * @category models
 * @since 0.1.0
 */
export class MeshConsole {
  readonly mesh: Mesh["Service"]
  readonly known: KnownIds
  readonly connect: Connect
  readonly report: (report: MeshReport) => Effect.Effect<void>
  /** The text of an invitation to this node. */
  readonly invitation: Effect.Effect<string, Failure>
  /** The addresses that are dialed again later. */
  readonly waiting: Effect.Effect<ReadonlyArray<Waiting>>
  readonly subscriptions = new Set<string>()
  /** Broadcasts that were sent while no peer was linked: nobody got them. */
  unheardCount = 0
  /** Lines that could not be done. */
  failedCount = 0

  constructor(
    mesh: Mesh["Service"],
    known: KnownIds,
    connect: Connect,
    report: (report: MeshReport) => Effect.Effect<void>,
    invitation: Effect.Effect<string, Failure>,
    waiting: Effect.Effect<ReadonlyArray<Waiting>> = mesh.waiting
  ) {
    this.mesh = mesh
    this.known = known
    this.connect = connect
    this.report = report
    this.invitation = invitation
    this.waiting = waiting
  }

  /** Does one line; what fails is reported. Subscriptions last as long as the scope. */
  run(line: string): Effect.Effect<void, never, Scope.Scope> {
    if (line === "") return Effect.void
    const done = line.startsWith("/") && !line.startsWith("//")
      ? this.#command(line)
      : this.#broadcast(line.startsWith("//") ? line.slice(1) : line)
    return Effect.catch(done, (error) => {
      this.failedCount++
      return this.report(fromError(error, error.message))
    })
  }

  #command(line: string): Effect.Effect<void, Failure, Scope.Scope> {
    const [name, rest] = splitWord(line)
    const command = commands[name]
    return command === undefined
      ? Effect.fail(new InvalidCommand({ detail: `there is no command ${name}; /help lists those there are` }))
      : command.run(this, rest)
  }

  #broadcast(text: string): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const isHeard = (yield* this.mesh.peers).length > 0
      yield* this.sent(yield* this.mesh.broadcast(text))
      if (isHeard) return
      this.unheardCount++
      yield* this.report({ event: "note", text: "no peer is linked yet: nobody got that" })
    })
  }

  sent(id: string): Effect.Effect<void> {
    return this.report({ event: "sent", id })
  }

  /** The id that a user shortened. */
  resolve(text: string): Effect.Effect<string, Failure> {
    return Effect.flatMap(this.mesh.peers, (peers) => this.known.node(text, peers.map((peer) => peer.id)))
  }
}

const whisperTo = Effect.fnUntraced(function*(console: MeshConsole, id: string, text: string) {
  yield* console.sent(yield* console.mesh.whisper(id, text))
  yield* console.report({ event: "note", text: `whispered to ${short(id)}` })
})

const disconnect = Effect.fnUntraced(function*(console: MeshConsole, text: string) {
  const peers = yield* console.mesh.peers
  const id = yield* resolve(text, peers.map((peer) => peer.id), "/peers lists those that are linked")
  yield* console.mesh.disconnect(id)
})

const listPeers = Effect.fnUntraced(function*(console: MeshConsole) {
  const peers = yield* console.mesh.peers
  yield* console.report({
    event: "peers",
    peers: peers.map(({ address, id }) => ({ id, address: addressText(address) }))
  })
})

const listBans = Effect.fnUntraced(function*(console: MeshConsole) {
  yield* console.report(fromBans(yield* console.mesh.bans, yield* console.waiting))
})

const publish = Effect.fnUntraced(function*(console: MeshConsole, name: string, json: string) {
  const value = yield* Effect.try({
    try: () => JSON.parse(json) as Schema.Json,
    catch: (error) => new InvalidCommand({ detail: `no JSON: ${error instanceof Error ? error.message : ""}` })
  })
  yield* console.sent(yield* console.mesh.publish(Topic.make(name, Schema.Json), value))
})

const subscribe = Effect.fnUntraced(function*(console: MeshConsole, name: string) {
  if (!console.subscriptions.has(name)) {
    console.subscriptions.add(name)
    const values = console.mesh.subscribe(Topic.make(name, Schema.Json))
    yield* values.pipe(
      Stream.runForEach(({ sender, value }) => console.report({ event: "topic", name, sender, value })),
      Effect.forkScoped({ startImmediately: true })
    )
  }
  yield* console.report({ event: "subscribed", name })
})

/** The first word of a text, and what follows the blank behind it. */
const splitWord = (text: string): readonly [word: string, rest: string] => {
  const match = /^\s*(\S+)(?:\s([^]*))?$/.exec(text)
  return [match?.[1] ?? "", match?.[2] ?? ""]
}

const usage = (name: string): Effect.Effect<never, InvalidCommand> =>
  Effect.fail(new InvalidCommand({ detail: `write ${commands[name]?.usage}: ${commands[name]?.about}` }))

const commands: Readonly<Record<string, CommandLine>> = {
  "/whisper": {
    usage: "/whisper ID TEXT",
    about: "send to one node, a peer or one that is found",
    run: (console, rest) => {
      const [id, text] = splitWord(rest)
      return text === ""
        ? usage("/whisper")
        : Effect.flatMap(console.resolve(id), (found) => whisperTo(console, found, text))
    }
  },
  "/reply": {
    usage: "/reply MESSAGE-ID TEXT",
    about: "whisper to the author of a message; \"last\" is the last one that came",
    run: (console, rest) => {
      const [id, text] = splitWord(rest)
      return text === ""
        ? usage("/reply")
        : Effect.flatMap(console.known.author(id), (author) => whisperTo(console, author, text))
    }
  },
  "/peers": { usage: "/peers", about: "list the nodes that are linked", run: listPeers },
  "/connect": {
    usage: "/connect HOST:PORT",
    about: "link to a node, and keep to it; ws://HOST:PORT over a WebSocket",
    run: (console, rest) => rest.trim() === "" ? usage("/connect") : console.connect(rest.trim())
  },
  "/disconnect": {
    usage: "/disconnect ID",
    about: "end the link to a peer",
    run: (console, rest) => rest.trim() === "" ? usage("/disconnect") : disconnect(console, rest.trim())
  },
  "/invite": {
    usage: "/invite",
    about: "show an invitation to this node, for p2p mesh --invite",
    run: (console) => Effect.flatMap(console.invitation, (text) => console.report({ event: "invite", text }))
  },
  "/bans": { usage: "/bans", about: BanCommands.bansAbout, run: listBans },
  "/ban": {
    usage: `/ban ${BanCommands.banUsage.usage}`,
    about: BanCommands.banUsage.about,
    run: (console, rest) =>
      rest.trim() === "" ? usage("/ban") : BanCommands.ban(console.mesh, rest, (text) => console.resolve(text))
  },
  "/unban": {
    usage: "/unban HOST|ID",
    about: "end a ban",
    run: (console, rest) =>
      rest.trim() === ""
        ? usage("/unban")
        : BanCommands.unban(console.mesh, rest.trim(), "/bans")
  },
  "/topic": {
    usage: "/topic NAME [JSON]",
    about: "publish a value on a topic; without a value, show those that others publish",
    run: (console, rest) => {
      const [name, json] = splitWord(rest)
      if (name === "") return usage("/topic")
      return json.trim() === "" ? subscribe(console, name) : publish(console, name, json)
    }
  },
  "/help": {
    usage: "/help",
    about: "list the commands",
    run: (console) => console.report({ event: "help", lines: helpLines })
  },
  "/quit": { usage: "/quit", about: "say goodbye and end", run: () => usage("/quit") }
}

/**
 * The commands, and how ids are written.
 *
 * @category models
 * @since 0.1.0
 */
const helpLines: ReadonlyArray<string> = [
  ...Object.values(commands).map(({ about, usage }) => `${usage.padEnd(28)}${about}`),
  "An ID may be shortened to its first letters, as long as only one known node or message has them.",
  "Other lines go to everyone; one that begins with // is sent with a single slash."
]
