/**
 * Makes pages of the API out of the docstrings, one module for each entry point of package.json, in docs/api/pages:
 * `npm run docs:api`. A docstring that refers to what is not there is an error.
 */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { Application, Comment, ReflectionKind } from "typedoc"

const root = path.join(import.meta.dirname, "../..")
const manifest = createRequire(import.meta.url)("../../package.json")

/** The source of each entry point, and the name by which users import it. */
const names = new Map(
  Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === "string"
      ? []
      : [[path.join(root, target["effect-p2p-source"]), path.posix.join(manifest.name, entry)]]
  )
)

/** The docstring at the top of a file, which is about the file, and which TypeDoc would take for that of its first import. */
const headerOf = (text) => /^\/\*\*(.*?)\*\/\s*(?:import|export)\b/s.exec(text)?.[1].replace(/^ *\*? ?/gm, "").trim()

const app = await Application.bootstrap({
  name: manifest.name,
  entryPoints: [...names.keys()],
  tsconfig: path.join(root, "tsconfig.json"),
  // The project is checked by its own compiler, a later one.
  skipErrorChecking: true,
  readme: path.join(root, "README.md"),
  projectDocuments: [path.join(root, "CHANGELOG.md"), path.join(root, "docs/*.md")],
  disableGit: true,
  // From a page, which lies one folder below docs/api/pages.
  sourceLinkTemplate: "../../../../src/{path}",
  // What classes have from Effect is in its own pages.
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  categorizeByGroup: false,
  // Frames in docs/protocol.md.
  ignoredHighlightLanguages: ["hex"],
  validation: { invalidLink: true, invalidPath: false, notExported: false, notDocumented: false },
  treatWarningsAsErrors: true
})
const project = await app.convert()
if (project === undefined) process.exit(1)
for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
  const source = module.sources?.[0]?.fullFileName
  const name = source === undefined ? undefined : names.get(source)
  if (name === undefined) throw new Error(`${module.name} is no entry point of package.json`)
  module.name = name
}
for (const module of project.getReflectionsByKind(ReflectionKind.SomeModule)) {
  const source = module.sources?.[0]?.fullFileName
  if (module.hasComment() || source === undefined) continue
  const text = headerOf(fs.readFileSync(source, "utf8"))
  if (text !== undefined) module.comment = new Comment([{ kind: "text", text }])
}
app.validate(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1)
await app.generateDocs(project, path.join(import.meta.dirname, "pages"))
console.log(`open ${path.join(import.meta.dirname, "pages/index.html")}`)
