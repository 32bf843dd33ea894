/** `p2p encode` and `p2p decode`, over all that was recorded of the original nodes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Bytes, type FrameVector, type MessageVector, toBytes, vectors } from "../fixtures/Vectors.ts"
import { vectors07 } from "../fixtures/Vectors07.ts"
import { run, start } from "./CommandLine.ts"

const hex = (bytes: Bytes): string => Buffer.from(toBytes(bytes)).toString("hex")

const typeOf = (flag: string): string =>
  Object.entries(vectors.flags.main).find(([, byte]) => byte === flag)?.[0] ?? `0x${flag}`

/** The line for a message, its time to the last digit. */
const jsonOf = (vector: MessageVector): string => {
  const sender = Buffer.from(toBytes(vector.sender))
  const fields = {
    type: typeOf(vector.msg_type),
    sender: sender.toString(),
    ...(Buffer.from(sender.toString()).equals(sender) ? {} : { senderHex: sender.toString("hex") }),
    time: "the time",
    payload: vector.payload.map(hex),
    id: vector.id
  }
  return JSON.stringify(fields).replace("\"the time\"", vector.time)
}

const isRead = (vector: FrameVector): boolean => vector.py2p === "accepts"

const parse = (line: string | undefined) =>
  JSON.parse(line ?? "null") as {
    readonly id?: string
    readonly error?: { readonly tag: string; readonly message: string }
  }

const { messages } = vectors

describe("p2p encode", () => {
  it.live("writes every recorded message as recorded", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["encode"], messages.map(jsonOf))

      assert.deepStrictEqual({ status, stderr, count: stdout.length }, {
        status: 0,
        stderr: "",
        count: messages.length
      })
      for (const [index, vector] of messages.entries()) {
        assert.isTrue(stdout[index] === hex(vector.serialized), vector.name)
      }
    }))

  it.live("answers a wrong line with an error that says what is wrong, and reads the next one", () =>
    Effect.gen(function*() {
      const good = "{\"type\":\"whisper\",\"payload\":[]}"
      const wrong: ReadonlyArray<readonly [line: string, tag: string, says: string]> = [
        ["nonsense", "InvalidJson", "not JSON"],
        ["{\"type\":", "InvalidJson", "not JSON"],
        ["[]", "InvalidField", "an object"],
        ["{\"payload\":[]}", "InvalidField", "\"type\""],
        ["{\"type\":\"shout\",\"payload\":[]}", "InvalidField", "broadcast"],
        ["{\"type\":\"0x0\",\"payload\":[]}", "InvalidField", "\"type\""],
        ["{\"type\":\"whisper\"}", "InvalidField", "\"payload\""],
        ["{\"type\":\"whisper\",\"payload\":[7]}", "InvalidField", "payload[0]"],
        ["{\"type\":\"whisper\",\"payload\":[\"00\",\"0\"]}", "InvalidField", "payload[1]"],
        ["{\"type\":\"whisper\",\"payload\":[\"0x\"]}", "InvalidField", "character 2"],
        ["{\"type\":\"whisper\",\"payload\":[],\"time\":-1}", "InvalidField", "\"time\""],
        ["{\"type\":\"whisper\",\"payload\":[],\"time\":1.5}", "InvalidField", "\"time\""],
        ["{\"type\":\"whisper\",\"payload\":[],\"time\":\"1\"}", "InvalidField", "\"time\""],
        [`{"type":"whisper","payload":[],"time":${58n ** 64n}}`, "InvalidField", "\"time\""],
        ["{\"type\":\"whisper\",\"payload\":[],\"sender\":7}", "InvalidField", "\"sender\""],
        ["{\"type\":\"whisper\",\"payload\":[],\"sender\":\"\\ud800\"}", "InvalidField", "\"senderHex\""],
        [
          "{\"type\":\"whisper\",\"payload\":[],\"sender\":\"a\",\"senderHex\":\"62\"}",
          "InvalidField",
          "\"senderHex\""
        ],
        ["{\"type\":\"whisper\",\"payload\":[],\"time\":0,\"id\":\"1\"}", "InvalidField", "\"id\""],
        ["{\"type\":\"whisper\",\"payload\":[],\"flag\":1,\"sub\":2}", "InvalidField", "\"flag\", \"sub\""]
      ]

      const { status, stdout } = yield* run(["encode"], ["", ...wrong.flatMap(([line]) => [`${line}\r`, "  ", good])])

      assert.strictEqual(status, 0)
      assert.strictEqual(stdout.length, 2 * wrong.length)
      for (const [index, [line, tag, says]] of wrong.entries()) {
        const { error } = parse(stdout[2 * index])
        assert.strictEqual(error?.tag, tag, line)
        assert.include(error?.message, says, line)
        assert.match(stdout[2 * index + 1]!, /^[0-9a-f]+$/, line)
      }
    }))

  it.live("takes the time of now, no sender, and hex in capitals when not told otherwise", () =>
    Effect.gen(function*() {
      const before = Math.floor(Date.now() / 1000)

      const encoded = yield* run(["encode", "--json"], ["{\"type\":\"0X0F\",\"payload\":[\"FF\"]}"])
      const decoded = yield* run(["decode", "--json"], encoded.stdout.map((line) => line.toUpperCase()))

      const { id, time, ...rest } = JSON.parse(decoded.stdout[0]!)
      assert.deepStrictEqual(rest, { type: "0x0f", sender: "", payload: ["ff"] })
      assert.isTrue(time >= before && time <= Date.now() / 1000)
      assert.match(id, /^[1-9A-Za-z]+$/)
    }))
})

