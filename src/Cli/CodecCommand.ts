/**
 * `p2p encode` and `p2p decode`: filters between the JSON of messages and the hex of their frames,
 * one a line. For looking into recorded traffic, and for tests of other implementations.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as NodeCompression from "../Layers/NodeCompression.ts"
import * as NodeHashing from "../Layers/NodeHashing.ts"
import * as WireVersion from "../Layers/WireVersion.ts"
import * as Bz2 from "../Protocol/Compression/Bz2.ts"
import { Compression, negotiate } from "../Protocol/Compression/Compression.ts"
import * as Lzma from "../Protocol/Compression/Lzma.ts"
import { Protocol } from "../Protocol/Protocol.ts"
import * as Input from "./Input.ts"
import { decodeLine, encodeLine } from "./MessageJson.ts"
import * as Output from "./Output.ts"
import * as WireFlag from "./WireFlag.ts"

/** What is written as well as read, and what is only read. */
const written = ["zlib", "gzip", "snappy", "lz-string"] as const
const read = [...written, "bz2", "lzma"] as const

const compression = (methods: ReadonlyArray<string>) =>
  Flag.Literals("compression", methods).pipe(
    Flag.withMetavar("METHOD"),
    Flag.withDescription("The method that frames are compressed with (default: none)"),
    Flag.optional
  )

const flags = {
  protocol: WireFlag.protocol,
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Changes nothing: what is printed is made for programs anyway"),
    Flag.withDefault(false)
  )
}

const aboutLines = `One message a line; empty lines are skipped. A line that is wrong is answered with
  {"error":{"tag":…,"message":…}} in its place, and the next one is read: the exit status is 0 then, too.`

/**
 * `p2p encode`.
 *
 * @category commands
 * @since 0.1.0
 */
export const encode = Command.make(
  "encode",
  { compression: compression(written), ...flags },
  ({ compression, protocol }) =>
    convert(protocol, (protocol) => {
      const method = negotiate(protocol.methods, Option.toArray(compression))
      return (line, now) => encodeLine(protocol, method, line, now)
    })
).pipe(
  Command.withShortDescription("Messages as JSON to frames in hex"),
  Command.withDescription(`Reads messages as JSON and writes their frames in hex, the four bytes of the size first.
  ${aboutLines}

  Fields:
    "type"       broadcast, waterfall, whisper, renegotiate, ping, pong, or any flag in hex ("0x20")
    "payload"    the packets, each in hex; the first one is the sub-flag
    "sender"     the id of the author (default "")
    "senderHex"  the same in hex, when it is no text
    "time"       whole seconds since 1970 UTC (default now); exact at any size
    "id"         checked, if there is one
  With --protocol 0.7 each packet of "payload" is a value in msgpack, and in its place there may be
    "values"     what the packets say, the sub-flag first, as JSON; {"hex":"00ff"} stands for bytes`),
  Command.withExamples([{
    command: `echo '{"type":"broadcast","sender":"me","time":0,"payload":["00","6869"]}' | p2p encode`,
    description: "The frame of a broadcast that says hi"
  }])
)

/**
 * `p2p decode`.
 *
 * @category commands
 * @since 0.1.0
 */
export const decode = Command.make(
  "decode",
  { compression: compression(read), ...flags },
  ({ compression, protocol }) =>
    convert(protocol, (protocol) => {
      const methods = protocol.methods.filter(({ name }) => Option.contains(compression, name))
      return (line) => decodeLine(protocol, methods, line)
    })
).pipe(
  Command.withShortDescription("Frames in hex to messages as JSON"),
  Command.withDescription(`Reads frames in hex, the four bytes of the size first, and writes their messages as JSON:
  {"type":…,"sender":…,"time":…,"payload":[…],"id":…}, and "senderHex" when the sender is no text.
  With --protocol 0.7 each packet is a value in msgpack; "values" are the same as JSON.
  ${aboutLines}

  Plain frames are always read, compressed ones only with --compression.`),
  Command.withExamples([{
    command: "p2p decode --compression zlib < frames.txt",
    description: "The messages of recorded frames"
  }])
)

const layer = (version: WireVersion.WireVersion) =>
  WireVersion.layer(version).pipe(
    Layer.provide([NodeHashing.layer, Compression.layerMerge(NodeCompression.layer, Bz2.layer, Lzma.layer)])
  )

const convert = Effect.fnUntraced(function*(
  _version: WireVersion.WireVersion,
  make: (protocol: Protocol["Service"]) => (line: string, now: number) => string
) {
  const toLine = make(yield* Protocol)
  if (process.stdin.isTTY) yield* Console.error("Reading messages, one a line; Ctrl-D ends.")
  yield* Input.lines.pipe(
    Stream.filter((line) => line.trim() !== ""),
    Stream.runForEachArray((lines) =>
      Effect.flatMap(Clock.currentTimeMillis, (millis) => {
        const now = Math.floor(millis / 1000)
        return Output.write(lines.map((line) => `${toLine(line, now)}\n`).join(""))
      })
    )
  )
}, (effect, version) => Effect.provide(effect, layer(version)))
