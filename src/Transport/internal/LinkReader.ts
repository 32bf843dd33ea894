/**
 * The way in of a link: bytes to frames, frames to messages, and the first fault that ends it. Plain and
 * synchronous; whom the messages concern is for the link to say.
 */
import type * as Arr from "effect/Array"
import type * as Clock from "effect/Clock"
import { FrameSplitter } from "../../Protocol/FrameSplitter.ts"
import { type KnownIds, maxPackets, type Message } from "../../Protocol/Message.ts"
import type { Protocol } from "../../Protocol/Protocol.ts"
import { isWireFault, type WireFault } from "../../Protocol/WireFault.ts"
import type { ByteBudget } from "../ByteBudget.ts"
import type { CloseReason } from "../CloseReason.ts"
import { refusedHere } from "../TlsFault.ts"
import type { ConnectionClosed } from "../Transport.ts"

/**
 * Messages whose id is not that of their content, after which the link ends (`Malformed`); those before
 * are dropped. The original JavaScript node makes such ids, of packets that are not UTF-8.
 */
const maxChecksumFaults = 3
/** Packets that are read at once, as objects; a message has no more than a quarter of them. */
const maxStepPackets = 4 * maxPackets
/**
 * How much of a message takes as long to read as a small message does, each a power of two: packets, and bytes that
 * were packed, for a peer sends those at a thousandth of what they cost here.
 */
const packetBits = 6
const inflatedBits = 13
/** Pieces that end in a message, and are shorter than this, take a part of that: it is the peer who cuts them. */
const shortPieceBytes = 256
const shortPieceWork = 1 / 4

/**
 * Messages after which the others have a turn, large ones counted by what they cost. A fiber yields by the number of its
 * steps, and a step here is a whole batch: a peer that writes without end would keep the others waiting for seconds.
 */
const yieldEvery = 256

export interface LinkReaderOptions {
  readonly maxMessageBytes: number
  readonly frameBudget?: ByteBudget | undefined
  readonly known?: KnownIds | undefined
  /** Takes a message; `false` to read no further. */
  readonly onMessage: (message: Message) => boolean
  /** A frame cannot be unpacked; whether the peer was asked for it once more. */
  readonly onUnreadable: () => boolean
}

export class LinkReader {
  /** Bytes that came, framing included. */
  receivedBytes = 0
  /** When the last byte of a whole message came, in milliseconds of a clock that only grows. */
  lastReceivedMillis: number
  /** When the unfinished frame began to come; undefined while there is none. */
  frameSinceMillis: number | undefined
  /** Messages with a wrong id that were dropped. */
  droppedCount = 0
  readonly #protocol: Protocol["Service"]
  readonly #options: LinkReaderOptions
  readonly #clock: Clock.Clock
  readonly #splitter: FrameSplitter
  /** Messages that were understood. */
  #messageCount = 0
  /** What reading them cost beyond that of as many small ones, in small messages. */
  #extraWork = 0
  #takenWork = 0
  /** What both were together when the others had their turn. */
  #yieldedWork = 0
  /** Bodies that came and are not unpacked yet. */
  #bodies: Array<Uint8Array> | undefined
  /** What stands behind them, if the peer broke the protocol. */
  #fault: WireFault | undefined
  #checksumFaultCount = 0
  /** Bytes of the unfinished frame that the budget knows of. */
  #countedBytes = 0
  /** What came and the transport cannot give yet. */
  #heldBytes = 0
  #isDiscarded = false

  constructor(protocol: Protocol["Service"], clock: Clock.Clock, options: LinkReaderOptions) {
    this.#protocol = protocol
    this.#options = options
    this.#clock = clock
    this.#splitter = new FrameSplitter(options.maxMessageBytes)
    this.lastReceivedMillis = monotonicMillis(clock)
  }

  /** How many bytes of an unfinished frame came so far, those that the transport holds back included. */
  get unfinishedBytes(): number {
    return this.#splitter.pendingBytes + this.#heldBytes
  }

  /** So many bytes came that the transport cannot give yet. */
  hold(bytes: number): void {
    this.#heldBytes = bytes
    this.#note(monotonicMillis(this.#clock), false)
  }

  /** Notes what is unfinished, and since when. */
  #note(now: number, isAnother: boolean): void {
    const bytes = this.unfinishedBytes
    if (bytes === 0) this.frameSinceMillis = undefined
    else if (isAnother || this.frameSinceMillis === undefined) this.frameSinceMillis = now
    if (!this.#isDiscarded) this.#count(bytes)
  }

  /** Whether bodies wait to be unpacked. */
  get hasBodies(): boolean {
    return this.#bodies !== undefined
  }

  /** Whether so much was read, or waits, that the others should have a turn. */
  get isOthersTurn(): boolean {
    return this.hasBodies || this.#messageCount + this.#extraWork - this.#yieldedWork >= yieldEvery
  }

  /** They have it. */
  giveTurn(): void {
    this.#yieldedWork = this.#messageCount + this.#extraWork
  }

  /** See `Link.takeExtraWork`. */
  takeExtraWork(): number {
    const work = this.#extraWork - this.#takenWork
    this.#takenWork = this.#extraWork
    return work
  }