describe("p2p decode", () => {
  it.live("reads long lines, and gives up one that does not end", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["decode"], ["0".repeat(5_000_000), "0".repeat(17_000_000), "00"])

      assert.deepStrictEqual({ status, stderr }, {
        status: 1,
        stderr: "p2p: could not read standard input: a line of more than 16777216 characters\n"
      })
      assert.deepStrictEqual(stdout.map((line) => parse(line).error?.tag), ["EmptyFrame"])
    }))

  const plain = vectors.frames.filter((vector) => vector.compressions.length === 0)
  const packed = vectors.frames.filter((vector) => vector.compressions.length > 0)

  it.live("reads every recorded message, and of the odd frames those that the original reads", () =>
    Effect.gen(function*() {
      // A line without a digit is no frame but an empty line.
      const odd = plain.filter((vector) => hex(vector.frame) !== "")

      const { status, stderr, stdout } = yield* run(["decode"], [
        ...messages.map((vector) => hex(vector.serialized)),
        ...odd.map((vector) => hex(vector.frame))
      ])

      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      assert.strictEqual(stdout.length, messages.length + odd.length)
      for (const [index, vector] of messages.entries()) assert.isTrue(stdout[index] === jsonOf(vector), vector.name)
      for (const [index, vector] of odd.entries()) {
        const answer = parse(stdout[messages.length + index])
        assert.strictEqual(answer.error === undefined, isRead(vector), vector.name)
        if (isRead(vector)) assert.strictEqual(answer.id, vector.py2p_reads?.id, vector.name)
      }
    }))

  it.live.each([["zlib", "zlib", "gzip"], ["bz2", "bz2"], ["lzma", "lzma"]])(
    "reads every recorded frame in %s, plain ones too, and refuses broken ones",
    ([chosen, ...methods]) =>
      Effect.gen(function*() {
        const readable = vectors.compressed.filter(({ method }) => methods.includes(method))
        const odd = packed.filter(({ name }) =>
          methods.some((method) => name.startsWith(method)) || name.startsWith("plain")
        )

        const { status, stdout } = yield* run(["decode", "--compression", chosen!], [
          ...readable.map((vector) => hex(vector.frame)),
          ...odd.map((vector) => hex(vector.frame))
        ])

        assert.strictEqual(status, 0)
        assert.strictEqual(stdout.length, readable.length + odd.length)
        for (const [index, vector] of readable.entries()) {
          const original = messages.find((message) => message.name === vector.message)!
          assert.isTrue(stdout[index] === jsonOf(original), `${vector.message} by ${vector.made_by}`)
        }
        for (const [index, vector] of odd.entries()) {
          // Only zlib is agreed there, and the command is told to read bz2.
          const isAgreed = chosen !== "bz2" || !vector.name.includes("only zlib")
          const answer = parse(stdout[readable.length + index])
          assert.strictEqual(answer.error === undefined, isRead(vector) || !isAgreed, vector.name)
        }
      })
  )

  it.live("answers a wrong line with an error that says what is wrong, and reads the next one", () =>
    Effect.gen(function*() {
      const good = hex(messages[0]!.serialized)
      const zlib = hex(vectors.compressed.find(({ method }) => method === "zlib")!.frame)
      const wrong: ReadonlyArray<readonly [line: string, tag: string, says: string]> = [
        ["0x00", "InvalidHex", "character 2"],
        ["000", "InvalidHex", "3 digits"],
        ["00 00", "InvalidHex", "character 3"],
        ["000000", "TruncatedFrame", "3 of 4"],
        ["00000000", "EmptyFrame", "without a body"],
        [`${good}00`, "TrailingBytes", "1 bytes after"],
        [good.slice(0, -2), "TruncatedFrame", "body bytes"],
        [`${good.slice(0, -2)}ff`, "ChecksumMismatch", "the id should be"],
        [zlib, "MalformedCompression", "pass --compression zlib"]
      ]

      const { status, stdout } = yield* run(["decode"], wrong.flatMap(([line]) => [` ${line}\r`, "", good]))

      assert.strictEqual(status, 0)
      assert.strictEqual(stdout.length, 2 * wrong.length)
      for (const [index, [line, tag, says]] of wrong.entries()) {
        const { error } = parse(stdout[2 * index])
        assert.strictEqual(error?.tag, tag, line.slice(0, 40))
        assert.include(error?.message, says, line.slice(0, 40))
        assert.isTrue(stdout[2 * index + 1] === jsonOf(messages[0]!))
      }
    }))

  it.live.each(["zlib", "gzip", "snappy", "lz-string"])(
    "reads what encode wrote in %s, even where that is longer",
    (method) =>
      Effect.gen(function*() {
        const chosen = messages.filter(({ length }) => length < 10_000)
        const encoded = yield* run(["encode", "--compression", method], chosen.map(jsonOf))

        const decoded = yield* run(["decode", "--compression", method], encoded.stdout)

        assert.deepStrictEqual(decoded.stdout, chosen.map(jsonOf))
        for (const [index, vector] of chosen.entries()) {
          assert.notStrictEqual(encoded.stdout[index], hex(vector.serialized), vector.name)
        }
      })
  )

  it.live("ends when nobody reads its output, and says so", () =>
    Effect.gen(function*() {
      const line = jsonOf(messages.find(({ name }) => name === "payload: 64 KiB of a pattern")!)
      const program = yield* start("encode")

      yield* program.closeOutput
      yield* program.send(line, line, line, line)
      yield* program.endInput
      const { status, stderr } = yield* program.finished

      assert.strictEqual(status, 1)
      assert.strictEqual(stderr, "p2p: standard output was closed by the program that read it; stopped\n")
    }))
})

