/** What the system says of a file or a stream that it refuses, in words for people. */
import * as PlatformError from "effect/PlatformError"
import * as util from "node:util"

/**
 * Why a file or a stream could not be used: "permission denied", "no space left on device". Takes a `PlatformError`
 * of Effect, an error of Node, or anything else.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describe = (error: unknown): string => {
  if (PlatformError.isPlatformError(error)) return describe(error.reason.cause ?? error.message)
  if (!(error instanceof Error)) return String(error)
  if ("code" in error && error.code === "EISDIR") return "it is a directory"
  return "errno" in error && typeof error.errno === "number" ? util.getSystemErrorMessage(error.errno) : error.message
}

/**
 * The same of a file that was to be written: what is missing then is its directory.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describeWrite = (error: unknown): string => {
  const said = describe(error)
  return said === "no such file or directory" ? "no such directory" : said
}
