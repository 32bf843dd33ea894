/**
 * A worker process: so many nodes of one system for each of its variants, driven by the requests
 * of the process that started it, and gone when that process is.
 */
import { startMesh } from "./mesh.ts"
import { type BenchNode, type StartNode, type System, type Variant, variants } from "./node.ts"
import { Payloads, Tally, wallMillis } from "./payload.ts"
import { endProfile, startProfile } from "./profiler.ts"
import { type Credentials, startRaw } from "./raw.ts"
import { startRawFlood } from "./rawFlood.ts"

/** One node of one variant. */
interface Target {
  readonly variant: Variant
  readonly node: number
}

/** What a worker is asked; the answer comes with the same `key`. */
export type Request =
  & { readonly key: number }
  & (
    | { readonly type: "start" }
    | Target & { readonly type: "connect"; readonly address: string }
    | Target & { readonly type: "linked"; readonly count: number }
    | Target & { readonly type: "publish"; readonly bytes: number; readonly millis: number; readonly atOnce: number }
    | Target & { readonly type: "time" }
    | Target & { readonly type: "timed" }
    | Target & {
      readonly type: "pace"
      readonly bytes: number
      readonly millis: number
      readonly rate: number
    }
    | Target & { readonly type: "reach"; readonly total: number; readonly timeoutMillis: number }
    | { readonly type: "stop" }
  )

/** What a worker answers, or says unasked. */
export type Response =
  | { readonly type: "answer"; readonly key: number; readonly value: unknown }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "remark"; readonly text: string }

/** The answer to `start`: where each node of each variant listens. */
export type Addresses = Readonly<Partial<Record<Variant, ReadonlyArray<string>>>>

/** The answer to `publish`. */
export interface Published {
  readonly count: number
  readonly startMillis: number
}

interface Slot {
  readonly node: BenchNode
  readonly tally: Tally
  readonly payloads: Payloads
}

const [systemName, nodeCount, profileFile] = process.argv.slice(2)
const system = systemName as System
const slots = new Map<Variant, Array<Slot>>()

const tell = (response: Response): void => {
  process.send?.(response)
}

/** The raw node over TLS is given what a node of ours would have made for itself. */
const credentials = async (): Promise<Credentials> => {
  const [{ Effect }, NodeIdentity, { selfSigned }] = await Promise.all([
    import("effect"),
    import("../src/Transport/NodeIdentity.ts"),
    import("../src/Transport/NodeCertificate.ts")
  ])
  const { privateKey } = await Effect.runPromise(NodeIdentity.generate)
  const cert = await Effect.runPromise(selfSigned(privateKey))
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert }
}

const starter = async (): Promise<StartNode> => {
  switch (system) {
    case "raw":
    case "raw JSON":
      return startRaw()
    case "raw over TLS":
      return startRaw(await credentials())
    case "raw flood":
      return startRawFlood
    case "gossipsub":
    case "signed gossipsub":
      return (await import("./versus/gossipsub.ts")).startGossipsub
    default:
      return startMesh
  }
}

const startAll = async (): Promise<Addresses> => {
  const start = await starter()
  const isOrdered = system !== "raw flood" && system !== "mesh of ten" && !system.endsWith("gossipsub")
  const addresses: Partial<Record<Variant, ReadonlyArray<string>>> = {}
  for (const variant of variants[system]) {
    const made: Array<Slot> = []
    for (let i = 0; i < Number(nodeCount); i++) {
      const tally = new Tally(isOrdered)
      const node = await start(variant, tally, (text) => tell({ type: "remark", text }))
      made.push({ node, tally, payloads: new Payloads() })
    }
    slots.set(variant, made)
    addresses[variant] = made.map((slot) => slot.node.address)
  }
  await startProfile(profileFile)
  return addresses
}

const answer = async (request: Request): Promise<unknown> => {
  if (request.type === "start") return startAll()
  if (request.type === "stop") {
    await endProfile(profileFile)
    await Promise.all([...slots.values()].flat().map((slot) => slot.node.stop()))
    return undefined
  }
  const { node, payloads, tally } = slots.get(request.variant)![request.node]!
  switch (request.type) {
    case "connect":
      return node.connect(request.address)
    case "linked":
      return node.linked(request.count)
    case "publish": {
      const startMillis = wallMillis()
      const count = await node.publish(payloads, request.bytes, request.millis, request.atOnce)
      return { count, startMillis } satisfies Published
    }
    case "pace": {
      const startMillis = wallMillis()
      const count = await node.pace(payloads, request.bytes, request.millis, request.rate)
      return { count, startMillis } satisfies Published
    }
    case "time":
      return tally.time()
    case "timed":
      return tally.timed()
    case "reach":
      return tally.reach(request.total, request.timeoutMillis)
  }
}

const fail = (error: unknown): void => {
  tell({ type: "failed", message: error instanceof Error ? error.stack ?? error.message : String(error) })
}

process.on("message", (request: Request) => {
  answer(request).then((value) => {
    tell({ type: "answer", key: request.key, value })
    if (request.type === "stop") setImmediate(() => process.exit())
  }, fail)
})
process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)
process.on("disconnect", () => process.exit())
