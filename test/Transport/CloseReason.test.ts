import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { CloseReason, describe as describeReason, LinkClosed } from "../../src/Transport/CloseReason.ts"

const examples: ReadonlyArray<readonly [CloseReason, string]> = [
  [{ _tag: "ConnectionLost", clean: true, detail: "closed" }, "the peer closed the connection"],
  [{ _tag: "ConnectionLost", clean: false, detail: "reset" }, "the connection was lost (reset)"],
  [{ _tag: "Goodbye", reason: "Full", detail: "no room" }, "the peer closed the link: no room (Full)"],
  [
    { _tag: "Malformed", reason: "EmptyFrame", offset: 8, detail: "a frame without a body" },
    "the peer sent something that is no message: a frame without a body (EmptyFrame at 8)"
  ],
  [{ _tag: "HandshakeTimeout", afterMillis: 10 }, "no handshake came within 10 ms"],
  [{ _tag: "HandshakeTimeout", afterMillis: 9412.337_1 }, "no handshake came within 9412 ms"],
  [{ _tag: "HandshakeInvalid", detail: "a ping" }, "the peer did not begin with a handshake: a ping"],
  [
    { _tag: "NetworkMismatch", own: "A", peer: "B" },
    "the peer is on another network (subnet, encryption or protocol version differ): its network id is B, ours A"
  ],
  [{ _tag: "WrongPeer", expected: "A", found: "B" }, "another node answered: expected A, found B"],
  [
    { _tag: "TlsRefused", fault: "TlsPeer", by: "here", detail: "" },
    "the other end speaks TLS, this node does not: use TLS at both ends or at neither"
  ],
  [
    { _tag: "IdentityMismatch", claimed: "A", proven: "B" },
    "the peer claims the id A, but its key is that of B"
  ],
  [{ _tag: "SelfConnection" }, "that address is this node itself"],
  [{ _tag: "Duplicate", id: "A" }, "there is a link to A already"],
  [{ _tag: "Full", limit: 64 }, "all 64 slots for links are taken"],
  [{ _tag: "Banned", target: "10.0.0.1", why: "spam" }, "10.0.0.1 is banned: spam"],
  [{ _tag: "TooManyConnects", source: "10.0.0.1", perSecond: 10 }, "10.0.0.1 connects more than 10 times a second"],
  [
    { _tag: "SourceFull", source: "10.0.0.1", slots: "links", limit: 16 },
    "10.0.0.1 has its 16 slots for links already"
  ],
  [
    { _tag: "FrameTimeout", afterMillis: 60, receivedBytes: 5 },
    "a message of which 5 bytes came was not whole within 60 ms"
  ],
  [
    { _tag: "OverBudget", receivedBytes: 5, limitBytes: 9 },
    "unfinished messages take more than 9 bytes, and this one (5) is the oldest"
  ],
  [{ _tag: "TooSlow", queuedBytes: 9, afterMillis: 10 }, "the peer did not take 9 queued bytes within 10 ms"],
  [{ _tag: "Unresponsive", afterMillis: 10 }, "the peer did not answer pings for 10 ms"],
  [{ _tag: "RenegotiationLimit", limit: 16 }, "the peer renegotiated more than 16 times"],
  [{ _tag: "Disconnected" }, "the application closed the link"],
  [{ _tag: "Defect", detail: "TypeError: x" }, "this node failed, please report it: TypeError: x"],
  [{ _tag: "Stopped" }, "the node is shutting down"]
]

describe("CloseReason", () => {
  it("has an example of every reason here", () => {
    const tags = new Set(CloseReason.members.map((member) => member.fields._tag.schema.literal))

    assert.deepStrictEqual(new Set(examples.map(([reason]) => reason._tag)), tags)
  })

  it.each(examples)("says what %o means", (reason, sentence) => {
    assert.strictEqual(describeReason(reason), sentence)
    assert.strictEqual(new LinkClosed({ reason }).message, sentence)
  })

  it("says in one line, and controls no terminal, whatever a peer said", () => {
    const detail = "bye\u001b[2J\u009b2J\nlevel=ERROR forged\u202e"

    const sentence = describeReason({ _tag: "Goodbye", reason: "\u001bc", detail })

    assert.strictEqual(
      sentence,
      "the peer closed the link: bye\\x1b[2J\\x9b2J\\x0alevel=ERROR forged\\u202e (\\x1bc)"
    )
  })

  it.each(examples)("crosses a wire: %o", (reason) => {
    const codec = Schema.fromJsonString(Schema.toCodecJson(CloseReason))

    assert.deepStrictEqual(Schema.decodeSync(codec)(Schema.encodeSync(codec)(reason)), reason)
  })
})
