/**
 * Builds the chat page and serves it, together with the node that it connects to: both on one port,
 * and a TCP port besides for terminals. `npm run example:browser -- --port 8080 --tcp 4444 --host 127.0.0.1`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { Mesh } from "effect-p2p"
import { NodeMesh } from "effect-p2p/node"
import * as fs from "node:fs/promises"
import * as Http from "node:http"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { rolldown } from "rolldown"

const folder = import.meta.dirname

/** The script of the page: one file, without anything of Node. */
const buildScript = async (): Promise<string> => {
  const bundle = await rolldown({
    input: path.join(folder, "chat.ts"),
    platform: "browser",
    resolve: { conditionNames: ["effect-p2p-source", "browser", "import", "default"] }
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  return output[0].code
}

/** What the server has, by path. */
const files = Effect.promise(async () => {
  const [page, style, script] = await Promise.all([
    fs.readFile(path.join(folder, "index.html"), "utf8"),
    fs.readFile(path.join(folder, "chat.css"), "utf8"),
    buildScript()
  ])
  return new Map([
    ["/", { type: "text/html; charset=utf-8", body: page }],
    ["/chat.css", { type: "text/css; charset=utf-8", body: style }],
    ["/chat.js", { type: "text/javascript; charset=utf-8", body: script }]
  ])
})

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8080" },
    tcp: { type: "string", default: "4444" }
  }
})

const node = Layer.unwrap(Effect.map(files, (found) =>
  NodeMesh.layer({
    host: values.host,
    port: Number(values.tcp),
    listenFurther: [`ws://${values.host}:${values.port}`],
    webSocket: {
      server: () =>
        Http.createServer((request, response) => {
          const file = found.get(new URL(request.url ?? "/", "http://page").pathname)
          response.writeHead(file === undefined ? 404 : 200, { "Content-Type": file?.type ?? "text/plain" })
          response.end(file?.body ?? "There is no such page.\n")
        })
    }
  })))

const program = Effect.gen(function*() {
  const { addresses } = yield* Mesh
  yield* Console.log(`Open ${String(addresses[1]).replace("ws:", "http:")} in a browser, or several.`)
  yield* Console.log(`In a terminal: npx p2p mesh --connect ${addresses[0]}`)
  yield* Effect.never
})

program.pipe(Effect.provide(node), NodeRuntime.runMain)
