/**
 * Nodes of `js2p` 0.7.870 as it is on npm, in one child process that tests share. Each node has an address
 * of 127.0.0.0/8 and a port of its own: js2p takes a node for known when host *or* port is.
 */
import { Context, Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const driver = fileURLToPath(new URL("driver.cjs", import.meta.url))

/** The longest wait for an answer; reached only when a test fails. */
const deadline = "30 seconds"

/** A message as js2p hands it to its user. */
export interface Heard {
  readonly type: number
  readonly sender: unknown
  readonly packets: ReadonlyArray<unknown>
  readonly id: string
}

interface Line extends Heard {
  readonly number?: number
  readonly result?: unknown
  readonly error?: string
  readonly node?: string
  readonly event?: string
  readonly key?: unknown
  readonly value?: unknown
}

/** What a node is made of. */
export interface NodeOptions {
  readonly kind: "mesh" | "chord" | "sync"
  readonly subnet: string
  readonly encryption?: "Plaintext" | "SSL" | "ws"
  readonly leasing?: boolean
}

/** A node in the other process. */
export interface Js2pNode {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly address: string
  readonly port: number
  readonly heard: ReadonlyArray<Heard>
  /** What a sync node told of changes: key and value. */
  readonly updates: ReadonlyArray<readonly [unknown, unknown]>
  readonly call: (command: string, args?: Readonly<Record<string, unknown>>) => Effect.Effect<unknown>
  readonly connect: (address: string) => Effect.Effect<unknown>
  readonly peerIds: Effect.Effect<ReadonlyArray<string>>
}

/** The child process. */
export class Js2p extends Context.Service<Js2p, {
  readonly start: (options: NodeOptions) => Effect.Effect<Js2pNode>
  /** Every error that js2p noted or threw, of all nodes so far. */
  readonly errors: () => ReadonlyArray<string>
}>()("test/Js2p") {
  static readonly layer: Layer.Layer<Js2p> = Layer.effect(this, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--tls-cipher-list=DEFAULT@SECLEVEL=0", driver], { stdio: ["pipe", "pipe", "ignore"] })
    ),
    (child) => Effect.sync(() => child.kill())
  )
  const waiting = new Map<number, (line: Line) => void>()
  const listeners = new Map<string, (line: Line) => void>()
  const errors: Array<string> = []
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line
    if (line.number !== undefined) waiting.get(line.number)?.(line)
    else if (line.node !== undefined) listeners.get(line.node)?.(line)
    else errors.push(String(line.error))
  })
  let count = 0
  const call = (command: string, args: Readonly<Record<string, unknown>>): Effect.Effect<unknown> =>
    Effect.callback<unknown>((resume) => {
      const number = ++count
      waiting.set(number, ({ error, result }) => {
        waiting.delete(number)
        resume(error === undefined ? Effect.succeed(result) : Effect.die(new Error(`js2p: ${error}`)))
      })
      child.stdin.write(`${JSON.stringify({ number, command, ...args })}\n`)
    }).pipe(Effect.timeoutOrElse({
      duration: deadline,
      orElse: () => Effect.die(new Error(`js2p did not answer ${command} ${JSON.stringify(args)}`))
    }))
  let nodeCount = 0
  const start = Effect.fnUntraced(function*(options: NodeOptions) {
    const name = `n${++nodeCount}`
    const host = `127.0.7.${nodeCount}`
    const heard: Array<Heard> = []
    const updates: Array<readonly [unknown, unknown]> = []
    listeners.set(name, (line) => {
      if (line.event === "message") heard.push(line)
      else if (line.event === "update") updates.push([line.key, line.value])
    })
    const { address, id } = (yield* call("start", { name, host, ...options })) as {
      readonly id: string
      readonly address: readonly [string, number]
    }
    const ask = (command: string, args: Readonly<Record<string, unknown>> = {}) => call(command, { name, ...args })
    const node: Js2pNode = {
      name,
      id,
      host,
      address: `${address[0]}:${address[1]}`,
      port: address[1],
      heard,
      updates,
      call: ask,
      connect: (to) => {
        const end = to.lastIndexOf(":")
        return ask("connect", { host: to.slice(0, end), port: Number(to.slice(end + 1)) })
      },
      peerIds: Effect.map(
        ask("peers"),
        (found) => (found as { readonly peers: ReadonlyArray<{ readonly id: string }> }).peers.map((peer) => peer.id)
      )
    }
    return node
  })
  return { start, errors: () => errors }
})
