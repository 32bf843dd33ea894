/** The nodes of `p2p demo`: in this process, through the library, or in one of their own, through `p2p mesh`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as NodeMesh from "../Layers/NodeMesh.ts"
import { Mesh } from "../Mesh/Mesh.ts"
import { format } from "../Protocol/PeerAddress.ts"
import { type ChildFailed, type DemoProcess, startProcess } from "./DemoProcess.ts"

/**
 * What a node of the demo told about, in either way of running it.
 *
 * @category models
 * @since 0.1.0
 */
export type DemoEvent =
  | { readonly _tag: "Heard"; readonly kind: string; readonly id: string; readonly text: string }
  | { readonly _tag: "Subscribed" }
  | { readonly _tag: "Topic"; readonly value: unknown }
  | { readonly _tag: "Joined"; readonly address: string }
  | { readonly _tag: "Left"; readonly address: string }

/**
 * A node of the demo.
 *
 * @category models
 * @since 0.1.0
 */
export interface DemoNode {
  readonly name: string
  readonly address: string
  /** Everything it has told so far, in order. */
  readonly log: ReadonlyArray<DemoEvent>
}

/**
 * A node in a process of its own, which takes the commands of `p2p mesh`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildNode extends DemoNode, DemoProcess {}

/**
 * Starts a node in this process. `onNews` is called after each event.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startLocal = Effect.fnUntraced(function*(name: string, links: number, onNews: () => void) {
  const mesh = Context.get(yield* Layer.build(Layer.fresh(NodeMesh.layer({ maxOutboundLinks: links }))), Mesh)
  const log: Array<DemoEvent> = []
  const note = (event: DemoEvent) => {
    log.push(event)
    onNews()
  }
  const fork = Effect.forkScoped({ startImmediately: true })
  yield* mesh.messages.pipe(
    Stream.runForEach(({ id, kind, text }) => Effect.sync(() => note({ _tag: "Heard", kind, id, text }))),
    fork
  )
  yield* mesh.events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        const isMove = event._tag === "PeerJoined" || event._tag === "PeerLeft"
        if (!isMove || event.address === undefined) return
        note({ _tag: event._tag === "PeerJoined" ? "Joined" : "Left", address: format(event.address) })
      })
    ),
    fork
  )
  return { name, address: format(mesh.address), log, mesh, note }
})

/** The lines of `p2p mesh --json` that the demo follows. */
const Line = Schema.fromJsonString(Schema.Struct({
  event: Schema.String,
  address: Schema.optional(Schema.String),
  kind: Schema.optional(Schema.String),
  id: Schema.optional(Schema.String),
  packets: Schema.optional(Schema.Array(Schema.String)),
  value: Schema.optional(Schema.Unknown)
}))

const decodeLine = Schema.decodeOption(Line)

const toEvent = (line: typeof Line.Type): DemoEvent | undefined => {
  switch (line.event) {
    case "message":
      return { _tag: "Heard", kind: line.kind ?? "", id: line.id ?? "", text: line.packets?.[0] ?? "" }
    case "subscribed":
      return { _tag: "Subscribed" }
    case "topic":
      return { _tag: "Topic", value: line.value }
    case "peer-joined":
      return { _tag: "Joined", address: line.address ?? "" }
    case "peer-left":
      return { _tag: "Left", address: line.address ?? "" }
    default:
      return undefined
  }
}

/**
 * Starts `p2p mesh` in a process of its own, linked to an address, and waits until it listens.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startChild = Effect.fnUntraced(function*(
  name: string,
  connect: string,
  onNews: () => void
): Effect.fn.Return<ChildNode, ChildFailed, ChildProcessSpawner | Scope.Scope> {
  const log: Array<DemoEvent> = []
  const child = yield* startProcess(name, ["mesh", "--json", "--links", "1", "--connect", connect], (text) => {
    const line = decodeLine(text)
    const event = Option.isSome(line) ? toEvent(line.value) : undefined
    if (event === undefined) return
    log.push(event)
    onNews()
  })
  return { ...child, log }
})
