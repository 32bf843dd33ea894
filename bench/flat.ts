/**
 * Whether rate and memory stay what they are: one node broadcasts 64 bytes at a time to another, in another process,
 * over TCP and at full speed.
 *
 *     npm run bench:flat [-- --minutes 10]
 *
 * Twenty times it prints messages a second, and of both processes the heap after a collection and the resident
 * memory, in MB. Ends with 1 when the median heap of the second half is larger than that of the first by more than
 * a tenth and 2 MB, or its median rate is under 0.8 of the first half's.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { MeshConfig } from "../src/Mesh/MeshConfig.ts"
import { flags, positive } from "./flags.ts"
import { startMesh } from "./mesh.ts"
import { Payloads, Tally, wallMillis } from "./payload.ts"
import { median } from "./report.ts"

const samples = 20
const bytes = 64

/** Without the last of what was sent for this long, something was lost. */
const timeoutMillis = 30_000

const options = flags({ minutes: { type: "string", default: "10" }, receive: { type: "boolean", default: false } })
const sampleMillis = positive("minutes", options.minutes) * 60_000 / samples

/** In MB. */
interface Memory {
  readonly heap: number
  readonly rss: number
}

interface Sample {
  readonly count: number
  readonly rate: number
  readonly sender: Memory
  readonly receiver: Memory
}

/** What the receiver says when it has got all of `total` messages, and when that was. */
interface Received {
  readonly millis: number
  readonly memory: Memory
}

const memory = (): Memory => {
  if (globalThis.gc === undefined) throw new Error("run it by `npm run bench:flat`, or with --expose-gc")
  globalThis.gc()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed / 1e6, rss: rss / 1e6 }
}

const remark = (text: string): void => console.error(text)

/** The other process: takes messages, and answers how many must have come. */
const receive = async (): Promise<void> => {
  const tally = new Tally(true)
  const node = await startMesh("default", tally, remark)
  process.on("message", (total: number) => {
    tally.reach(total, timeoutMillis).then(
      (millis) => process.send!({ millis, memory: memory() }),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
  process.on("disconnect", () => process.exit())
  process.send!(node.address)
}

/** What the receiver says next. */
const hear = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the receiver ended with ${code}`))
    child.once("exit", ended)
    child.once("message", (message) => {
      child.off("exit", ended)
      resolve(message as A)
    })
  })

const measure = async function*(child: ChildProcess, sliceMillis: number): AsyncGenerator<Sample> {
  const node = await startMesh("default", new Tally(true), remark)
  await node.connect(await hear<string>(child))
  const payloads = new Payloads()
  let count = 0
  const send = async (millis: number): Promise<Sample> => {
    const begun = wallMillis()
    const sent = await node.publish(payloads, bytes, millis, 1)
    count += sent
    child.send(count)
    const received = await hear<Received>(child)
    const rate = sent / (received.millis - begun) * 1000
    return { count, rate, sender: memory(), receiver: received.memory }
  }
  // Until the ids of messages have all the room that they are given, the heap does grow.
  while (count < 2 * MeshConfig.defaults.maxSeenIds) await send(1000)
  for (let index = 0; index < samples; index++) yield await send(sliceMillis)
  await node.stop()
}

/** What is wrong with the second half, in sentences. */
const faults = (taken: ReadonlyArray<Sample>): ReadonlyArray<string> => {
  const halves = (of: (sample: Sample) => number): readonly [number, number] => {
    const values = taken.map(of)
    return [median(values.slice(0, samples / 2)), median(values.slice(samples / 2))]
  }
  const found: Array<string> = []
  for (const name of ["sender", "receiver"] as const) {
    const [first, second] = halves((sample) => sample[name].heap)
    if (second > 1.1 * first + 2) {
      found.push(`the ${name}'s heap grew from ${first.toFixed(1)} to ${second.toFixed(1)} MB`)
    }
  }
  const [first, second] = halves((sample) => sample.rate)
  if (second < 0.8 * first) {
    found.push(`the rate fell from ${Math.round(first)} to ${Math.round(second)} messages a second`)
  }
  return found
}

const header = ["messages", "a second", "heap out", "rss out", "heap in", "rss in"]

const line = (columns: ReadonlyArray<string>): string => columns.map((column) => column.padStart(12)).join("")

const cells = ({ count, rate, receiver, sender }: Sample): ReadonlyArray<string> => [
  count.toLocaleString("en-US"),
  Math.round(rate).toLocaleString("en-US"),
  ...[sender.heap, sender.rss, receiver.heap, receiver.rss].map((value) => value.toFixed(1))
]

const main = async (): Promise<void> => {
  const child = fork(fileURLToPath(import.meta.url), ["--receive"])
  process.on("exit", () => child.kill("SIGKILL"))
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))
  console.log(line(header))
  const taken: Array<Sample> = []
  for await (const sample of measure(child, sampleMillis)) {
    taken.push(sample)
    console.log(line(cells(sample)))
  }
  const found = faults(taken)
  console.log(found.length === 0 ? "flat" : `not flat: ${found.join(", ")}`)
  process.exit(found.length === 0 ? 0 : 1)
}

await (options.receive ? receive() : main())
