/**
 * Checks a packed library as the resolvers and type checkers of its consumers see it, with publint and Are The Types
 * Wrong: `node test/package/published.ts TARBALL`. Every entry point has to be found with its types from an ES module and
 * by a bundler; from CommonJS the types tell of ES modules, which is what they are. Nothing is fetched.
 */
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { problemAffectsEntrypoint, problemAffectsResolutionKind } from "@arethetypeswrong/core/problems"
import * as fs from "node:fs"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

/** What publint has to say, down to suggestions. */
const metadataFaults = async (tarball: Buffer): Promise<ReadonlyArray<string>> => {
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

/** What keeps the types of an entry point from an importer, and what entry points there are. */
const typeFaults = async (tarball: Buffer) => {
  const analysis = await checkPackage(createPackageFromTarballData(tarball))
  if (analysis.types === false) return { entries: [], faults: ["the package holds no types"] }
  const entries = Object.keys(analysis.entrypoints).filter((entry) => entry !== "./package.json")
  const faults = analysis.problems
    .filter((problem) =>
      problemAffectsResolutionKind(problem, "node16-esm", analysis) ||
      problemAffectsResolutionKind(problem, "bundler", analysis)
    )
    .map((problem) => {
      const affected = entries.filter((entry) => problemAffectsEntrypoint(problem, entry, analysis))
      return `${problem.kind} at ${affected.join(", ")}: ${JSON.stringify(problem)}`
    })
  return { entries, faults: entries.length === 0 ? ["the package has no entry points"] : faults }
}

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error("give the tarball that npm pack made: node test/package/published.ts TARBALL")
const tarball = fs.readFileSync(path)
const types = await typeFaults(tarball)
const faults = [...await metadataFaults(tarball), ...types.faults]
for (const fault of faults) console.error(fault)
console.log(`${types.entries.length} entry points checked in ${path}: ${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
