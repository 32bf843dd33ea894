/**
 * Nodes of one network find each other on a LAN, without an address of any: each answers questions by
 * multicast DNS (RFC 6762, 6763) for `_effect-p2p._tcp.local` with its address and the id of its network,
 * and learns what others answer. What is learned is hearsay, as a list of peers is, within the same bounds: the
 * node dials it when it lacks links, and the handshake tells who is there.
 *
 * It needs the package `multicast-dns`, which is installed with this one only where one asks for it.
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { NodeLan, NodeMesh } from "effect-p2p/node"
 *
 * const node = NodeLan.layerMesh().pipe(Layer.provideMerge(NodeMesh.layer({ host: "0.0.0.0" })))
 *
 * NodeRuntime.runMain(Effect.provide(Effect.never, node))
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type { MulticastDNS, Options, ResponsePacket } from "multicast-dns"
import * as net from "node:net"
import * as os from "node:os"
import { Chord } from "../Chord/Chord.ts"
import { Mesh } from "../Mesh/Mesh.ts"
import { format, fromParts, parse, type PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"
import { checked } from "../Transport/Settings.ts"
import { enter } from "./internal/ringEntry.ts"

/**
 * How to ask, and where.
 *
 * @category options
 * @since 0.1.0
 */
export interface LanOptions {
  /** How often the LAN is asked, spread by a fifth each way; the first time at once. Default 1 minute. */
  readonly interval?: Duration.Input | undefined
  /** The port of the questions and answers. Default 5353, which all use. */
  readonly port?: number | undefined
  /** The IPv4 address of the network interface. Default all of them. */
  readonly interface?: string | undefined
}

/**
 * The LAN cannot be asked: the package is missing, the system does not let this program, or a setting makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class LanError extends Schema.TaggedError<LanError>()("LanError", { cause: Schema.Defect() }) {
  override get message(): string {
    return `cannot look for nodes on the LAN: ${
      this.cause instanceof Error && "code" in this.cause && this.cause.code === "ERR_MODULE_NOT_FOUND"
        ? "it needs one package more: npm install multicast-dns"
        : String(this.cause)
    }`
  }
}

const service = "_effect-p2p._tcp.local"

/** Seconds for which others may keep an answer. */
const ttl = 120

/** Records of one packet that are looked at. */
const maxRecords = 64

/** All hear an answer, and one in this time will do, however many ask (RFC 6762, section 6). In milliseconds. */
const answerMillis = 1000

/**
 * Makes the `Mesh` in the environment known on the LAN, and has it learn of others of its network, until
 * the scope closes. A node that listens on 127.0.0.1 is found by others on its machine alone.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMesh = (options: LanOptions = {}): Layer.Layer<never, LanError, Mesh> =>
  Layer.effectDiscard(Effect.flatMap(Mesh, (mesh) => meet(mesh, options)))

/**
 * The same for the `Chord` in the environment, and nodes with its subnet and `bits`. It has to listen on an address that
 * the LAN reaches, or to announce one: others of a ring pass on what the node itself says. Where it knows no one else, the
 * layer waits up to three seconds for one to answer and for its ring, so that what is read next is read there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChord = (options: LanOptions = {}): Layer.Layer<never, LanError, Chord> =>
  Layer.effectDiscard(
    Effect.flatMap(Chord, (chord) => enter(chord, meet({ ...chord, addresses: [chord.address] }, options)))
  )

/** What the LAN gets to know of a node, and the node of the LAN. */
type LanNode = Pick<Mesh["Service"], "id" | "address" | "addresses" | "networkId" | "learn">

/** Answers and asks until the scope closes. */
const meet = Effect.fnUntraced(function*(node: LanNode, options: LanOptions) {
  const { interval } = yield* Effect.try({ try: () => checkedOf(options), catch: (cause) => new LanError({ cause }) })
  const dns = yield* openDns(options)
  const context = yield* Effect.context<never>()
  const answers = toAnswers(node)
  const asked = Latch.makeUnsafe(false)
  dns.on("query", ({ questions = [] }) => {
    const isAsked = questions.slice(0, maxRecords).some(({ name, type }) => name === service && type === "PTR")
    if (isAsked) asked.openUnsafe()
  })
  dns.on("response", (packet, { address }) => {
    const found = addressesIn(packet, node, address)
    const teller = toTeller(address)
    if (found.length > 0 && teller !== undefined) Effect.runSyncWith(context)(node.learn(found, teller))
  })
  const intervalMillis = Duration.toMillis(interval)
  const ask = Effect.andThen(
    Effect.sync(() => dns.query({ questions: [{ name: service, type: "PTR" }] })),
    Effect.flatMap(Random.next, (chance) => Effect.sleep(intervalMillis * (0.8 + 0.4 * chance)))
  )
  yield* Effect.forkScoped(Effect.forever(ask))
  const answer = Effect.sync(() => {
    asked.closeUnsafe()
    dns.respond({ answers })
  })
  yield* Effect.forkScoped(
    Effect.forever(asked.await.pipe(Effect.andThen(answer), Effect.andThen(Effect.sleep(answerMillis))))
  )
})

