/**
 * A link in use: its messages are read here, the calls of the peer answered, and the answers of the
 * peer brought to whoever waits. A call that can be answered at once costs no fiber.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Message } from "../../Protocol/Message.ts"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { isWireFault } from "../../Protocol/WireFault.ts"
import { type CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import { readGoodbye } from "../../Transport/Goodbye.ts"
import type { PeerIdentity } from "../../Transport/Handshake.ts"
import { catchesUp } from "../../Transport/Lag.ts"
import type { Link } from "../../Transport/Link.ts"
import { leadsTo } from "../../Transport/Source.ts"
import type { TokenBucket } from "../../Transport/TokenBucket.ts"
import { CallRefused } from "../CallError.ts"
import * as CallCodec from "./CallCodec.ts"
import type { CallNode } from "./CallNode.ts"
import type { PeerLink } from "./PeerPool.ts"
import type { Packets } from "./PeersOptions.ts"
import type { RoundTrip } from "./RoundTrip.ts"

/** In place of a map that most links never need; nothing is added to it. */
const none = new Map<number, Fiber.Fiber<void>>()

export class PeerSession implements PeerLink {
  readonly peer: PeerIdentity
  readonly link: Link
  readonly keys: ReadonlyArray<string>
  pendingCount = 0
  unheardSinceMillis = 0
  lastUsedMillis: number
  /** Why this end closes the link, once it does: nothing that comes is looked at any more. */
  closeReason: CloseReason | undefined
  readonly #node: CallNode
  readonly #fiber: Fiber.Fiber<unknown, unknown>
  /** Handlers that wait, by the number of the call; those of tells by negative ones. */
  #running = none
  /** What all peers of that source may say; undefined where that has no bound. */
  readonly #messages: TokenBucket | undefined
  #throttledCount = 0
  #tellCount = 0
  #isWatched = false
  #hasDropped = false
  #roundTrip: RoundTrip | undefined

  constructor(
    node: CallNode,
    link: Link,
    peer: PeerIdentity,
    fiber: Fiber.Fiber<unknown, unknown>,
    dialed: PeerAddress | undefined
  ) {
    this.#node = node
    this.link = link
    this.peer = peer
    this.#fiber = fiber
    this.keys = keysOf(link, peer, dialed)
    this.#messages = node.messagesOf(link)
    this.lastUsedMillis = node.nowMillis()
  }

  /** Looked up when this node calls: whoever only connects must not push others out of what is remembered. */
  get roundTrip(): RoundTrip {
    return this.#roundTrip ??= this.#node.roundTrips.of(this.keys[0] ?? format(this.link.remote))
  }

  get isBusy(): boolean {
    return this.pendingCount > 0 || this.#running.size > 0
  }

  readonly close = (reason: CloseReason): void => {
    if (this.closeReason !== undefined) return
    // The peer may make anew what it has no answer to when the link closes for want of use.
    this.closeReason = this.#hasDropped && reason._tag === "Disconnected" ? tooSlow(this.link, 0) : reason
    this.#node.pool.remove(this)
    this.#fiber.interruptUnsafe()
  }

  /** Reads until the link ends, and fails with the reason. */
  readonly converse: Effect.Effect<never, LinkClosed> = Effect.suspend(() =>
    this.link.consume((batch) => {
      const reason = this.#receive(batch)
      if (reason !== undefined) return Effect.fail(new LinkClosed({ reason }))
      const work = batch.length + this.link.takeExtraWork()
      const waitMillis = this.#messages?.charge(work, this.#node.nowMillis()) ?? 0
      if (waitMillis === 0) return undefined
      this.#throttled()
      return Effect.sleep(waitMillis)
    })
  )

