/**
 * How the command line answers: what was asked for on standard output, what is wrong with a command
 * on standard error, in a few lines.
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { hasColors } from "./Style.ts"

const present: CliOutput.Presenter["present"] = (event) => {
  const formatter = CliOutput.defaultFormatter({ colors: hasColors(process.stdout) })
  switch (event._tag) {
    case "Version":
      return Console.log(formatter.formatVersion(event.name, event.version))
    case "Help": {
      const help = formatter.formatHelpDoc(event.helpDoc)
      // Without a command there was nothing to do: that is wrong usage.
      return event.reason === "Requested" ? Console.log(help) : Console.error(help)
    }
    case "InvalidInvocation": {
      const command = event.commandPath.join(" ")
      const sentences = event.errors.map((error) => `p2p: ${escape(error.message)}\n`)
      return Console.error(`${sentences.join("")}Usage: ${event.helpDoc.usage}\n"${command} --help" tells more.`)
    }
  }
}

/** What was typed must not move the cursor. */
const escape = (text: string): string =>
  text.replace(/[^\P{Cc}\n]/gu, (character) => JSON.stringify(character).slice(1, -1))

/**
 * Replaces the way effect's command line answers.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.succeed(CliOutput.Presenter, { present })
