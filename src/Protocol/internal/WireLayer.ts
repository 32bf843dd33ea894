/** How a wire version becomes the `Protocol` service. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Compression, type CompressionMethod } from "../Compression/Compression.ts"
import { Hashing } from "../Hashing.ts"
import type { MessageType } from "../Message.ts"
import { Protocol } from "../Protocol.ts"
import * as WireSchemas from "./WireSchemas.ts"

/** What a version does; its Schemas follow from it. */
export type Wire = Omit<Protocol["Service"], "Message" | "Payload">

/**
 * The service, with the digests and the compression methods of the environment. `isType` says which main
 * flags the version can write.
 */
export const layer = (
  isType: (type: MessageType) => boolean,
  make: (hashing: Hashing["Service"], methods: ReadonlyArray<CompressionMethod>) => Wire
): Layer.Layer<Protocol, never, Hashing | Compression> =>
  Layer.effect(
    Protocol,
    Effect.gen(function*() {
      const wire = make(yield* Hashing, (yield* Compression).methods)
      return {
        ...wire,
        Message: WireSchemas.message(wire.encode, wire.decode, isType),
        Payload: WireSchemas.payload(wire.encodePayload, wire.decodePayload)
      }
    })
  )
