/**
 * A Transport of a test's own: whatever transport there is, with every byte changed on its way, as an
 * encryption would. Shows that one more transport is one more layer.
 */
import { Array as Arr, Effect, Layer } from "effect"
import { type Connection, makeConnection, Transport } from "../../src/Transport/Transport.ts"

const scramble = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a)

const scrambled = (connection: Connection): Connection =>
  makeConnection({
    remote: connection.remote,
    pull: Effect.map(connection.pull, Arr.map(scramble)),
    send: (chunks) => connection.send(Arr.map(chunks, scramble))
  })

/** Scrambles the transport it is given; nodes see it as an encryption of this name. */
export const layer = (encryption: string): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (inner) => ({
      encryption,
      dial: (address) => Effect.map(inner.dial(address), scrambled),
      listen: (address) =>
        Effect.map(inner.listen(address), (listener) => ({
          address: listener.address,
          serve: (handler) => listener.serve((connection) => handler(scrambled(connection)))
        }))
    }))
  )
