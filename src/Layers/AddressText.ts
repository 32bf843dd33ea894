/** Addresses as texts, in options and in `Config`. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { format, InvalidAddress, parse, PeerAddress } from "../Protocol/PeerAddress.ts"

/** The address in a text. @internal */
export const toAddress = (text: string): Effect.Effect<PeerAddress, InvalidAddress> => {
  const address = parse(text)
  return address === undefined ? Effect.fail(new InvalidAddress({ text })) : Effect.succeed(address)
}

/** A host as options and `Config` give it: an IPv6 address may have the brackets of an address. @internal */
export const toHost = (text: string): string => /^\[(.+:.*)\]$/.exec(text)?.[1] ?? text

/** A host and a port as options give them, `127.0.0.1` and any free port unless they say so. @internal */
export const toListen = (
  scheme: "" | "ws://",
  options: { readonly host?: string | undefined; readonly port?: number | undefined }
): Effect.Effect<PeerAddress, InvalidAddress> =>
  toAddress(format({ host: `${scheme}${toHost(options.host ?? "127.0.0.1")}`, port: options.port ?? 0 }))

/** `host:port` as a Schema, with a message that says what to write; in a list there may be blanks behind commas. @internal */
export const AddressText = Schema.String.pipe(Schema.decodeTo(
  Schema.instanceOf(PeerAddress),
  SchemaTransformation.transformEffect({
    decode: (text, options) => {
      const address = parse(text.trim())
      return address !== undefined
        ? Effect.succeed(address)
        : Effect.fail(new SchemaIssue.InvalidValue({ message: new InvalidAddress({ text }).message }, text, options))
    },
    encode: (address) => Effect.succeed(format(address))
  })
))