/** Throws what to write for a setting that makes no sense: the package throws for a port that is none where nobody catches it. */
const checkedOf = ({ interface: host = "0.0.0.0", interval, port = 5353 }: LanOptions) => {
  if (!net.isIPv4(host)) {
    throw new RangeError(`the setting interface is ${host}: write the IPv4 address of one, such as 192.168.1.20`)
  }
  if (Number.isInteger(port) && port >= 1 && port <= 65535) {
    return checked({ interval: Duration.minutes(1) as Duration.Input }, { interval })
  }
  throw new RangeError(`the setting port is ${port}: write one from 1 to 65535`)
}

const load = () => import("multicast-dns")

/** Fails when the package is missing, for those who want to know before the node runs. @internal */
export const check: Effect.Effect<void, LanError> = Effect.asVoid(
  Effect.tryPromise({ try: load, catch: (cause) => new LanError({ cause }) })
)

const openDns = ({ interface: host, port }: LanOptions) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const { default: multicastDns } = await load()
        const settings: Options = {
          // Bound to that address itself, the socket would hear nothing that is for a group.
          ...(host === undefined ? {} : { interface: host, bind: "0.0.0.0" }),
          ...(port === undefined ? {} : { port })
        }
        const opened = guarded(multicastDns(settings))
        try {
          await new Promise<void>((resolve, reject) => {
            // A port that is taken is told twice. What goes wrong later, as when an interface goes, is no reason
            // to end: the next question may do.
            opened.on("error", reject).on("warning", () => {}).once("ready", resolve)
          })
        } catch (cause) {
          opened.destroy()
          throw cause
        }
        return opened
      },
      catch: (cause) => new LanError({ cause })
    }),
    (opened) => Effect.callback<void>((resume) => opened.destroy(() => resume(Effect.void)))
  )

/**
 * The package looks for new interfaces every five seconds. The system may refuse, as where no descriptors are left, and nobody
 * would catch that.
 */
const guarded = (opened: MulticastDNS): MulticastDNS => {
  const updating = opened as MulticastDNS & { update: () => void }
  const { update } = updating
  updating.update = () => {
    try {
      update()
    } catch (cause) {
      opened.emit("error", cause)
    }
  }
  return opened
}

/** A label has 63 bytes at most. */
const labelOf = ({ id }: LanNode): string => id.slice(0, 40)

const instanceOf = (node: LanNode): string => `${labelOf(node)}.${service}`

const toAnswers = (node: LanNode) => {
  const instance = instanceOf(node)
  const data = [
    `network=${node.networkId}`,
    ...node.addresses.filter(({ port }) => port !== 0).map((address) => `address=${format(address)}`)
  ]
  return [
    { name: service, type: "PTR" as const, ttl, data: instance },
    { name: instance, type: "SRV" as const, ttl, data: { port: node.address.port, target: `${labelOf(node)}.local` } },
    { name: instance, type: "TXT" as const, ttl, data }
  ]
}

/**
 * Where a packet comes from. Who is on this machine may tell of what is reached from there alone; `undefined` where the
 * system does not say who is.
 */
const toTeller = (address: string): PeerAddress | undefined => {
  try {
    const isOwn = Object.values(os.networkInterfaces()).some((all) => all?.some((own) => own.address === address))
    return fromParts(isOwn ? "127.0.0.1" : address, 0)
  } catch {
    return undefined
  }
}

/**
 * Addresses of other nodes of its network; one that says "all addresses" is where the packet came from. What is sent to the
 * group comes back to the sender.
 */
const addressesIn = (packet: ResponsePacket, node: LanNode, from: string): ReadonlyArray<PeerAddress> =>
  [...packet.answers ?? [], ...packet.additionals ?? []].slice(0, maxRecords).flatMap((record) => {
    if (record.type !== "TXT" || !record.name.endsWith(service) || record.name === instanceOf(node)) return []
    const data: ReadonlyArray<unknown> = Array.isArray(record.data) ? record.data : [record.data]
    const texts = data.slice(0, 16).map(String)
    if (!texts.includes(`network=${node.networkId}`)) return []
    return texts.flatMap((text) => {
      const address = text.startsWith("address=") ? parse(text.slice("address=".length)) : undefined
      if (address === undefined) return []
      const isAny = address.hostname === "0.0.0.0" || address.hostname === "::"
      return (isAny ? withScheme(fromParts(from, address.port), address.scheme) : address) ?? []
    })
  })
