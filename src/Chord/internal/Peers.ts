/**
 * Calls between nodes: a node calls another by its address and gets an answer, and answers the calls
 * of others. Requests and answers are a kind and packets; what they mean is the business of whoever
 * stands on this. Links are made on demand, shared by all calls both ways, and closed when idle.
 *
 * A call is carried out at most once. When it fails with `Unreachable` or `TimedOut` it may have been.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { format, fromParts, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import { Protocol } from "../../Protocol/Protocol.ts"
import type { Banning } from "../../Transport/Admission/Guard.ts"
import type { Teller } from "../../Transport/Admission/Hearsay.ts"
import type { CloseReason } from "../../Transport/CloseReason.ts"
import { type DialError, type ListenError, Transport } from "../../Transport/Transport.ts"
import { CallError, type CallFailure } from "../CallError.ts"
import * as CallCodec from "./CallCodec.ts"
import { CallNode, type CallStats } from "./CallNode.ts"
import * as PeerConnection from "./PeerConnection.ts"
import { connect } from "./PeerDialer.ts"
import type { PeerLink } from "./PeerPool.ts"
import { defaults, type Packets, type PeersOptions } from "./PeersOptions.ts"
import type { Outcome, PendingCall } from "./PendingCalls.ts"
import type { RoundTrip } from "./RoundTrip.ts"
import { type Start, toEffect } from "./Start.ts"

/** Whom to call. With `nodeId` only that node will do. */
export interface Target {
  readonly address: PeerAddress
  readonly nodeId?: string | undefined
}

/** How to call. */
export interface CallOptions {
  /**
   * How long to wait for the answer, once the link stands. Default: by the round trips measured to
   * that peer. A call with a time of its own is not measured, since its answer takes its own time.
   */
  readonly timeout?: Duration.Input | undefined
}

/** The calls of one node, owned by the scope it was made in. */
export interface Peers {
  readonly nodeId: string
  /** Where others can dial this node. */
  readonly address: PeerAddress
  /**
   * Asks a node and gives the packets of its answer. Has the time for the link (`connectTimeout`) and
   * then the time for the answer; the latter once more when it has to wait for room in the queue of
   * the peer, and both once more when the peer just closed an idle link. Dies of a `kind` that is not
   * 1 to 32 visible ASCII characters.
   */
  readonly call: (
    target: Target,
    kind: string,
    packets: Packets,
    options?: CallOptions
  ) => Effect.Effect<Packets, CallError>
  /** The same for whoever needs no fiber. */
  readonly startCall: (
    target: Target,
    kind: string,
    packets: Packets,
    options?: CallOptions
  ) => Start<Packets, CallError>
  /** Tells a node something that it does not answer; succeeds when it is on its way, and may still be lost. */
  readonly tell: (target: Target, kind: string, packets: Packets) => Effect.Effect<void, CallError>
  readonly banning: Banning
  /** What was measured to an address; undefined when it was not called lately. */
  readonly roundTrip: (address: PeerAddress) => RoundTrip | undefined
  /** Who answers at an address: the peer at the other end of the link there, if there is one. */
  readonly tellerAt: (address: PeerAddress) => Teller
  readonly stats: () => CallStats
}

