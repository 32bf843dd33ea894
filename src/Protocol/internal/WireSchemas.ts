/** The functions of a wire version as Schemas. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Message, type MessageType } from "../Message.ts"
import { type Packet, TypedPacket } from "../Packet.ts"
import { Payload } from "../Payload.ts"
import { WireError, WireFault } from "../WireFault.ts"

/** `encode` and `decode` of bodies; `isType` says which main flags the version can write. */
export const message = (
  encode: (message: Message) => Uint8Array,
  decode: (body: Uint8Array) => Message | WireFault,
  isType: (type: MessageType) => boolean
): Schema.Codec<Message, Uint8Array> =>
  Schema.Uint8Array.pipe(Schema.decodeTo(
    Schema.instanceOf(Message),
    SchemaTransformation.transformEffect({
      decode: (body: Uint8Array, options) => fromFault(decode(body), body, options),
      encode: (message: Message, options) =>
        message.body === undefined && !isType(message.type)
          ? Effect.fail(new SchemaIssue.InvalidValue({ message: "not a message type" }, message.type, options))
          : Effect.succeed(encode(message))
    })
  ))

/** `encode` and `decode` of payloads. */
export const payload = (
  encode: (payload: Payload) => ReadonlyArray<Packet>,
  decode: (packets: ReadonlyArray<Packet>) => Payload | WireFault
): Schema.Codec<Payload, ReadonlyArray<Packet>> =>
  Schema.Array(Schema.Union([Schema.Uint8Array, Schema.instanceOf(TypedPacket)])).pipe(
    Schema.decodeTo(
      Schema.toType(Payload),
      SchemaTransformation.transformEffect({
        decode: (packets: ReadonlyArray<Packet>, options) => fromFault(decode(packets), packets, options),
        encode: (payload: Payload) => Effect.succeed(encode(payload))
      })
    )
  )

const fromFault = <A>(
  result: A | WireFault,
  input: unknown,
  options: ConstructorParameters<typeof SchemaIssue.InvalidValue>[2]
): Effect.Effect<A, SchemaIssue.Issue> =>
  result instanceof WireFault
    ? Effect.fail(new SchemaIssue.InvalidValue({ message: WireError.fromFault(result).message }, input, options))
    : Effect.succeed(result)
