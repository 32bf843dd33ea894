/** Addresses as flags. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { parse, type PeerAddress } from "../Protocol/PeerAddress.ts"
import { reachOf } from "../Transport/Source.ts"

const examples = "HOST:PORT, for instance 127.0.0.1:4444 or [::1]:4444, or ws://HOST:PORT for a WebSocket"

const address = (name: string, schemes: ReadonlyArray<string>, expected: string): Flag.Flag<PeerAddress> =>
  Flag.String(name).pipe(
    Flag.withMetavar("HOST:PORT"),
    Flag.filterMap(
      (text) => Option.filter(Option.fromUndefinedOr(parse(text)), ({ scheme }) => schemes.includes(scheme)),
      () => expected
    )
  )

/** Where to listen. This program has no certificate, so not on `wss://`. */
export const listenable = (name: string): Flag.Flag<PeerAddress> =>
  address(name, ["", "ws"], `${examples}; for wss, listen on ws behind a proxy that has the certificate`)

/** Where another node is. Port 0 is no place to dial. */
export const dialable = (name: string): Flag.Flag<PeerAddress> =>
  address(name, ["", "ws", "wss"], examples).pipe(
    Flag.filter(({ port }) => port !== 0, () => "a port from 1 to 65535")
  )

/** Where others reach a node: not "all addresses" of it. */
export const reachable = (name: string): Flag.Flag<PeerAddress> =>
  dialable(name).pipe(
    Flag.filter(
      ({ hostname }) => reachOf(hostname) !== "never",
      () => "an address that others can dial, such as 192.168.1.20:4444"
    )
  )