/** A node that listens and answers, until the scope closes. */
export const make = Effect.fnUntraced(function*(
  options: PeersOptions
): Effect.fn.Return<Peers, ListenError, Protocol | Transport | Scope.Scope> {
  const settings = { ...defaults, ...options }
  const fibers = yield* FiberSet.make<void>()
  const services = {
    protocol: yield* Protocol,
    transport: yield* Transport,
    clock: yield* Clock.Clock,
    run: yield* FiberSet.runtime(fibers)<never>()
  }
  const listener = yield* services.transport.listen(options.listen)
  const address = announcedAddress(options.announce, listener.address)
  const nodeId = typeof options.nodeId === "string" ? options.nodeId : options.nodeId(address)
  const node = new CallNode(nodeId, address, options, settings, services)
  yield* Effect.forkScoped(listener.serve(
    (connection) => PeerConnection.accept(node, connection),
    ({ reason, remote }) => PeerConnection.reject(node, { remote, identity: undefined }, reason)
  ))
  yield* Effect.forkScoped(node.frames.endOverdue(settings.frameTimeout, () => node.nowMillis()))
  // The first to run: who fails because the node ends must not start anything new.
  yield* Effect.addFinalizer(() => Effect.sync(() => node.isStopped = true))
  const startCall: Peers["startCall"] = (target, kind, packets, options) => (settle) =>
    onLink(node, request(target, kind, packets, options), ask)(settle)
  return {
    nodeId,
    address,
    call: (target, kind, packets, options) => toEffect(startCall(target, kind, packets, options)),
    startCall,
    tell: (target, kind, packets) => toEffect((settle) => onLink(node, request(target, kind, packets), say)(settle)),
    banning: node.guard.banning,
    roundTrip: (address) => node.roundTrips.peek(format(address)),
    tellerAt: (address) => node.pool.get(format(address))?.link ?? { direction: "outbound", remote: address },
    stats: () => node.stats()
  }
})

/** Port 0 of an announced address stands for the one that the node listens on. */
const announcedAddress = (announce: PeerAddress | undefined, bound: PeerAddress): PeerAddress =>
  announce?.port === 0 ? fromParts(announce.host, bound.port) ?? bound : announce ?? bound

/** A call on its way. */
interface Request {
  readonly target: Target
  /** The address as the pool knows it. */
  readonly key: string
  readonly kind: string
  readonly packets: Packets
  /** The time of its own, in milliseconds. */
  readonly timeoutMillis: number | undefined
  /** Whether it was sent before, over a link that closed before it was read. */
  isRepeated: boolean
  /** Until when it waits for room in the queue of the peer. */
  roomDeadlineMillis: number | undefined
}

const request = (target: Target, kind: string, packets: Packets, options?: CallOptions): Request => ({
  target,
  key: format(target.address),
  kind,
  packets,
  timeoutMillis: options?.timeout === undefined ? undefined : Duration.toMillis(options.timeout),
  isRepeated: false,
  roomDeadlineMillis: undefined
})

const fail = ({ kind, target }: Request, reason: CallFailure): Effect.Effect<never, CallError> =>
  Effect.fail(new CallError({ address: target.address, kind, reason }))

const unreachable = (request: Request, cause: CloseReason | DialError) => fail(request, { _tag: "Unreachable", cause })

/** What is done with a link to the target of a request. */
type Use<A> = (node: CallNode, peerLink: PeerLink, request: Request) => Start<A, CallError>

/** Has that done with the link there is, or one that is made for it. */
const onLink = <A>(node: CallNode, request: Request, use: Use<A>): Start<A, CallError> => (settle) => {
  const { maxMessageBytes, maxPendingCalls } = node.settings
  const bytes = CallCodec.messageBytes(request.packets)
  if (bytes > maxMessageBytes) return settle(fail(request, { _tag: "TooLarge", bytes, maxBytes: maxMessageBytes }))
  if (node.pending.count + node.waitingCount >= maxPendingCalls) {
    return settle(fail(request, { _tag: "TooManyCalls", limit: maxPendingCalls }))
  }
  const known = node.pool.get(request.key)
  if (known !== undefined && (isWanted(known, request) || isLively(node, known))) {
    return useLink(node, known, request, use)(settle)
  }
  settle(
    waiting(node, connect(node, request.target.address, request.key)).pipe(
      Effect.matchEffect({
        onSuccess: (peerLink) => toEffect(useLink(node, peerLink, request, use)),
        onFailure: (error) => unreachable(request, error._tag === "LinkClosed" ? error.reason : error)
      })
    )
  )
}

const isWanted = ({ peer }: PeerLink, { target }: Request): boolean =>
  target.nodeId === undefined || target.nodeId === peer.id

/**
 * Whether the peer was met at its address, and heard of just now: if not, another node may live there meanwhile. Who only
 * comes from that host may say of any address of it that it is its own.
 */
