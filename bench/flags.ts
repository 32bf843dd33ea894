/** The flags of the programs for those who work on this project: a wrong one is answered with those there are. */
import { parseArgs, type ParseArgsConfig } from "node:util"

type Options = NonNullable<ParseArgsConfig["options"]>

type Values<O extends Options> = ReturnType<typeof parseArgs<{ readonly options: O }>>["values"]

/** What a command line says, or a sentence on what is wrong with it. */
export const read = <const O extends Options>(options: O, args: ReadonlyArray<string>): Values<O> | string => {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const known = Object.entries(options).map(([name, { type }]) => type === "boolean" ? `--${name}` : `--${name} ...`)
    const [what] = String(error instanceof Error ? error.message : error).split(/\. |\n/)
    return `${what}. The flags are ${known.join(", ")}.`
  }
}

/** The flags of this process, which ends with status 2 when they are wrong. */
export const flags = <const O extends Options>(options: O): Values<O> => {
  const values = read(options, process.argv.slice(2))
  return typeof values === "string" ? end(values) : values
}

/** The number that a flag was given, above 0. */
export const positive = (name: string, text: string): number => {
  const number = Number(text)
  return number > 0 && Number.isFinite(number) ? number : end(`--${name} takes a number above 0, unlike "${text}".`)
}

/** Ends this process, for what its flags say cannot be done. */
export const end = (sentence: string): never => {
  process.stderr.write(`${sentence}\n`)
  process.exit(2)
}
