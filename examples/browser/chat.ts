/**
 * A chat in a page: what one says, all nodes of the mesh hear, in pages and in terminals. It connects
 * to the node that serves the page, or to those in the address: `?connect=ws://host:port&subnet=name`.
 */
import { Effect, Queue, Stream } from "effect"
import { Mesh, type MeshEvent } from "effect-p2p"
import { BrowserMesh } from "effect-p2p/browser"

/** Lines kept on the page. */
const maxLines = 500

const find = <E extends HTMLElement>(id: string, kind: new() => E): E => {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`)
  return found
}

const log = find("log", HTMLOListElement)
const status = find("status", HTMLParagraphElement)
const form = find("form", HTMLFormElement)
const input = find("text", HTMLInputElement)

const short = (id: string) => id.slice(0, 8)

const add = (className: string, text: string, who?: string) => {
  const line = document.createElement("li")
  line.className = className
  if (who !== undefined) {
    const name = document.createElement("span")
    name.className = "who"
    name.textContent = who
    line.append(name)
  }
  line.append(text)
  log.append(line)
  while (log.childElementCount > maxLines) log.firstElementChild?.remove()
  line.scrollIntoView({ block: "end" })
}

const tell = (event: MeshEvent) => {
  if (event._tag === "PeerJoined") add("note", `linked to ${short(event.id)}`)
  if (event._tag === "PeerLeft") add("note", `link to ${short(event.id)} lost`)
}

const showLinks = (id: string, count: number) => {
  status.dataset["state"] = count > 0 ? "linked" : "alone"
  const links = count === 1 ? "1 link" : `${count} links`
  status.textContent = count > 0 ? `You are ${short(id)}, ${links}` : "No link, trying again…"
}

/** The lines that are typed. The form must be kept from loading the page anew at once, in its own listener. */
const typed = Stream.callback<string>((queue) =>
  Effect.sync(() =>
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      const text = input.value.trim()
      if (text !== "") Queue.offerUnsafe(queue, text)
      input.value = ""
    })
  )
)

const program = Effect.gen(function*() {
  const mesh = yield* Mesh
  const run = <A, E>(stream: Stream.Stream<A, E>, onValue: (value: A) => void) =>
    Stream.runForEach(stream, (value) => Effect.sync(() => onValue(value)))
  yield* Effect.all([
    run(mesh.changes, (peers) => showLinks(mesh.id, peers.length)),
    run(mesh.events, tell),
    run(mesh.messages, (message) => add("message", message.text, short(message.sender))),
    Stream.runForEach(
      typed,
      (text) => Effect.tap(mesh.broadcast(text), () => Effect.sync(() => add("message own", text)))
    )
  ], { concurrency: "unbounded", discard: true })
})

const settings = new URLSearchParams(location.search)
const here = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`
const bootstrap = settings.getAll("connect")

program.pipe(
  Effect.provide(BrowserMesh.layer({
    bootstrap: bootstrap.length === 0 ? [here] : bootstrap,
    ...(settings.has("subnet") ? { subnet: settings.get("subnet") ?? "" } : {})
  })),
  Effect.tapError((error) => Effect.sync(() => add("note", error.message))),
  Effect.runFork
)