const isLively = (node: CallNode, { link }: PeerLink): boolean =>
  link.direction === "outbound" && node.nowMillis() - link.lastReceivedMillis < node.times.maxMillis

/** Counts who waits with the calls that are under way. */
const waiting = <A, E>(node: CallNode, wait: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    node.waitingCount++
    return Effect.ensuring(wait, Effect.sync(() => node.waitingCount--))
  })

const useLink =
  <A>(node: CallNode, peerLink: PeerLink, request: Request, use: Use<A>): Start<A, CallError> => (settle) => {
    const expected = request.target.nodeId
    const found = peerLink.peer.id
    if (expected !== undefined && expected !== found) {
      return settle(fail(request, { _tag: "WrongPeer", expected, found }))
    }
    if (!peerLink.link.capabilities.extended) {
      const detail = "an original node, which knows no calls"
      return settle(fail(request, { _tag: "Refused", tag: "Unsupported", detail }))
    }
    return peerLink.closeReason === undefined
      ? use(node, peerLink, request)(settle)
      : settle(unreachable(request, peerLink.closeReason))
  }

/** Sends a call, whose answer is waited for. */
const ask: Use<Packets> = (node, peerLink, request) => (settle) => {
  const number = node.pending.nextNumber()
  const payload = CallCodec.encodeCall(number, request.kind, request.packets)
  const sentMillis = node.nowMillis()
  const pending: PendingCall<PeerLink> = {
    number,
    link: peerLink,
    sentMillis,
    deadlineMillis: sentMillis + timeoutMillis(peerLink, request),
    isMeasured: request.timeoutMillis === undefined,
    settle: (outcome) => settle(toAnswer(node, request, outcome))
  }
  // Expected before it is sent: in memory, without latency, the answer comes while it is.
  node.expect(pending)
  if (!node.say(peerLink, payload)) {
    node.pending.remove(pending)
    return settle(afterRoom(node, peerLink, request, ask))
  }
  node.counters.calls++
  peerLink.lastUsedMillis = sentMillis
  if (peerLink.unheardSinceMillis <= peerLink.link.lastReceivedMillis) peerLink.unheardSinceMillis = sentMillis
  return () => node.pending.remove(pending)
}

const timeoutMillis = ({ roundTrip }: PeerLink, request: Request): number =>
  request.timeoutMillis ?? roundTrip.timeoutMillis

const toAnswer = (node: CallNode, request: Request, outcome: Outcome): Effect.Effect<Packets, CallError> => {
  switch (outcome._tag) {
    case "Answered":
      return Effect.succeed(outcome.packets)
    case "Failed":
      return fail(request, outcome.reason)
    case "Again":
      if (request.isRepeated) return unreachable(request, outcome.reason)
      request.isRepeated = true
      return toEffect(onLink(node, request, ask))
  }
}

const say: Use<void> = (node, peerLink, request) => (settle) => {
  const payload = CallCodec.encodeTell(request.kind, request.packets)
  if (!node.say(peerLink, payload)) return settle(afterRoom(node, peerLink, request, say))
  node.counters.tells++
  peerLink.lastUsedMillis = node.nowMillis()
  settle(Effect.void)
}

/** Waits until the queue of the peer has room again, not longer than for an answer. */
const afterRoom = <A>(
  node: CallNode,
  peerLink: PeerLink,
  request: Request,
  send: Use<A>
): Effect.Effect<A, CallError> => {
  const now = node.nowMillis()
  const afterMillis = timeoutMillis(peerLink, request)
  const outbox = peerLink.link.outbox
  request.roomDeadlineMillis ??= now + afterMillis
  const remainingMillis = Math.max(0, request.roomDeadlineMillis - now)
  return Effect.flatMap(waiting(node, Effect.timeoutOption(outbox.room.await, remainingMillis)), (room) => {
    if (peerLink.closeReason !== undefined) return unreachable(request, peerLink.closeReason)
    if (Option.isSome(room)) return toEffect(send(node, peerLink, request))
    return unreachable(request, { _tag: "TooSlow", queuedBytes: outbox.queuedBytes, afterMillis })
  })
}
