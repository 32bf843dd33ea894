/** Networks of worker processes: a sender and the nodes that must receive all that it sends, wherever they run. */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type System, type Variant, variants } from "./node.ts"
import type { Addresses, Published, Request, Response } from "./worker.ts"

/** A topology by its name in the tables. */
export type Topology = "one to one" | "one to four" | "line of five" | "ten with four links each"

/** Without any payload for this long a run has failed: something was lost, or everything stands still. */
const timeoutMillis = 20_000

type WithoutKey<A> = A extends unknown ? Omit<A, "key"> : never

/** Every worker that runs, to be ended with this process, however that ends. */
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

class Worker {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #failure: Error | undefined
  #keys = 0

  constructor(name: string, system: System, nodeCount: number, profileDirectory: string | undefined) {
    const file = profileDirectory === undefined ? [] : [join(profileDirectory, `${name}.cpuprofile`)]
    const args = [system, String(nodeCount), ...file]
    this.#child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), args)
    running.add(this.#child)
    this.#child.on("message", (response: Response) => this.#take(name, response))
    this.#child.on("exit", (code) => {
      running.delete(this.#child)
      this.#fail(new Error(`${name} ended with ${code}`))
    })
  }

  ask<A>(request: WithoutKey<Request>): Promise<A> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const key = ++this.#keys
    return new Promise<A>((resolve, reject) => {
      this.#waiting.set(key, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ ...request, key } as Request)
    })
  }

  #take(name: string, response: Response): void {
    if (response.type === "failed") this.#fail(new Error(`${name}: ${response.message}`))
    else if (response.type === "remark") console.error(`${name}: ${response.text}`)
    else {
      this.#waiting.get(response.key)?.resolve(response.value)
      this.#waiting.delete(response.key)
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** Ends the process in order, so that it can write its profile; after two seconds by force. */
  async stop(): Promise<void> {
    if (!running.has(this.#child)) return
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()))
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 2000)
    this.ask({ type: "stop" }).catch(() => this.#child.kill("SIGKILL"))
    await gone
    clearTimeout(timer)
  }
}

/** Where a node is. */
interface Place {
  readonly worker: number
  readonly node: number
}

/** How many nodes each worker has, who dials whom, and who receives. The sender is the first node of the first worker. */
interface Plan {
  readonly workers: ReadonlyArray<number>
  readonly links: ReadonlyArray<readonly [from: Place, to: Place]>
  readonly receivers: ReadonlyArray<Place>
}

const star = (count: number): Plan => {
  const receivers = Array.from({ length: count }, (_, i) => ({ worker: i + 1, node: 0 }))
  return {
    workers: [1, ...receivers.map(() => 1)],
    links: receivers.map((to) => [{ worker: 0, node: 0 }, to]),
    receivers
  }
}

const line = (count: number): Plan => {
  const receivers = Array.from({ length: count - 1 }, (_, i) => ({ worker: 0, node: i + 1 }))
  return { workers: [count], links: receivers.map((to) => [{ worker: 0, node: to.node - 1 }, to]), receivers }
}

/** Ten nodes in one process, each linked to four others: of all such networks one that was drawn. */
const drawn: ReadonlyArray<readonly [number, number]> = [
  [0, 3],
  [0, 5],
  [0, 8],
  [0, 9],
  [1, 2],
  [1, 4],
  [1, 6],
  [1, 9],
  [2, 5],
  [2, 7],
  [2, 8],
  [3, 4],
  [3, 6],
  [3, 7],
  [4, 8],
  [4, 9],
  [5, 6],
  [5, 7],
  [6, 8],
  [7, 9]
]

const ten: Plan = {
  workers: [10],
  links: drawn.map(([from, to]) => [{ worker: 0, node: from }, { worker: 0, node: to }]),
  receivers: Array.from({ length: 9 }, (_, i) => ({ worker: 0, node: i + 1 }))
}

const plans: Readonly<Record<Topology, Plan>> = {
  "one to one": star(1),
  "one to four": star(4),
  "line of five": line(5),
  "ten with four links each": ten
}

/** One topology of one system, with all its variants. */
export class Network {
  readonly #workers: ReadonlyArray<Worker>
  readonly #plan: Plan
  readonly #totals = new Map<Variant, number>()

  private constructor(workers: ReadonlyArray<Worker>, plan: Plan) {
    this.#workers = workers
    this.#plan = plan
  }

  /** Starts the processes and links the nodes. `profileDirectory`: where each process leaves its CPU profile. */
  static async start(topology: Topology, system: System, profileDirectory: string | undefined): Promise<Network> {
    const plan = plans[topology]
    const workers = plan.workers.map((nodeCount, index) =>
      new Worker(
        `${system}, ${topology}, ${index === 0 ? "sender" : `receiver ${index}`}`,
        system,
        nodeCount,
        profileDirectory
      )
    )
    const network = new Network(workers, plan)
    try {
      const addresses = await Promise.all(workers.map((worker) => worker.ask<Addresses>({ type: "start" })))
      for (const variant of variants[system]) await network.#link(variant, addresses)
    } catch (error) {
      await network.stop()
      throw error
    }
    return network
  }

  async #link(variant: Variant, addresses: ReadonlyArray<Addresses>): Promise<void> {
    const counts = new Map<string, { place: Place; count: number }>()
    const add = (place: Place): void => {
      const key = `${place.worker}.${place.node}`
      counts.set(key, { place, count: (counts.get(key)?.count ?? 0) + 1 })
    }
    for (const [from, to] of this.#plan.links) {
      const address = addresses[to.worker]![variant]![to.node]!
      await this.#workers[from.worker]!.ask({ type: "connect", variant, node: from.node, address })
      add(from)
      add(to)
    }
    for (const { count, place } of counts.values()) {
      await this.#workers[place.worker]!.ask({ type: "linked", variant, node: place.node, count })
    }
  }

  /** Sends for `millis` and waits until all receivers have all of it: messages a second. Throws when one does not. */
  async measure(variant: Variant, bytes: number, millis: number, atOnce: number): Promise<number> {
    const { count, startMillis } = await this.#workers[0]!.ask<Published>(
      { type: "publish", variant, node: 0, bytes, millis, atOnce }
    )
    const end = await this.#reach(variant, count)
    return count / (end - startMillis) * 1000
  }

  /** When the last receiver has so many more; throws when one does not get them. */
  async #reach(variant: Variant, count: number): Promise<number> {
    const total = (this.#totals.get(variant) ?? 0) + count
    this.#totals.set(variant, total)
    const ends = await Promise.all(
      this.#plan.receivers.map((place) =>
        this.#workers[place.worker]!.ask<number>({ type: "reach", variant, node: place.node, total, timeoutMillis })
      )
    )
    return Math.max(...ends)
  }

  /** How long each payload took to each receiver, in milliseconds, with `rate` of them sent a second for `millis`. */
  async delays(variant: Variant, bytes: number, millis: number, rate: number): Promise<ReadonlyArray<number>> {
    const ask = <A>(type: "time" | "timed"): Promise<ReadonlyArray<A>> =>
      Promise.all(
        this.#plan.receivers.map(({ node, worker }) => this.#workers[worker]!.ask<A>({ type, variant, node }))
      )
    await ask("time")
    const { count } = await this.#workers[0]!.ask<Published>({ type: "pace", variant, node: 0, bytes, millis, rate })
    await this.#reach(variant, count)
    return (await ask<ReadonlyArray<number>>("timed")).flat()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()))
  }
}
