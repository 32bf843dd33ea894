/**
 * The payloads of every wire version, over what the versions differ in: how a packet says a text, a value
 * and a method. What one version alone has is in its own `PayloadCodec`.
 */
import * as Base58 from "../Base58.ts"
import type { Payload, PeerEntry, SubFlag } from "../Payload.ts"
import type { PeerAddress } from "../PeerAddress.ts"
import { WireFault } from "../WireFault.ts"

/** What asks for all peers, in place of a request id. */
const allPeers = "*"
/** A chord key is a digest: SHA-512 takes 88 digits. Conversion takes time quadratic in the length. */
const maxKeyDigits = 88
const maxKeyBits = 512
/**
 * Bytes of a value that are read. Two megabytes of JSON, in the right form, take a second to read; lists
 * are much shorter: 1000 peers of an original node take 100 kB. An entry of the shared dictionary has 64 KiB of
 * JSON, which are up to 144 KiB of msgpack, where each number may take nine bytes.
 */
export const maxValueBytes = {
  time: 16,
  address: 4096,
  answer: 4096,
  methods: 16_384,
  peers: 131_072,
  sync: 163_840
} as const
/** Entries of a list of peers that are looked at. */
const maxListedPeers = 1024

const encoder = new TextEncoder()
// A byte order mark is part of a text here: dropping it would make two texts one.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const allPeersPacket = /* @__PURE__ */ encoder.encode(allPeers)

/** How a version writes and reads packets; `P` are its packets that are not plain bytes. */
export interface PayloadForm<P> {
  readonly subFlag: (name: Exclude<SubFlag, "custom" | "unknown" | "none" | "retrieved" | "delta">) => P
  readonly text: (text: string) => P
  readonly value: (value: unknown) => P
  /** How a compression method stands in a list. */
  readonly methodFlag: (name: string) => unknown
  /** The method that an entry of a list is; undefined for what is none. */
  readonly methodName: (entry: unknown) => string | undefined
  /** What a packet holds, whatever its kind. */
  readonly contentOf: (packet: P) => Uint8Array
  /** The bytes of a packet that can be a text; undefined for another value. */
  readonly textBytes: (packet: P) => Uint8Array | undefined
  /** The value that a packet says, in an object because it can be any; a fault when it cannot be read. */
  readonly readValue: (packet: P, index: number) => { readonly value: unknown } | WireFault
  /** The id that a value is. */
  readonly idOf: (value: unknown) => string | undefined
  /** The address that a value is; null for nobody who can be dialed, undefined for none. */
  readonly addressOf: (value: unknown) => PeerAddress | null | undefined
  /** What values are called in faults. */
  readonly valueName: string
}

/** The text that bytes are; undefined when they are not UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The fault of a payload that ends before a packet. */
const missing = (index: number, packets: ReadonlyArray<unknown>): WireFault =>
  new WireFault("MissingPacket", index, `${packets.length} packets where at least ${index + 1} are needed`)

/** The packet of a chord key. */
export const keyText = (key: bigint): string => Base58.fromInteger(key)

/** What every version writes in the same way, but for its form. */
export type CommonPayload = Exclude<
  Payload,
  { readonly _tag: "Store" | "Retrieved" | "SyncStore" | "SyncDelta" | "Custom" }
>

/** The packets for a payload. */
export const encode = <P>(form: PayloadForm<P>, payload: CommonPayload): ReadonlyArray<P | Uint8Array> => {
  const { subFlag, text, value } = form
  switch (payload._tag) {
    case "UserBroadcast":
      return [subFlag("broadcast"), ...payload.packets]
    case "UserWhisper":
      return [subFlag("whisper"), ...payload.packets]
    case "Handshake":
      return [
        subFlag("handshake"),
        text(payload.nodeId),
        text(payload.networkId),
        value(fromAddress(payload.address)),
        value(payload.methods.map(form.methodFlag))
      ]
    case "Peers":
      return [subFlag("peers"), value(payload.peers.map((entry) => [fromAddress(entry.address), entry.id]))]
    case "RequestPeers":
      return [subFlag("request"), allPeersPacket]
    case "Request":
      return [subFlag("request"), text(payload.requestId), text(payload.nodeId)]
    case "Response":
      return [subFlag("response"), text(payload.requestId), value([fromAddress(payload.address), payload.nodeId])]
    case "CompressionList":
      return [subFlag("compression"), value(payload.methods.map(form.methodFlag))]
    case "Resend":
      return [subFlag("resend")]
    case "Ping":
      return [subFlag("ping"), ...payload.packets]
    case "Pong":
      return [subFlag("pong"), ...payload.packets]
    case "Notify":
      return [subFlag("notify"), ...payload.packets]
    case "Retrieve":
      return [subFlag("retrieve"), text(payload.table), text(keyText(payload.key))]
    case "ChordState":
      return [subFlag("handshake"), text(payload.isStoring ? "0" : "1")]
  }
}

