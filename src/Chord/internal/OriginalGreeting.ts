/**
 * The handshake where originals may be at the other end. They whisper `request *` to every connection
 * they have, also to one on which they have not said yet who they are.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Protocol } from "../../Protocol/Protocol.ts"
import { isWireFault } from "../../Protocol/WireFault.ts"
import { LinkClosed } from "../../Transport/CloseReason.ts"
import * as Handshake from "../../Transport/Handshake.ts"
import type { Link } from "../../Transport/Link.ts"

/** Waits for the handshake as `Handshake.receive` does, and passes over the requests that come before it. */
export const receive = Effect.fnUntraced(function*(
  link: Link,
  options: Handshake.HandshakeOptions
): Effect.fn.Return<Handshake.PeerIdentity, LinkClosed, Protocol> {
  const protocol = yield* Protocol
  const timeoutMillis = Duration.toMillis(options.timeout)
  yield* passOverRequests(link, protocol).pipe(Effect.timeoutOrElse({
    duration: timeoutMillis,
    orElse: () => Effect.fail(new LinkClosed({ reason: { _tag: "HandshakeTimeout", afterMillis: timeoutMillis } }))
  }))
  // Has at least one message to read, so it does not wait.
  return yield* Handshake.receive(link, options, () => {})
})

const passOverRequests = (link: Link, protocol: Protocol["Service"]): Effect.Effect<void, LinkClosed> =>
  Effect.flatMap(link.pull, (batch) => {
    const start = batch.findIndex(({ packets }) => {
      if (protocol.subFlag(packets) !== "request") return true
      const says = protocol.decodePayload(packets)
      return isWireFault(says) || says._tag !== "RequestPeers"
    })
    if (start === -1) return passOverRequests(link, protocol)
    link.unread(batch.slice(start))
    return Effect.void
  })
