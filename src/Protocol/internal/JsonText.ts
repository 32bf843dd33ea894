/**
 * Values as JSON text, and back. Lists and maps may lie in each other `maxJsonDepth` deep: schemas that are of themselves,
 * and whoever prints a value, go through it by recursion, and strangers could write what no stack can hold.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

/** So deep may lists and maps lie in each other. */
const maxJsonDepth = 256

const quote = 0x22
const backslash = 0x5c

/** Whether JSON nests no deeper than it may; of what is no JSON it says nothing. */
const isShallowJson = (text: string): boolean => {
  // Each level takes a character.
  if (text.length <= maxJsonDepth) return true
  let depth = 0
  let isInText = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) isInText = !isInText
    else if (isInText) { if (code === backslash) i++ }
    // "[" and "{", "]" and "}" differ in one bit.
    else if ((code | 0x20) === 0x7b) { if (++depth > maxJsonDepth) return false }
    else if ((code | 0x20) === 0x7d) depth--
  }
  return true
}

const ShallowJson = Schema.String.check(
  Schema.makeFilter((text) => isShallowJson(text) || `Expected JSON that nests ${maxJsonDepth} deep at most`)
)

/** As `SchemaGetter.parseJson`, but with its result at once: that one gives an effect, which takes longer to run than to parse. */
const parse = SchemaGetter.transformEffect((text: string, options): Exit.Exit<Schema.Json, SchemaIssue.Issue> => {
  try {
    return Exit.succeed(JSON.parse(text) as Schema.Json)
  } catch {
    return Exit.fail(new SchemaIssue.InvalidValue({ expected: "a valid JSON string" }, text, options))
  }
})

/**
 * The codec from JSON text to the values of a schema; what nests too deep is refused both ways. It decodes to an `Exit`
 * where the schema itself waits for nothing.
 */
export const jsonText = <A, I>(schema: Schema.Codec<A, I>): Schema.Codec<A, string> =>
  ShallowJson.pipe(
    Schema.decodeTo(Schema.toCodecJson(schema), { decode: parse, encode: SchemaGetter.stringifyJson() })
  )