const fromAddress = (address: PeerAddress | null): unknown => address === null ? null : [address.host, address.port]

/** Sub-flags that mean the same in every version. */
export type CommonSubFlag = Exclude<SubFlag, "store" | "retrieved" | "delta" | "custom" | "unknown">

/** Reads packets. Those after the ones that a sub-flag asks for are ignored, as the references do. */
export class PayloadReader<P> {
  readonly #form: PayloadForm<P>

  constructor(form: PayloadForm<P>) {
    this.#form = form
  }

  /** What packets with that sub-flag say. */
  decode(subFlag: CommonSubFlag, packets: ReadonlyArray<P>): Payload | WireFault {
    switch (subFlag) {
      case "broadcast":
        return { _tag: "UserBroadcast", packets: this.#rest(packets) }
      case "whisper":
        return { _tag: "UserWhisper", packets: this.#rest(packets) }
      case "handshake":
        return packets.length === 2 ? this.#state(packets) : this.#handshake(packets)
      case "peers":
        return this.#peers(packets)
      case "request":
        return this.#request(packets)
      case "response":
        return this.#response(packets)
      case "compression": {
        const methods = this.#methods(packets, 1)
        return methods instanceof WireFault ? methods : { _tag: "CompressionList", methods }
      }
      case "resend":
        return { _tag: "Resend" }
      case "ping":
        return { _tag: "Ping", packets: this.#rest(packets) }
      case "pong":
        return { _tag: "Pong", packets: this.#rest(packets) }
      case "notify":
        return { _tag: "Notify", packets: this.#rest(packets) }
      case "retrieve":
        return this.#retrieve(packets)
      case "none":
        return new WireFault("MissingPacket", 0, "a payload without a sub-flag")
    }
  }

  /** A text, or bytes that are one. */
  text(packets: ReadonlyArray<P>, index: number): string | WireFault {
    const packet = packets[index]
    if (packet === undefined) return missing(index, packets)
    const bytes = this.#form.textBytes(packet)
    if (bytes === undefined) return new WireFault("InvalidField", index, "a packet that is neither text nor bytes")
    return textOf(bytes) ?? new WireFault("InvalidText", index, "a packet that is not UTF-8")
  }

  /** In an object, because any value may come, and be told from a fault. */
  value(packets: ReadonlyArray<P>, index: number, maxBytes: number): { readonly value: unknown } | WireFault {
    const packet = packets[index]
    if (packet === undefined) return missing(index, packets)
    const bytes = this.#form.contentOf(packet).length
    return bytes > maxBytes
      ? new WireFault("InvalidField", index, `${this.#form.valueName} of ${bytes} bytes, more than ${maxBytes}`)
      : this.#form.readValue(packet, index)
  }

  /** Chord's table, key and value. */
  stored(
    tag: "Store" | "Retrieved",
    packets: ReadonlyArray<P>,
    valueOf: (packet: P) => Uint8Array
  ): Payload | WireFault {
    const place = this.#place(packets)
    if (place instanceof WireFault) return place
    const packet = packets[3]
    return packet === undefined ? missing(3, packets) : { _tag: tag, ...place, value: valueOf(packet) }
  }

  #rest(packets: ReadonlyArray<P>): ReadonlyArray<Uint8Array> {
    return packets.slice(1).map(this.#form.contentOf)
  }

  #state(packets: ReadonlyArray<P>): Payload | WireFault {
    const state = this.text(packets, 1)
    if (state instanceof WireFault) return state
    return state === "0" || state === "1" ? { _tag: "ChordState", isStoring: state === "0" } : missing(2, packets)
  }

  #handshake(packets: ReadonlyArray<P>): Payload | WireFault {
    const nodeId = this.text(packets, 1)
    if (nodeId instanceof WireFault) return nodeId
    const networkId = this.text(packets, 2)
    if (networkId instanceof WireFault) return networkId
    const said = this.value(packets, 3, maxValueBytes.address)
    if (said instanceof WireFault) return said
    const address = this.#form.addressOf(said.value)
    if (address === undefined) return new WireFault("InvalidField", 3, "an address that is no [host, port]")
    const methods = this.#methods(packets, 4)
    return methods instanceof WireFault ? methods : { _tag: "Handshake", nodeId, networkId, address, methods }
  }

  #peers(packets: ReadonlyArray<P>): Payload | WireFault {
    const list = this.#list(packets, 1, maxValueBytes.peers)
    if (list instanceof WireFault) return list
    const peers: Array<PeerEntry> = []
    for (const item of list.slice(0, maxListedPeers)) {
      const entry = this.#entry(item)
      // One bad entry costs its peer only: the references skip what they cannot dial as well.
      if (entry !== undefined) peers.push(entry)
    }
    return { _tag: "Peers", peers }
  }

  #request(packets: ReadonlyArray<P>): Payload | WireFault {
    const requestId = this.text(packets, 1)
    if (requestId instanceof WireFault) return requestId
    if (requestId === allPeers) return { _tag: "RequestPeers" }
    const nodeId = this.text(packets, 2)
    return nodeId instanceof WireFault ? nodeId : { _tag: "Request", requestId, nodeId }
  }

  #response(packets: ReadonlyArray<P>): Payload | WireFault {
    const requestId = this.text(packets, 1)
    if (requestId instanceof WireFault) return requestId
    const said = this.value(packets, 2, maxValueBytes.answer)
    if (said instanceof WireFault) return said
    const entry = this.#entry(said.value)
    if (entry === undefined) return new WireFault("InvalidField", 2, "an answer that is no [[host, port], id]")
    return { _tag: "Response", requestId, address: entry.address, nodeId: entry.id }
  }

