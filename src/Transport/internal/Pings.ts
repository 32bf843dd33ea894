/** Which pings of a peer are sent back, and pongs taken: anybody may send as many, and as long ones, as he likes. */
import type { Message } from "../../Protocol/Message.ts"
import { TokenBucket } from "../TokenBucket.ts"

/**
 * Bytes of a ping that are sent back, and its packets, the sub-flag among them, for an empty one has a size on
 * the wire as well; a longer ping is not answered.
 */
const maxBytes = 256
const maxPackets = 16
/** Of both, so many a second, and at once; further ones are not answered. */
const perSecond = 32
const burst = 512

export class Pings {
  readonly #allowance: TokenBucket

  constructor(nowMillis: number) {
    this.#allowance = new TokenBucket(perSecond, burst, nowMillis)
  }

  /** Whether a ping is to be sent back, or a pong to be taken. */
  take(message: Message, nowMillis: number): boolean {
    return this.#allowance.take(nowMillis) && isShort(message)
  }
}

/** The packets of one that is shorter as a whole need not be looked at, and those of one that has too many are not even made. */
const isShort = (ping: Message): boolean =>
  ping.packetCount > 0 && ping.packetCount <= maxPackets &&
  ((ping.body !== undefined && ping.body.length <= maxBytes) ||
    ping.payload.reduce((bytes, packet) => bytes + packet.length, 0) <= maxBytes)