  /** Told as an event the first, the second, the fourth, ... time. */
  #throttled(): void {
    this.#node.counters.throttled++
    const count = ++this.#throttledCount
    if ((count & (count - 1)) === 0) this.#node.options.onEvent?.({ _tag: "PeerThrottled", id: this.peer.id, count })
  }

  /** Takes the link out of use and ends all that hangs on it. */
  end(reason: CloseReason): Effect.Effect<void> {
    const node = this.#node
    this.closeReason ??= reason
    node.pool.remove(this)
    // Closing for want of use, the peer had read all that it would ever answer.
    const isUnread = reason._tag === "Goodbye" && reason.reason === "Disconnected"
    for (const call of node.pending.takeAll(this)) {
      if (isUnread) {
        call.settle({ _tag: "Again", reason })
        continue
      }
      node.counters.lost++
      call.settle({ _tag: "Failed", reason: { _tag: "Unreachable", cause: reason } })
    }
    return this.#running.size === 0 ? Effect.void : Fiber.interruptAll([...this.#running.values()])
  }

  #receive(batch: ReadonlyArray<Message>): CloseReason | undefined {
    for (const message of batch) {
      if (this.closeReason !== undefined) return undefined
      const reason = this.#take(message)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  #take(message: Message): CloseReason | undefined {
    const said = message.type === "whisper" ? CallCodec.decode(message.payload) : undefined
    if (said === undefined) return readGoodbye(message) ?? this.#takeOther(message)
    const counters = this.#node.counters
    if (isWireFault(said)) {
      counters.malformedMessages++
      return { _tag: "Malformed", reason: said.reason, offset: said.offset, detail: said.detail }
    }
    counters.receivedBytes += message.body?.length ?? 0
    this.lastUsedMillis = this.#node.nowMillis()
    if (said._tag === "Call") this.#serve(said.number, said.kind, said.packets)
    else if (said._tag === "Tell") this.#heed(said.kind, said.packets)
    else this.#settle(said)
    return undefined
  }

  #takeOther(message: Message): CloseReason | undefined {
    this.#node.counters.otherMessages++
    this.lastUsedMillis = this.#node.nowMillis()
    return this.#node.options.onMessage?.(this.peer, this.link, message)
  }

  #settle(said: CallCodec.AnswerPackets | CallCodec.RefusalPackets): void {
    const { counters, pending } = this.#node
    const call = pending.take(this, said.number)
    if (call === undefined) {
      counters.strayAnswers++
      return
    }
    if (call.isMeasured) this.roundTrip.measured(this.lastUsedMillis - call.sentMillis)
    if (said._tag === "Answer") {
      counters.answers++
      call.settle({ _tag: "Answered", packets: said.packets })
    } else {
      counters.refusals++
      const { detail, tag } = said
      call.settle({ _tag: "Failed", reason: { _tag: "Refused", tag, detail } })
    }
  }

  #serve(number: number, kind: string, packets: Packets): void {
    if (this.#running.has(number)) {
      this.#node.counters.doubledCalls++
      return
    }
    const answer = this.#handle(kind, packets)
    if (answer instanceof CallRefused) this.#refuse(number, answer)
    else if (!Effect.isEffect(answer)) this.#answer(number, answer)
    else if (this.#running.size >= this.#node.settings.handlerConcurrency) this.#refuse(number, busy)
    else {
      this.#start(
        number,
        Effect.matchCauseEffect(answer, {
          onSuccess: (packets) => Effect.sync(() => this.#answer(number, packets)),
          onFailure: (cause) => this.#explain(cause, (refused) => this.#refuse(number, refused))
        })
      )
    }
  }

  #heed(kind: string, packets: Packets): void {
    const { counters, settings } = this.#node
    counters.told++
    const result = this.#handle(kind, packets)
    if (!Effect.isEffect(result)) return
    if (this.#running.size >= settings.handlerConcurrency) counters.refused++
    else this.#start(--this.#tellCount, Effect.catchCause(result, (cause) => this.#explain(cause, () => {})))
  }

  /** What the handler says; if it throws, that is a failure of its own, not of the link. */
  #handle(kind: string, packets: Packets) {
    try {
      return this.#node.options.handler(this.peer, kind, packets, this.link)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  #start(number: number, work: Effect.Effect<unknown>): void {
    const fiber = this.#node.services.run(Effect.asVoid(work))
    if (fiber.pollUnsafe() !== undefined) return
    if (this.#running === none) this.#running = new Map()
    this.#running.set(number, fiber)
    fiber.addObserver(() => this.#running.delete(number))
  }

  /** A refusal as it is; a defect of the handler goes to the log, and the asker hears that it failed. */
  #explain(cause: Cause.Cause<CallRefused>, refuse: (refused: CallRefused) => void): Effect.Effect<void> {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    const refused = Option.getOrUndefined(Cause.findErrorOption(cause))
    refuse(refused ?? failed)
    return refused === undefined ? Effect.logError("the handler of a call failed", cause) : Effect.void
  }

  #answer(number: number, packets: Packets): void {
    const bytes = CallCodec.messageBytes(packets)
    const { counters, settings } = this.#node
    if (bytes > settings.maxMessageBytes) {
      const detail = `the answer takes ${bytes} bytes, the limit is ${settings.maxMessageBytes}`
      this.#refuse(number, new CallRefused("TooLarge", detail))
      return
    }
    counters.served++
    this.#reply(CallCodec.encodeAnswer(number, packets))
  }

  #refuse(number: number, { detail, tag }: CallRefused): void {
    this.#node.counters.refused++
    this.#reply(CallCodec.encodeRefusal(number, tag, detail))
  }

  /** An answer that finds no room is lost: to wait for it would be to stop reading, at both ends if need be. */
  #reply(payload: Packets): void {
    if (this.#node.say(this, payload)) return
    this.#hasDropped = true
    this.#node.counters.droppedAnswers++
  }

  watch(): void {
    const { outbox } = this.link
    if (this.#isWatched || outbox.hasRoom) return
    this.#isWatched = true
    const { services, settings } = this.#node
    services.run(Effect.map(catchesUp(outbox, settings.slowTimeout), (hasCaughtUp) => {
      this.#isWatched = false
      if (!hasCaughtUp) this.close(tooSlow(this.link, Duration.toMillis(settings.slowTimeout)))
    }))
  }
}

const tooSlow = ({ outbox }: Link, afterMillis: number): CloseReason => ({
  _tag: "TooSlow",
  queuedBytes: outbox.queuedBytes,
  afterMillis
})

const busy = new CallRefused("Busy", "too many calls of this node are in work here")
const failed = new CallRefused("Failed", "the handler of this call broke")

/**
 * Where a peer can be called over its link. What a dial led to is certain. What a peer announces counts
 * only when it comes from that host: anyone may name another's address, and would get its calls.
 */
const keysOf = (
  link: Link,
  peer: PeerIdentity,
  dialed: PeerAddress | undefined
): ReadonlyArray<string> => {
  const keys = dialed === undefined ? [] : [format(dialed)]
  // An original answers no calls: it must not get those of one of ours at the address that it names.
  if (!link.capabilities.extended) return keys
  if (peer.address !== undefined && leadsTo(link, peer.address.hostname)) {
    const announced = format(peer.address)
    if (announced !== keys[0]) keys.push(announced)
  }
  return keys
}
