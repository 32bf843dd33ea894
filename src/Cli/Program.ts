/**
 * The `p2p` command as an effect: its subcommands, how it tells what failed, and its exit status.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Runtime from "effect/Runtime"
import * as fs from "node:fs"
import * as module from "node:module"
import * as ChordCommand from "./ChordCommand.ts"
import * as CodecCommand from "./CodecCommand.ts"
import * as DemoCommand from "./DemoCommand.ts"
import * as IdentityCommand from "./IdentityCommand.ts"
import * as InviteCommand from "./InviteCommand.ts"
import * as MeshCommand from "./MeshCommand.ts"
import { joinNegatives } from "./NumberFlags.ts"
import * as Output from "./Output.ts"
import * as Presenter from "./Presenter.ts"
import * as ReplayCommand from "./ReplayCommand.ts"
import { withDefaultMode, WrongUsage } from "./SecurityFlags.ts"
import * as SimulateCommand from "./SimulateCommand.ts"
import { harmless } from "./Style.ts"

/** A subcommand is one line here. */
const p2p = Command.make("p2p").pipe(
  Command.withDescription("Peer-to-peer networks on the p2p.today wire protocol."),
  Command.withSubcommands([
    MeshCommand.mesh,
    ChordCommand.chord,
    CodecCommand.encode,
    CodecCommand.decode,
    SimulateCommand.simulate,
    ReplayCommand.replay,
    DemoCommand.demo,
    IdentityCommand.identity,
    InviteCommand.invite
  ])
)

/** Of the package, however deep this module lies in it: packed into one of few files, or as it is. */
const version = (): string => {
  const file = module.findPackageJSON(import.meta.url)
  const manifest: unknown = file === undefined ? undefined : JSON.parse(fs.readFileSync(file, "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : ""
}

/** Errors in a sentence; a stack only for what must not happen. Wrong usage was told already. */
const tell = (cause: Cause.Cause<Error>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Cause.squash(cause)
  if (CliError.isCliError(error)) return Effect.void
  return Console.error(
    Cause.hasDies(cause) || !(error instanceof Error)
      ? `p2p: a defect of this program, please report it:\n${Cause.pretty(cause)}`
      : `p2p: ${harmlessLines(error.message)}`
  )
}

/** Logs on standard error, a line each: standard output is for what a command prints. @internal */
export const logger: Layer.Layer<never> = Logger.layer([
  Logger.withConsoleError(Logger.map(Logger.formatLogFmt, harmless))
])

/** What is wrong may quote an invitation, or what a peer said. */
const harmlessLines = (text: string): string => text.split("\n").map(harmless).join("\n")

/**
 * The exit status: 0 done, 1 failed, 2 wrong usage; 130 when a signal ended a command that cannot
 * end in order.
 *
 * @category commands
 * @since 0.1.0
 */
export const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isSuccess(exit)) return onExit(0)
  // A command that a signal ended in order has set its status.
  if (Cause.hasInterruptsOnly(exit.cause)) return onExit(Number(process.exitCode ?? 130))
  const error = Cause.squash(exit.cause)
  return onExit(CliError.isCliError(error) || error instanceof WrongUsage ? 2 : 1)
}

/**
 * Runs the command that the arguments of the process name.
 *
 * @category commands
 * @since 0.1.0
 */
export const program: Effect.Effect<void, Error> = Effect.suspend(() =>
  Command.runWith(p2p, { version: version() })(withDefaultMode(joinNegatives(process.argv.slice(2))))
).pipe(
  Output.checked,
  Effect.tapCause(tell),
  Effect.provide(Layer.mergeAll(
    NodeServices.layer,
    Presenter.layer,
    CliConfig.layer({ builtIns: GlobalFlag.BuiltIns.filter((flag) => flag !== GlobalFlag.Wizard) }),
    logger
  ))
)
