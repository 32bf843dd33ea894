/** The page: the node that serves it, or a trace, one that the server has or one that somebody opens. */
import { elementOf } from "./Dom.ts"
import { Live } from "./Live.ts"
import { Player, refuse } from "./Player.ts"
import { parse } from "./Trace.ts"

/** The largest file that is read, in bytes. */
const maxFileBytes = 64 * 1024 * 1024

const stage = elementOf("stage", SVGSVGElement)
const live = new Live(stage)
const player = new Player(stage)
const back = elementOf("live", HTMLButtonElement)
let hasNode = true

const open = (name: string, content: string): void => {
  const trace = parse(content)
  if (typeof trace === "string") return refuse(`${name}: ${trace}`)
  live.stop()
  player.close()
  player.open(name, trace)
  back.hidden = !hasNode
}

elementOf("file", HTMLInputElement).addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement
  const file = input.files?.[0]
  if (file === undefined) return
  if (file.size > maxFileBytes) return refuse(`${file.name}: larger than ${maxFileBytes / (1 << 20)} MiB`)
  void file.text().then((content) => {
    input.value = ""
    open(file.name, content)
  })
})

back.addEventListener("click", () => {
  player.close()
  back.hidden = true
  live.start()
})

// `p2p replay` serves a trace, and no node.
const state: unknown = await fetch("state").then((response) => response.json(), () => undefined)
if (state !== null) live.start()
else {
  hasNode = false
  const response = await fetch("trace.jsonl")
  if (response.ok) open("Replay", await response.text())
  else refuse("there is neither a node nor a trace here")
}
