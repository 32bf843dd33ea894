/**
 * The state of the calls of one node, shared by the files of this folder: plain data and synchronous
 * functions. Everything in it is bounded by a setting of `PeersSettings`.
 */
import type * as Clock from "effect/Clock"
import type * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { format, type PeerAddress } from "../../Protocol/PeerAddress.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import { Guard } from "../../Transport/Admission/Guard.ts"
import { SourceRates } from "../../Transport/Admission/SourceRates.ts"
import { UnfinishedFrames } from "../../Transport/Admission/UnfinishedFrames.ts"
import { ByteBudget } from "../../Transport/ByteBudget.ts"
import type { CloseReason, LinkClosed } from "../../Transport/CloseReason.ts"
import type { Link, LinkOptions } from "../../Transport/Link.ts"
import { Outgoing } from "../../Transport/Outgoing.ts"
import type { TokenBucket } from "../../Transport/TokenBucket.ts"
import type { DialError, Transport } from "../../Transport/Transport.ts"
import { Alarm, toleranceMillis } from "./Alarm.ts"
import { type PeerLink, PeerPool } from "./PeerPool.ts"
import type { Packets, PeersOptions, PeersSettings } from "./PeersOptions.ts"
import { type PendingCall, PendingCalls } from "./PendingCalls.ts"
import { RoundTrips } from "./RoundTrip.ts"

/** What was counted since the start, and the links of the moment. */
export interface CallStats {
  /** Calls and tells of this node that went out. */
  readonly calls: number
  readonly tells: number
  /** What became of the calls: answered, refused, not answered in time, their link ended. */
  readonly answers: number
  readonly refusals: number
  readonly timeouts: number
  readonly lost: number
  /** Calls of others: answered, refused; and their tells. */
  readonly served: number
  readonly refused: number
  readonly told: number
  /** Answers to nothing that waits: late, doubled or made up. */
  readonly strayAnswers: number
  /** Calls under a number of which one is in work already. */
  readonly doubledCalls: number
  /** Answers of this node that found the queue of the peer full. */
  readonly droppedAnswers: number
  /** Messages that are no calls. */
  readonly otherMessages: number
  /** Messages that are no proper calls; each ended its link. */
  readonly malformedMessages: number
  /** Connections dialed, and those that came to no link. */
  readonly dials: number
  readonly failedDials: number
  /** Accepted connections that came to no link. */
  readonly rejected: number
  /** Links closed because nothing was called, or to make room. */
  readonly idleClosed: number
  /** Bytes of calls and answers, whole messages before compression. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Times that a peer's messages were read later, for those of its source were too many (`maxMessagesPerSecond`). */
  readonly throttled: number
  /** Bans that the node itself found reason for. */
  readonly banned: number
  readonly outboundLinks: number
  readonly inboundLinks: number
  readonly pendingCalls: number
  /** Bans there are now. */
  readonly bans: number
  /** Accepted connections that have not shown who they are, now. */
  readonly pendingHandshakes: number
  /** Bytes of unfinished messages now, and of what waits to be taken by peers. */
  readonly unfinishedBytes: number
  readonly queuedBytes: number
}

/** Read off the tables of a node. */
type Level =
  | "banned"
  | "outboundLinks"
  | "inboundLinks"
  | "pendingCalls"
  | "bans"
  | "pendingHandshakes"
  | "unfinishedBytes"
  | "queuedBytes"

type Counters = { -readonly [Key in keyof Omit<CallStats, Level>]: number }

/**
 * What a host may do too much of without being banned: all nodes behind one router are one source, and the
 * originals open many connections to each node. It is refused all the same, before anything is read.
 */
const forgiven: ReadonlyArray<CloseReason["_tag"]> = ["TooManyConnects", "SourceFull"]

