/**
 * What `p2p mesh` tells whoever runs it. The fields are the JSON that programs read; `MeshDisplay`
 * makes the same into lines for people.
 */
import type { MeshEvent } from "../Mesh/MeshEvent.ts"
import type { MeshMessage } from "../Mesh/MeshMessage.ts"
import { format, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { describe } from "../Transport/CloseReason.ts"
import { tlsFaultOf } from "../Transport/TlsFault.ts"
import { type BanReport, fromGuardEvent } from "./BanReport.ts"
import { harmlessJson } from "./Style.ts"

/**
 * One thing that happened. Addresses are `host:port`, null when a node did not say where it can be
 * dialed; `reason` is the tag of a `CloseReason`, or the `TlsFault`, `detail` the same in a sentence;
 * `tag` is the tag of an error. `help` and `note` are for people.
 *
 * @category models
 * @since 0.1.0
 */
export type MeshReport =
  | {
    readonly event: "listening"
    readonly id: string
    readonly address: string
    /** The same, and where else it can be dialed. */
    readonly addresses: ReadonlyArray<string>
  }
  | { readonly event: "dashboard" | "metrics"; readonly url: string }
  | { readonly event: "peer-joined"; readonly id: string; readonly address: string | null }
  | { readonly event: "peer-left"; readonly id: string; readonly reason: string; readonly detail: string }
  | {
    readonly event: "message"
    readonly kind: "broadcast" | "whisper"
    readonly id: string
    readonly sender: string
    readonly time: number
    /** Only when its sender is proven; otherwise the sender is a claim. */
    readonly proof?: "proven"
    readonly packets: ReadonlyArray<string>
    readonly packetsHex: ReadonlyArray<string>
  }
  | { readonly event: "sent"; readonly id: string }
  | {
    readonly event: "peers"
    readonly peers: ReadonlyArray<{ readonly id: string; readonly address: string | null }>
  }
  | { readonly event: "subscribed"; readonly name: string }
  | { readonly event: "topic"; readonly name: string; readonly sender: string; readonly value: unknown }
  | { readonly event: "rejected"; readonly address: string; readonly reason: string; readonly detail: string }
  | { readonly event: "dial-failed"; readonly address: string; readonly reason: string; readonly detail: string }
  | {
    readonly event: "refused"
    readonly reason: string
    readonly sender: string
    readonly from: string
    readonly count: number
  }
  | { readonly event: "slow"; readonly id: string }
  | BanReport
  | { readonly event: "throttled"; readonly id: string; readonly what: string; readonly count: number }
  | { readonly event: "recovered"; readonly id: string; readonly dropped: number }
  | { readonly event: "error"; readonly tag: string; readonly message: string }
  | { readonly event: "invite"; readonly text: string }
  | { readonly event: "help"; readonly lines: ReadonlyArray<string> }
  | { readonly event: "note"; readonly text: string }

/**
 * A report as one line of JSON; none for what is for people only.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toJsonLines = (report: MeshReport): ReadonlyArray<string> =>
  report.event === "note" ? [] : [harmlessJson(report)]

/**
 * What can be dialed, as text.
 *
 * @category encoding
 * @since 0.1.0
 */
export const addressText = (address: PeerAddress | undefined): string | null =>
  address === undefined ? null : format(address)

/**
 * A message for the user.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromMessage = (message: MeshMessage): MeshReport => ({
  event: "message",
  kind: message.kind,
  id: message.id,
  sender: message.sender,
  time: message.time,
  ...(message.proof === "proven" ? { proof: "proven" as const } : {}),
  packets: message.texts,
  packetsHex: message.packets.map((packet) =>
    Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength).toString("hex")
  )
})

/**
 * An event of the mesh.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEvent = (event: MeshEvent): MeshReport => {
  switch (event._tag) {
    case "PeerJoined":
      return { event: "peer-joined", id: event.id, address: addressText(event.address) }
    case "PeerLeft":
      return { event: "peer-left", id: event.id, reason: event.reason._tag, detail: describe(event.reason) }
    case "Rejected":
      return {
        event: "rejected",
        address: format(event.remote),
        reason: event.reason._tag === "TlsRefused" ? event.reason.fault : event.reason._tag,
        detail: describe(event.reason)
      }
    case "DialFailed":
      return {
        event: "dial-failed",
        address: format(event.address),
        reason: event.error.kind,
        detail: event.error.message
      }
    case "PeerSlow":
      return { event: "slow", id: event.id }
    case "PeerRecovered":
      return { event: "recovered", id: event.id, dropped: event.droppedCount }
    case "ReaderLagged":
      return fromError(event, `${event.lostCount} messages were lost: the output is read too slowly`)
    case "ValueRefused":
      return fromError(event, `a value of "${event.name}" from ${event.sender} is no JSON: ${event.detail}`)
    case "ProofRefused":
      return { event: "refused", reason: event.reason, sender: event.sender, from: event.from, count: event.count }
    case "PeerBanned":
    case "PeerUnbanned":
      return fromGuardEvent(event)
    case "PeerThrottled":
      return { event: "throttled", id: event.id, what: event.what, count: event.count }
    case "HandlerFailed":
      return fromError(event, `the handler of "${event.name}" failed: ${event.detail}`)
  }
}

/**
 * A failure. Of a `ConnectError`, what tells is its reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromError = (
  error: { readonly _tag: string; readonly reason?: unknown },
  message: string
): MeshReport => ({ event: "error", tag: tagOf(error), message })

const tagOf = (error: { readonly _tag: string; readonly reason?: unknown }): string => {
  const { reason } = error
  if (error._tag !== "ConnectError" || typeof reason !== "object" || reason === null) return error._tag
  return tlsFaultOf(reason) ?? ("_tag" in reason ? String(reason._tag) : error._tag)
}
