/**
 * The last word between two of ours: why one of them ends the link. A whisper with a sub-flag of its own,
 * which the original nodes ignore, as they do all that they do not know.
 */
import type { Message } from "../Protocol/Message.ts"
import type { Payload } from "../Protocol/Payload.ts"
import { type CloseReason, describe } from "./CloseReason.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * The sub-flag of a goodbye.
 *
 * @category models
 * @since 0.1.0
 */
export const goodbyeSubFlag = "goodbye"

/**
 * The payload of a goodbye: the tag of the reason, and a sentence.
 *
 * @category encoding
 * @since 0.1.0
 */
export const goodbye = (reason: CloseReason): Payload => ({
  _tag: "Custom",
  subFlag: encoder.encode(goodbyeSubFlag),
  packets: [encoder.encode(reason._tag), encoder.encode(describe(reason))]
})

/**
 * The reason in a message by which one of ours ends a link, or `undefined` for any other message.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readGoodbye = (message: Message): CloseReason | undefined => {
  const [subFlag, reason, detail] = message.payload
  if (message.type !== "whisper" || subFlag?.length !== goodbyeSubFlag.length) return undefined
  if (decoder.decode(subFlag) !== goodbyeSubFlag) return undefined
  return {
    _tag: "Goodbye",
    reason: decoder.decode(reason?.subarray(0, 64)),
    detail: decoder.decode(detail?.subarray(0, 512))
  }
}

/**
 * Whether a link ended since the other end gave that reason for it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isWord = (reason: CloseReason | { readonly _tag: "DialError" }, word: CloseReason["_tag"]): boolean =>
  reason._tag === "Goodbye" && reason.reason === word
