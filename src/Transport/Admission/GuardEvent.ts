/** What a guard tells: who is banned, and who is not any more. */
import * as Schema from "effect/Schema"

/**
 * Nothing is to do any more with a host, a network or an id: the node found reason (`isAutomatic`), or its
 * user said so.
 *
 * @category events
 * @since 0.1.0
 */
export const PeerBanned = Schema.TaggedStruct("PeerBanned", {
  target: Schema.String,
  why: Schema.String,
  isAutomatic: Schema.Boolean,
  forMillis: Schema.Number
})

/** A ban was taken back by the user. @category events @since 0.1.0 */
export const PeerUnbanned = Schema.TaggedStruct("PeerUnbanned", { target: Schema.String })

/**
 * @category events
 * @since 0.1.0
 */
export type GuardEvent = typeof PeerBanned.Type | typeof PeerUnbanned.Type
