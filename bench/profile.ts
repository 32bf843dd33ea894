/**
 * Sums up CPU profiles: the share of each function's own time and of its time with all that it
 * calls, by name and file.
 *
 *     node bench/profile.ts FILE.cpuprofile... [--top 30]
 */
import { readFileSync } from "node:fs"
import { basename } from "node:path"
import { parseArgs } from "node:util"

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: ReadonlyArray<number>
}

interface Profile {
  readonly nodes: ReadonlyArray<ProfileNode>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

interface Share {
  own: number
  total: number
}

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: { top: { type: "string", default: "30" } }
})

const nameOf = ({ functionName, lineNumber, url }: ProfileNode["callFrame"]): string => {
  const place = url === "" ? "" : `  ${url.replace(/^.*\/(?=(src|bench|node_modules)\/)/, "")}:${lineNumber + 1}`
  return `${functionName === "" ? "(anonymous)" : functionName}${place}`
}

/** Microseconds by function, without the time in which the process had nothing to do. */
const sharesOf = (profile: Profile): { readonly busy: number; readonly shares: ReadonlyMap<string, Share> } => {
  const own = new Map<number, number>()
  profile.samples.forEach((id, i) => own.set(id, (own.get(id) ?? 0) + profile.timeDeltas[i]!))
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const shares = new Map<string, Share>()
  let busy = 0
  const visit = (id: number, stack: ReadonlySet<string>): number => {
    const node = nodes.get(id)!
    const name = nameOf(node.callFrame)
    const self = name === "(idle)" || name === "(program)" && stack.size === 0 ? 0 : own.get(id) ?? 0
    busy += self
    const inner = new Set(stack).add(name)
    let total = self
    for (const child of node.children ?? []) total += visit(child, inner)
    const share = shares.get(name) ?? { own: 0, total: 0 }
    share.own += self
    // A function that calls itself counts once.
    if (!stack.has(name)) share.total += total
    shares.set(name, share)
    return total
  }
  visit(profile.nodes[0]!.id, new Set())
  return { busy, shares }
}

const percent = (part: number, whole: number): string => `${(part / whole * 100).toFixed(1)} %`.padStart(8)

for (const file of positionals) {
  const { busy, shares } = sharesOf(JSON.parse(readFileSync(file, "utf8")) as Profile)
  console.log(`\n${basename(file)}: ${(busy / 1e6).toFixed(2)} s busy\n     own     total`)
  const top = [...shares].sort(([, a], [, b]) => b.own - a.own).slice(0, Number(options.top))
  for (const [name, { own, total }] of top) console.log(`${percent(own, busy)}  ${percent(total, busy)}  ${name}`)
}
