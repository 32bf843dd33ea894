/**
 * Wire version 0.4, which the original Python and JavaScript nodes speak, as the `Protocol` service.
 *
 * Departures, all on the side of reading: a time has at most 64 significant digits, a chord key
 * 512 bits, and a compressed body is known by its first bytes instead of by trying every method.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Compression } from "./Compression.ts"
import { Hashing } from "./Hashing.ts"
import { Message } from "./Message.ts"
import { Payload } from "./Payload.ts"
import { Protocol } from "./Protocol.ts"
import * as Flags from "./v04/Flags.ts"
import * as Identifiers from "./v04/Identifiers.ts"
import * as MessageCodec from "./v04/MessageCodec.ts"
import * as PayloadCodec from "./v04/PayloadCodec.ts"
import * as Unpack from "./v04/Unpack.ts"
import { WireError, WireFault } from "./WireFault.ts"

/**
 * The `Protocol` of version 0.4, with the digests and the compression methods of the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Protocol, never, Hashing | Compression> = Layer.effect(
  Protocol,
  Effect.suspend(() => make)
)

const make: Effect.Effect<Protocol["Service"], never, Hashing | Compression> = Effect.gen(function*() {
  const hashing = yield* Hashing
  const compression = yield* Compression
  const protocol: Omit<Protocol["Service"], "Message" | "Payload"> = {
    version: Identifiers.version,
    methods: compression.methods,
    networkId: (subnet, encryption) => Identifiers.networkId(hashing, subnet, encryption),
    chordNetworkId: Identifiers.chordNetworkId,
    nodeId: (address, networkId, salt) => Identifiers.nodeId(hashing, address, networkId, salt),
    identityId: (publicKey, networkId) => Identifiers.identityId(hashing, publicKey, networkId),
    make: (type, sender, payload, time) => MessageCodec.make(hashing, type, sender, payload, time),
    encode: MessageCodec.encode,
    encodeRelay: MessageCodec.encodeRelay,
    decode: (body) => MessageCodec.decode(hashing, body),
    unpack: Unpack.unpack,
    subFlag: (payload) => Flags.readSubFlag(payload[0]),
    encodePayload: PayloadCodec.encode,
    decodePayload: PayloadCodec.decode
  }
  return { ...protocol, Message: messageSchema(protocol.decode), Payload: payloadSchema }
})

const messageSchema = (decode: Protocol["Service"]["decode"]): Schema.Codec<Message, Uint8Array> =>
  Schema.Uint8Array.pipe(Schema.decodeTo(
    Schema.instanceOf(Message),
    SchemaTransformation.transformEffect({
      decode: (body: Uint8Array, options) => fromFault(decode(body), body, options),
      encode: (message: Message, options) =>
        message.body === undefined && Flags.typePacket(message.type) === undefined
          ? Effect.fail(new SchemaIssue.InvalidValue({ message: "not a message type" }, message.type, options))
          : Effect.succeed(MessageCodec.encode(message))
    })
  ))

const payloadSchema: Schema.Codec<Payload, ReadonlyArray<Uint8Array>> = Schema.Array(Schema.Uint8Array).pipe(
  Schema.decodeTo(
    Schema.toType(Payload),
    SchemaTransformation.transformEffect({
      decode: (packets: ReadonlyArray<Uint8Array>, options) =>
        fromFault(PayloadCodec.decode(packets), packets, options),
      encode: (payload: Payload) => Effect.succeed(PayloadCodec.encode(payload))
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
