/** Addresses as flags. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { parse, type PeerAddress } from "../Protocol/PeerAddress.ts"

/** An address as a flag; anything else is wrong usage. */
export const address = (name: string): Flag.Flag<PeerAddress> =>
  Flag.String(name).pipe(
    Flag.withMetavar("HOST:PORT"),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parse(text)),
      () => "HOST:PORT, for instance 127.0.0.1:4444 or [::1]:4444"
    )
  )

/** Port 0 of another node is no place to dial. */
export const dialable = (name: string): Flag.Flag<PeerAddress> =>
  address(name).pipe(Flag.filter(({ port }) => port !== 0, () => "a port from 1 to 65535"))