/** The services a node was made with. */
export interface CallServices {
  readonly protocol: Protocol["Service"]
  readonly transport: Transport["Service"]
  readonly clock: Clock.Clock
  /** Starts a fiber that the node supervises. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** Links are closed at most so many times in `idleTimeout`, all that are idle then: each look is at all links. */
const idleLooks = 20

/** Whoever dialed a link closes it first when it falls idle: both at once would be two goodbyes that cross. */
const acceptorPatience = 1.25

/** The times of the settings, in milliseconds. */
interface Times {
  readonly connectMillis: number
  readonly idleMillis: number
  readonly maxMillis: number
}

export class CallNode {
  readonly id: string
  /** Where others can dial this node. */
  readonly address: PeerAddress
  readonly ownKey: string
  readonly options: PeersOptions
  readonly settings: PeersSettings
  readonly times: Times
  readonly linkOptions: LinkOptions
  readonly services: CallServices
  readonly pool: PeerPool
  readonly pending = new PendingCalls<PeerLink>()
  readonly roundTrips: RoundTrips
  /** Dials under way, by address. */
  readonly dials = new Map<string, Deferred.Deferred<PeerLink, LinkClosed | DialError>>()
  /** Callers that wait for a dial, or for room. */
  waitingCount = 0
  isStopped = false
  /** Who is let in, and who is not. */
  readonly guard: Guard
  /** All links, and what of their messages came in part. */
  readonly frames: UnfinishedFrames
  readonly #outboxBudget: ByteBudget
  readonly #messages: SourceRates
  readonly counters: Counters = {
    calls: 0,
    tells: 0,
    answers: 0,
    refusals: 0,
    timeouts: 0,
    lost: 0,
    served: 0,
    refused: 0,
    told: 0,
    strayAnswers: 0,
    doubledCalls: 0,
    droppedAnswers: 0,
    throttled: 0,
    otherMessages: 0,
    malformedMessages: 0,
    dials: 0,
    failedDials: 0,
    rejected: 0,
    idleClosed: 0,
    sentBytes: 0,
    receivedBytes: 0
  }
  readonly #senderBytes: Uint8Array
  readonly #deadlines: Alarm
  readonly #idles: Alarm
  #linkCount = 0

  constructor(
    id: string,
    address: PeerAddress,
    options: PeersOptions,
    settings: PeersSettings,
    services: CallServices
  ) {
    this.id = id
    this.address = address
    this.ownKey = format(address)
    this.options = options
    this.settings = settings
    this.services = services
    this.times = {
      connectMillis: Duration.toMillis(settings.connectTimeout),
      idleMillis: Duration.toMillis(settings.idleTimeout),
      maxMillis: Duration.toMillis(settings.maxTimeout)
    }
    this.guard = new Guard({
      limits: settings,
      forgiven,
      nowMillis: () => this.nowMillis(),
      run: services.run,
      identityId: (identity) => services.protocol.identityId(identity, options.networkId),
      emit: (event) => options.onEvent?.(event),
      linksFrom: (source) => this.pool.countFrom(source),
      held: () =>
        Array.from(this.pool.values(), ({ close, link, peer }) => ({
          id: peer.id,
          link: { source: link.source, host: link.host, close }
        }))
    })
    this.frames = new UnfinishedFrames(settings.maxUnfinishedBytes)
    this.#outboxBudget = new ByteBudget(settings.maxQueuedBytes)
    this.#messages = new SourceRates(settings.maxMessagesPerSecond, 1)
    this.linkOptions = {
      frameBudget: this.frames.budget,
      outboxBudget: this.#outboxBudget,
      nodeId: id,
      maxMessageBytes: settings.maxMessageBytes,
      maxOutboxBytes: settings.maxOutboxBytes,
      compressFromBytes: settings.compressFromBytes,
      drainTimeout: settings.drainTimeout
    }
    this.pool = new PeerPool(id)
    this.roundTrips = new RoundTrips(settings.maxRoundTrips, {
      minMillis: Duration.toMillis(settings.minTimeout),
      maxMillis: this.times.maxMillis,
      initialMillis: Duration.toMillis(settings.initialTimeout)
    })
    this.#senderBytes = new TextEncoder().encode(id)
    const now = () => this.nowMillis()
    this.#deadlines = new Alarm(services.run, now, () => this.#expire())
    this.#idles = new Alarm(services.run, now, () => this.#closeIdle())
  }

