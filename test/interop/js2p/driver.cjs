/**
 * Runs any number of js2p nodes in one process, driven over stdio: a JSON command a line in, a JSON answer
 * or event a line out. `js2p` writes to the console as it likes: that goes to standard error.
 *
 * It was written for Node.js 4 to 7. On today's it warns, of `new Buffer` and of what its optional parts
 * lack; and OpenSSL finds its keys of 1024 bits too small unless Node.js is started with
 * `--tls-cipher-list=DEFAULT@SECLEVEL=0`. Nothing else has to be mended.
 */
"use strict"
console.log = console.warn = console.info = (...args) => process.stderr.write(args.join(" ") + "\n")
process.noDeprecation = true

const net = require("node:net")
const base = require("js2p/js_src/base.js")
const sockets = {
  mesh: require("js2p/js_src/mesh.js").MeshSocket,
  chord: require("js2p/js_src/chord.js").ChordSocket,
  sync: require("js2p/js_src/sync.js").SyncSocket
}
const nodes = new Map()

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n")
const text = (value) => Buffer.isBuffer(value) ? { hex: value.toString("hex") } : value
const bytes = (value) => value !== null && typeof value === "object" && "hex" in value ? Buffer.from(value.hex, "hex") : value

/** js2p announces the port it is given, so "any free one" has to be found for it. */
const freePort = (host) =>
  new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject).listen(0, host, () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const commands = {
  async start({ name, kind, host, subnet, encryption, leasing }) {
    const port = await freePort(host)
    const protocol = new base.Protocol(subnet, encryption || "Plaintext")
    const node = kind === "sync"
      ? new sockets.sync(host, port, protocol, leasing)
      : new sockets[kind](host, port, protocol)
    nodes.set(name, node)
    node.on("message", () => {
      for (let message = node.recv(); message !== undefined; message = node.recv()) {
        say({
          node: name,
          event: "message",
          type: message.msg.msg_type,
          sender: text(message.sender),
          packets: message.packets.map(text),
          id: message.id.toString("hex")
        })
        if (message.packets[1] === "reply to this") message.reply(["reply from " + name])
      }
    })
    if (kind === "sync") {
      node.on("update", (_, key, value, from) => say({ node: name, event: "update", key: text(key), value: text(value), from }))
    }
    // A server of WebSockets has its socket inside.
    const server = node.incoming.socket || node.incoming
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve))
    return { id: node.id, address: node.addr }
  },
  connect: ({ name, host, port }) => nodes.get(name).connect(host, port) === true,
  peers({ name }) {
    const { routing_table: table, awaiting_ids: awaiting } = nodes.get(name)
    const rows = Array.from(table.entries(), ([id, link]) => ({ id: id.toString(), address: link.addr, outgoing: link.outgoing }))
    return { peers: rows, awaiting: awaiting.length }
  },
  status: ({ name }) => {
    const status = nodes.get(name).status
    return Array.isArray(status) ? status.map(String) : status
  },
  send({ name, packets }) {
    nodes.get(name).send(packets.map(bytes))
  },
  whisper({ name, to, packets }) {
    nodes.get(name).routing_table.get(to).send(base.flags.whisper, [base.flags.whisper, ...packets.map(bytes)])
  },
  close({ name }) {
    nodes.get(name).close()
    nodes.delete(name)
  },
  storing: ({ name }) => Array.from(nodes.get(name).data_storing).length,
  join: ({ name }) => void nodes.get(name).join(),
  unjoin: ({ name }) => void nodes.get(name).unjoin(),
  set({ name, key, value }) {
    nodes.get(name).set(key, value)
  },
  get: async ({ name, key, fallback }) => text(await nodes.get(name).get(key, fallback)) ?? null,
  delta: async ({ name, key, changes }) => text(await nodes.get(name).apply_delta(key, changes)) ?? null,
  keys: ({ name }) => Array.from(nodes.get(name).keys(), (key) => key.toString())
}

let rest = ""
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n")
  rest = lines.pop()
  for (const line of lines) {
    const { number, command, ...args } = JSON.parse(line)
    new Promise((resolve) => resolve(commands[command](args))).then(
      (result) => say({ number, result: result === undefined ? null : result }),
      (error) => say({ number, error: String(error && error.stack || error) })
    )
  }
})
process.stdin.on("end", () => process.exit(0))
process.on("uncaughtException", (error) => say({ event: "uncaught", error: String(error && error.stack || error) }))