  #retrieve(packets: ReadonlyArray<P>): Payload | WireFault {
    const place = this.#place(packets)
    return place instanceof WireFault ? place : { _tag: "Retrieve", ...place }
  }

  #place(packets: ReadonlyArray<P>): { readonly table: string; readonly key: bigint } | WireFault {
    const table = this.text(packets, 1)
    if (table instanceof WireFault) return table
    const key = this.#key(packets, 2)
    return key instanceof WireFault ? key : { table, key }
  }

  #key(packets: ReadonlyArray<P>, index: number): bigint | WireFault {
    const packet = packets[index]
    if (packet === undefined) return missing(index, packets)
    const bytes = this.#form.textBytes(packet)
    const digits = bytes && Base58.shortest(bytes)
    const integer = digits === undefined || digits.length > maxKeyDigits ? undefined : Base58.readInteger(digits)
    const key = integer === undefined ? undefined : BigInt(integer)
    return key === undefined || BigInt.asUintN(maxKeyBits, key) !== key
      ? new WireFault("InvalidField", index, `a key that is no base 58 of up to ${maxKeyBits} bits`)
      : key
  }

  #list(packets: ReadonlyArray<P>, index: number, maxBytes: number): ReadonlyArray<unknown> | WireFault {
    const said = this.value(packets, index, maxBytes)
    if (said instanceof WireFault) return said
    return Array.isArray(said.value)
      ? said.value
      : new WireFault("InvalidField", index, `${this.#form.valueName} that is no list`)
  }

  #methods(packets: ReadonlyArray<P>, index: number): ReadonlyArray<string> | WireFault {
    const list = this.#list(packets, index, maxValueBytes.methods)
    if (list instanceof WireFault) return list
    return list.flatMap((item) => this.#form.methodName(item) ?? [])
  }

  #entry(value: unknown): PeerEntry | undefined {
    if (!Array.isArray(value) || value.length !== 2) return undefined
    const address = this.#form.addressOf(value[0])
    const id = this.#form.idOf(value[1])
    return address === undefined || id === undefined ? undefined : { address, id }
  }
}