  /** Cuts bytes into bodies, and reads those. */
  read(chunks: Arr.NonEmptyReadonlyArray<Uint8Array>): CloseReason | undefined {
    // Made for what comes: a list that waits for it gets old, and keeps alive what is put into it.
    const bodies = this.#bodies ?? []
    for (let i = 0; i < chunks.length && this.#fault === undefined; i++) {
      const chunk = chunks[i]!
      this.receivedBytes += chunk.length
      this.#fault = this.#splitter.push(chunk, bodies)
      if (chunk.length < shortPieceBytes && this.#splitter.pendingBytes > 0) this.#extraWork += shortPieceWork
    }
    const now = monotonicMillis(this.#clock)
    this.#note(now, bodies.length > 0)
    if (bodies.length > 0) {
      this.lastReceivedMillis = now
      this.#bodies = bodies
    }
    return this.decode()
  }

  /**
   * Turns bodies into messages, and gives the reason to end the link behind them. No more at once than inflate
   * to the largest message, nor than `maxStepPackets`: the rest waits packed, or a few bytes from each peer would
   * fill the memory, and others would wait for this one.
   */
  decode(): CloseReason | undefined {
    const bodies = this.#bodies ?? []
    const { known, maxMessageBytes, onMessage, onUnreadable } = this.#options
    let plainBytes = 0
    let packetCount = 0
    let index = 0
    let goesOn = true
    while (
      goesOn && index < bodies.length && plainBytes < maxMessageBytes && packetCount <= maxStepPackets - maxPackets
    ) {
      const body = bodies[index++]!
      const plain = this.#protocol.unpack(body, this.#protocol.methods, maxMessageBytes)
      if (isWireFault(plain) && plain.reason === "MalformedCompression" && onUnreadable()) continue
      const message = isWireFault(plain) ? plain : this.#protocol.decode(plain, known)
      if (isWireFault(message)) {
        if (this.#isBorne(message)) continue
        this.#fault = message
        index = bodies.length
        break
      }
      this.#messageCount++
      const inflatedBytes = plain === body ? 0 : message.body?.length ?? 0
      plainBytes += inflatedBytes
      packetCount += message.packetCount
      this.#extraWork += (message.packetCount >>> packetBits) + (inflatedBytes >>> inflatedBits)
      goesOn = onMessage(message)
    }
    this.#bodies = goesOn && index < bodies.length ? bodies.slice(index) : undefined
    if (this.#fault === undefined || this.#bodies !== undefined) return undefined
    if (this.#isTls(this.#fault)) return refusedHere("TlsPeer")
    return malformed(this.#fault, this.#messageCount === 0 ? this.#hint(this.#fault) : "")
  }

  /** The connection is gone: in the middle of a frame that was no clean end. */
  end(error: ConnectionClosed): CloseReason {
    const partial = this.#splitter.end()
    return {
      _tag: "ConnectionLost",
      clean: error.clean && partial === undefined,
      detail: partial?.detail ?? error.detail
    }
  }

  /** Nothing is read any more: gives back what the budget counts. */
  discard(): void {
    this.#isDiscarded = true
    this.#count(0)
  }

  /** A wrong id, on a link where right ones came before. */
  #isBorne(fault: WireFault): boolean {
    const isBorne = fault.reason === "ChecksumMismatch" && this.#messageCount > 0 &&
      ++this.#checksumFaultCount < maxChecksumFaults
    if (isBorne) this.droppedCount++
    return isBorne
  }

  #count(bytes: number): void {
    const budget = this.#options.frameBudget
    if (budget === undefined || bytes === this.#countedBytes) return
    const wasUnused = budget.usedBytes === 0
    budget.usedBytes += bytes - this.#countedBytes
    this.#countedBytes = bytes
    if (wasUnused) budget.onUse?.()
    if (budget.isSpent && bytes > 0) budget.onSpent?.()
  }

  /** Whether the connection began with a record of TLS, which read as a frame is far too large. */
  #isTls(fault: WireFault): boolean {
    if (!isFirstSize(fault)) return false
    const type = this.#splitter.announcedBytes >>> 24
    return type >= 0x14 && type <= 0x17 && ((this.#splitter.announcedBytes >>> 16) & 0xff) === 3
  }

  /** What to do about a peer of which nothing was understood. */
  #hint(fault: WireFault): string {
    const first = this.#splitter.announcedBytes
    return isFirstSize(fault) && (first === httpAnswer || first === httpRequest)
      ? ", which is HTTP: the address of a WebSocket begins with ws://"
      : ", in its first frame: it may speak another wire version"
  }
}

const isFirstSize = (fault: WireFault): boolean => fault.reason === "FrameTooLarge" && fault.offset === 0

/** "HTTP" and "GET ", as sizes of a frame. */
const httpAnswer = 0x48545450
const httpRequest = 0x47455420

/** Unlike the time of day, it never jumps: for ages and waits. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** `hint`: what to add to the detail. */
export const malformed = (fault: WireFault, hint = ""): CloseReason => ({
  _tag: "Malformed",
  reason: fault.reason,
  offset: fault.offset,
  detail: fault.detail + hint
})
