/**
 * Several transports as one: a node listens on some of them, dials by the scheme of an address, and
 * relays between all. So browsers over WebSockets and nodes over TCP are on one mesh.
 *
 * The first transport is the network's own: its addresses have no scheme, its encryption is in the
 * network's id. Connections of another encryption (WebSockets besides TLS, TLS besides TCP) shake hands
 * under the id of that network, and the node stands in both: it relays from the one into the other, also
 * what comes from who has proven nothing. A transport that proves an identity can only be the first.
 *
 * ```ts
 * import { NodeTcp, NodeWebSocket } from "effect-p2p/node"
 * import { Transports } from "effect-p2p"
 *
 * const both = Transports.layer([NodeTcp.layer(), NodeWebSocket.layer()])
 * ```
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type PeerAddress, withScheme } from "../Protocol/PeerAddress.ts"
import type { OwnScheme } from "./AddressForm.ts"
import {
  canDial,
  type Connection,
  DialError,
  type Listener,
  ListenError,
  refuseDial,
  refuseListen,
  Transport
} from "./Transport.ts"

/**
 * One `Transport` of several; where two serve the same scheme, the earlier one does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  layers: Arr.NonEmptyReadonlyArray<Layer.Layer<Transport, E, R>>
): Layer.Layer<Transport, E, R> => {
  const build = (each: Layer.Layer<Transport, E, R>) =>
    Effect.map(Layer.build(each), (context) => Context.get(context, Transport))
  return Layer.effect(
    Transport,
    Effect.gen(function*() {
      const first = yield* build(layers[0])
      return make([first, ...yield* Effect.forEach(layers.slice(1), build)])
    })
  )
}

/**
 * The same from transports that are built.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (transports: Arr.NonEmptyReadonlyArray<Transport["Service"]>): Transport["Service"] => {
  const { encryption, identity } = transports[0]
  // Ids follow from the key and the network: those at the other ends would find this node under a wrong one.
  if (transports.slice(1).some((transport) => transport.identity !== undefined)) {
    throw new Error("a transport that proves who this node is must be the first: the node's id follows from its key")
  }
  const servedBy = (address: PeerAddress) => transports.find((transport) => canDial(transport, address))
  return {
    encryption,
    identity,
    resolvesNames: transports.some((transport) => transport.resolvesNames === true),
    schemes: [...new Set(transports.flatMap((transport) => transport.schemes ?? [""]))],
    dial: (address) => {
      const transport = servedBy(address)
      if (transport === undefined) return refuseDial(address)
      return Effect.map(transport.dial(address), (connection) => marked(connection, transport, encryption))
    },
    listen: (address) => {
      const transport = servedBy(address)
      if (transport === undefined) return refuseListen(address)
      return Effect.map(transport.listen(address), (listener): Listener => ({
        address: listener.address,
        serve: (handler, onRefused) =>
          listener.serve((connection) => handler(marked(connection, transport, encryption)), onRefused)
      }))
    }
  }
}

/** A connection of another network says so. */
const marked = (connection: Connection, transport: Transport["Service"], encryption: string): Connection =>
  transport.encryption === encryption ? connection : { encryption: transport.encryption, ...connection }

/**
 * A transport whose addresses have no scheme, under a scheme: `"tls"` for TLS in its compatible mode
 * besides TCP, `"tcp"` for TCP besides TLS.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerScheme = <E, R>(
  scheme: OwnScheme,
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport, E, R> =>
  Layer.effect(Transport, Effect.map(Transport, (service) => named(scheme, service))).pipe(Layer.provide(transport))

const named = (scheme: string, transport: Transport["Service"]): Transport["Service"] => {
  const bare = (address: PeerAddress) => withScheme(address, "") ?? address
  const full = (address: PeerAddress) => withScheme(address, scheme) ?? address
  const rename = (connection: Connection): Connection => ({ ...connection, remote: full(connection.remote) })
  return {
    encryption: transport.encryption,
    identity: transport.identity,
    resolvesNames: transport.resolvesNames,
    schemes: [scheme],
    dial: (address) =>
      transport.dial(bare(address)).pipe(
        Effect.map(rename),
        Effect.mapError(({ by, cause, kind }) => new DialError({ address, kind, cause, by }))
      ),
    listen: (address) =>
      transport.listen(bare(address)).pipe(
        Effect.map((listener): Listener => ({
          address: full(listener.address),
          serve: (handler, onRefused) =>
            listener.serve(
              (connection) => handler(rename(connection)),
              (refused) => onRefused?.({ ...refused, remote: full(refused.remote) })
            )
        })),
        Effect.mapError(({ cause, kind }) => new ListenError({ address, kind, cause }))
      )
  }
}