  /** For waits and ages: milliseconds that only grow, whatever happens to the time of day. */
  nowMillis(): number {
    return Number(this.services.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** Whether this is a link with an original node, where such are let in. */
  isGuest(link: Link): boolean {
    return this.options.guests !== undefined && !link.capabilities.extended
  }

  /** What the source of a link may still say; undefined where that has no bound. */
  messagesOf({ remote, source }: Link): TokenBucket | undefined {
    return this.guard.gate.isLimited(remote) ? this.#messages.of(source, this.nowMillis()) : undefined
  }

  nextLinkKey(): number {
    return ++this.#linkCount
  }

  /** Sends a payload down a link as a whisper of this node; `false` when the queue of the peer is full. */
  say(to: PeerLink, payload: Packets): boolean {
    const { clock, protocol } = this.services
    // The wire has no time before 1970.
    const seconds = Math.max(0, Math.floor(clock.currentTimeMillisUnsafe() / 1000))
    const frame = protocol.frame(protocol.make("whisper", this.#senderBytes, payload, seconds))
    // Not remembered for a `resend`: that would keep the last call of each link alive.
    const outgoing = new Outgoing(frame, this.settings.compressFromBytes)
    const isTaken = to.link.offer(outgoing)
    if (isTaken) this.counters.sentBytes += outgoing.bodyBytes
    if (!to.link.outbox.hasRoom) to.watch()
    return isTaken
  }

  /** Waits for the answer to a call, until its deadline. */
  expect(call: PendingCall<PeerLink>): void {
    this.pending.add(call)
    this.#deadlines.setFor(call.deadlineMillis)
  }

  /** Takes a link into use. */
  join(peerLink: PeerLink): void {
    this.pool.add(peerLink)
    this.#idles.setFor(this.nowMillis() + this.times.idleMillis)
  }

  stats(): CallStats {
    return {
      ...this.counters,
      banned: this.guard.bannedCount,
      outboundLinks: this.pool.countOf("outbound"),
      inboundLinks: this.pool.countOf("inbound"),
      pendingCalls: this.pending.count,
      bans: this.guard.banCount,
      pendingHandshakes: this.guard.gate.pendingCount,
      unfinishedBytes: this.frames.budget.usedBytes,
      queuedBytes: this.#outboxBudget.usedBytes
    }
  }

  #expire(): void {
    const now = this.nowMillis()
    for (const call of this.pending.takeExpired(now)) {
      this.counters.timeouts++
      this.#suspect(call, now)
      call.settle({ _tag: "Failed", reason: { _tag: "TimedOut", afterMillis: now - call.sentMillis } })
    }
    const next = this.pending.nextDeadline()
    if (next !== undefined) this.#deadlines.setFor(next)
  }

  /**
   * What a missing answer says of the link. One over which nothing at all came for the longest
   * timeout since it was first asked is given up: a host that died without a word would otherwise
   * hold its place until the link is idle.
   */
  #suspect(call: PendingCall<PeerLink>, now: number): void {
    const { link, roundTrip, unheardSinceMillis } = call.link
    if (call.isMeasured) roundTrip.timedOut()
    const silentMillis = now - unheardSinceMillis
    const isSilent = link.lastReceivedMillis < unheardSinceMillis
    if (isSilent && silentMillis >= this.times.maxMillis) {
      call.link.close({ _tag: "Unresponsive", afterMillis: silentMillis })
    }
  }

  #closeIdle(): void {
    const now = this.nowMillis()
    let next = Number.POSITIVE_INFINITY
    let hasClosed = false
    for (const peerLink of this.pool.values()) {
      const idleSince = peerLink.isBusy || this.isGuest(peerLink.link) ? now : peerLink.lastUsedMillis
      const patience = peerLink.link.direction === "outbound" ? 1 : acceptorPatience
      const dueMillis = idleSince + patience * this.times.idleMillis
      if (dueMillis - now <= toleranceMillis) {
        this.counters.idleClosed++
        hasClosed = true
        peerLink.close({ _tag: "Disconnected" })
      } else next = Math.min(next, dueMillis)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#idles.setFor(hasClosed ? Math.max(next, now + this.times.idleMillis / idleLooks) : next)
  }
}