describe("p2p encode and decode --protocol 0.7", () => {
  const recorded = vectors07.messages.filter(({ frame, sender }) =>
    frame !== undefined && sender !== null && typeof sender === "object" && "s" in sender
  )

  it.live("write again what they read, by packets and by values, and answer what is wrong", () =>
    Effect.gen(function*() {
      const lines = [...recorded.map(({ frame }) => frame!), "00000001ff"]

      const decoded = yield* run(["decode", "--protocol", "0.7"], lines)
      const messages = decoded.stdout.map((line) => JSON.parse(line) as Record<string, unknown>)
      const wholeSeconds = messages.filter((_, index) => recorded[index]?.name !== "fractional time").slice(0, -1)
      const byValues = wholeSeconds.map((message) => ({ ...message, payload: undefined }))
      const again = yield* run(
        ["encode", "--protocol", "0.7"],
        [...wholeSeconds, ...byValues, { type: "waterfall", payload: [] }, { type: "whisper", payload: ["9301"] }]
          .map((message) => JSON.stringify(message))
      )

      assert.deepStrictEqual(messages.slice(0, -1).map(({ id }) => id), recorded.map(({ id }) => id))
      assert.deepInclude(messages.find(({ id }) => id === hello?.id), {
        payload: ["00", "a568656c6c6f"],
        values: [0, "hello"]
      })
      assert.deepInclude(messages.at(-1)?.["error"], { tag: "MissingPackets" })
      const expected = recorded.filter(({ name }) => name !== "fractional time").map(({ frame }) => frame)
      assert.deepStrictEqual(again.stdout.slice(0, expected.length), expected)
      const ids = again.stdout.slice(expected.length, -2).map((frame) => frame.slice(8, 72))
      assert.deepStrictEqual(ids, wholeSeconds.map(({ id }) => id))
      assert.include(again.stdout.at(-2), "wire version 0.7 cannot write that")
      assert.include(again.stdout.at(-1), "exactly one value of msgpack")
    }))

  it.live("have a value that the wire cannot carry told on its line, and read the next one", () =>
    Effect.gen(function*() {
      const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
      const message = (value: string) => `{"type":"broadcast","time":7,"values":[0,${value}]}`
      const depths = [40, 1000, 3000, 100_000]

      const encoded = yield* run(
        ["encode", "--protocol", "0.7"],
        [...depths.map((depth) => message(nested(depth))), message("{\"time\":7,\"at\":[{\"time\":-7.5}]}")]
      )
      const decoded = yield* run(["decode", "--protocol", "0.7"], encoded.stdout.slice(-1))

      assert.deepStrictEqual([encoded.status, encoded.stderr, encoded.stdout.length], [0, "", depths.length + 1])
      for (const line of encoded.stdout.slice(0, -1)) assert.match(line, /^\{"error":\{"tag":"Invalid(Field|Json)",/)
      assert.include(parse(encoded.stdout[0]).error?.message, "\"values[1]\"")
      assert.deepInclude(JSON.parse(decoded.stdout[0]!), { time: 7, values: [0, { time: 7, at: [{ time: -7.5 }] }] })
    }))

  const hello = vectors07.messages.find(({ name }) => name === "broadcast hello")
})
