/**
 * What a mesh and a dictionary do, shown in some seconds with real nodes over loopback TCP, some of
 * them in processes of their own. Every line tells something that has just happened; when one of
 * them does not come true in time, the demo fails and says which.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Topic from "../Mesh/Topic.ts"
import * as DemoDictionary from "./DemoDictionary.ts"
import { type DemoEvent, type DemoNode, startChild, startLocal } from "./DemoNode.ts"
import { DemoFailed, makeStage, ms, type Stage } from "./DemoStage.ts"
import { invocation } from "./Invocation.ts"

const Temperature = Topic.make("temperature", Schema.Struct({ room: Schema.String, celsius: Schema.Number }))

const heard = (node: DemoNode, text: string): ReadonlyArray<DemoEvent & { readonly _tag: "Heard" }> =>
  node.log.flatMap((event) => event._tag === "Heard" && event.text === text ? [event] : [])

const isLinked = (node: DemoNode, to: DemoNode): boolean => {
  const moves = node.log.filter((event) =>
    (event._tag === "Joined" || event._tag === "Left") && event.address === to.address
  )
  return moves.at(-1)?._tag === "Joined"
}

/** Five nodes in a line: Ada, Ben, Dan, Cleo, Eve. */
const startLine = Effect.fnUntraced(function*(stage: Stage) {
  const { onNews, tell, until } = stage
  const ada = yield* startLocal("Ada", 0, onNews)
  const ben = yield* startLocal("Ben", 1, onNews)
  yield* Effect.orDie(ben.mesh.connect(ada.address))
  const dan = yield* startChild("Dan", ben.address, onNews)
  const cleo = yield* startLocal("Cleo", 1, onNews)
  yield* Effect.orDie(cleo.mesh.connect(dan.address))
  const eve = yield* startChild("Eve", cleo.address, onNews)
  const nodes = { ada, ben, dan, cleo, eve }
  for (const node of Object.values(nodes)) yield* tell(`${node.name.padEnd(4)} listens on ${node.address}`)
  const line = [ada, ben, dan, cleo, eve]
  yield* until(
    "each node is linked to the next",
    () =>
      line.every((node, index) => index === 0 || (isLinked(node, line[index - 1]!) && isLinked(line[index - 1]!, node)))
  )
  yield* tell("They are linked in a line, so that what one says has to be passed on:")
  yield* tell("    Ada ── Ben ── Dan ── Cleo ── Eve")
  return nodes
})

type Nodes = Effect.Success<ReturnType<typeof startLine>>

const showBroadcast = Effect.fnUntraced(function*({ tell, until }: Stage, { ada, ben, cleo, dan, eve }: Nodes) {
  const others = [ben, dan, cleo, eve]
  yield* tell("Ada broadcasts \"who is there?\"")
  yield* Effect.orDie(ada.mesh.broadcast("who is there?"))
  const millis = yield* until(
    "everyone hears Ada's broadcast",
    () => others.every((node) => heard(node, "who is there?").length > 0)
  )
  yield* tell(`Ben, Dan, Cleo and Eve heard it, the last one after ${ms(millis)}`)

  const question = heard(eve, "who is there?")[0]!
  yield* tell("Eve, at the other end, replies to Ada alone. She has no link to Ada: she asks the mesh for it")
  yield* eve.command(`/reply ${question.id} I am, says Eve`)
  const replyMillis = yield* until("Ada gets Eve's reply", () => heard(ada, "I am, says Eve").length > 0)
  const kind = heard(ada, "I am, says Eve")[0]!.kind
  yield* tell(`Ada got it as a ${kind}, over a new link to Eve, after ${ms(replyMillis)}; nobody else did`)
})

const showTopic = Effect.fnUntraced(function*({ tell, until }: Stage, { ben, cleo, eve }: Nodes) {
  yield* cleo.mesh.subscribe(Temperature).pipe(
    Stream.runForEach(({ value }) => Effect.sync(() => cleo.note({ _tag: "Topic", value }))),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* eve.command("/topic temperature")
  yield* until("Eve subscribes", () => eve.log.some((event) => event._tag === "Subscribed"))
  yield* tell("Cleo and Eve subscribe to the topic \"temperature\", whose values have a schema")
  const topics = (node: DemoNode) => node.log.filter((event) => event._tag === "Topic")
  yield* Effect.orDie(ben.mesh.publish(Temperature, { room: "lab", celsius: 21.5 }))
  const millis = yield* until("Cleo gets the temperature", () => topics(cleo).length > 0)
  yield* until("Eve gets the temperature", () => topics(eve).length > 0)
  yield* tell(`Ben published ${JSON.stringify(topics(cleo)[0]?.value)}; both got it, Cleo after ${ms(millis)}`)
})

const showRepair = Effect.fnUntraced(function*({ tell, until }: Stage, { ada, ben, cleo, dan, eve }: Nodes) {
  yield* tell("Dan's process is killed, without a goodbye")
  yield* dan.kill
  const lostMillis = yield* until("Ben and Cleo notice", () => !isLinked(ben, dan) && !isLinked(cleo, dan))
  yield* tell(`Ben and Cleo noticed after ${ms(lostMillis)}; Cleo had dialed Dan, so she looks for another`)
  const newPeer = () => [ada, ben].find((node) => isLinked(cleo, node))
  const repairMillis = yield* until("Cleo finds another peer", () => newPeer() !== undefined)
  yield* tell(`Cleo dialed ${newPeer()!.name}, whose address Dan had told her, ${ms(repairMillis)} later`)

  yield* tell("Ben broadcasts \"still together?\"")
  yield* Effect.orDie(ben.mesh.broadcast("still together?"))
  const millis = yield* until(
    "the survivors hear Ben's broadcast",
    () => [ada, cleo, eve].every((node) => heard(node, "still together?").length > 0)
  )
  yield* tell(`Ada, Cleo and Eve heard it, the last one after ${ms(millis)}`)
})

/** Copies would have come by now: every node has heard what was said after them. */
const checkOnce = Effect.fnUntraced(function*({ tell }: Stage, { ada, ben, cleo, dan, eve }: Nodes) {
  const counts = [
    ...[ben, dan, cleo, eve].map((node) => heard(node, "who is there?").length),
    ...[ada, cleo, eve].map((node) => heard(node, "still together?").length),
    heard(ada, "I am, says Eve").length
  ]
  const isWhispered = [ben, dan, cleo].every((node) => heard(node, "I am, says Eve").length === 0)
  if (counts.some((count) => count !== 1) || !isWhispered) {
    return yield* new DemoFailed({ expectation: `each message arrives exactly once, but the counts are ${counts}` })
  }
  yield* tell("Each message arrived exactly once at each node it was meant for.")
})

/** What a mesh does. */
const showMesh = Effect.fnUntraced(function*(stage: Stage) {
  yield* stage.tell("A mesh. Five nodes start: Ada, Ben and Cleo in this process, Dan and Eve in their own")
  const nodes = yield* startLine(stage)
  yield* showBroadcast(stage, nodes)
  yield* showTopic(stage, nodes)
  yield* showRepair(stage, nodes)
  yield* checkOnce(stage, nodes)
}, Effect.scoped)

/**
 * The whole demo. Fails with `DemoFailed` when a step does not come true.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(json: boolean) {
  const stage = yield* makeStage(json)
  yield* showMesh(stage)
  yield* DemoDictionary.show(stage)
  yield* stage.tell(
    `Done. Now you: ${invocation()} mesh --listen 127.0.0.1:4444, or chord in place of mesh; --help tells more`
  )
})
