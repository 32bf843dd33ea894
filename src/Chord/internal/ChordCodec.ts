/**
 * What chord nodes say to each other, as packets: contacts, positions, what a member knows. Readers
 * give undefined for what is none of it; they never throw.
 */
import { isEqual } from "../../Protocol/internal/Bytes.ts"
import { fromParts } from "../../Protocol/PeerAddress.ts"
import { Contact, isPadding, makePadding } from "../Contact.ts"
import type { Answer } from "../Membership.ts"
import * as Record from "../Record.ts"
import { messageBytes } from "./CallCodec.ts"
import type { Packets } from "./PeersOptions.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Nobody, as a packet. */
const none = new Uint8Array(0)

/** Bytes that are taken together: a number holds them, and each step of a `bigint` makes a new one. */
const wordBytes = 6
const wordBits = 48n
const wordMask = 0xffff_ffff_ffffn

/** A position: its bytes, big-endian, without leading zeros. */
export const writePosition = (position: bigint): Uint8Array => {
  let start = scratch.length
  let rest = position
  for (; rest > wordMask; rest >>= wordBits) {
    let word = Number(rest & wordMask)
    for (let count = 0; count < wordBytes; count++) {
      scratch[--start] = word
      word = Math.floor(word / 256)
    }
  }
  for (let word = Number(rest); word > 0; word = Math.floor(word / 256)) scratch[--start] = word
  return scratch.slice(start)
}

/** The longest position, 512 bits; filled from behind. */
const scratch = new Uint8Array(64)

/** A position on a ring of so many bits. */
export const readPosition = (bits: number, bytes: Uint8Array | undefined): bigint | undefined => {
  if (bytes === undefined || bytes.length > 64) return undefined
  let position = 0n
  for (let index = 0; index < bytes.length;) {
    // The first word is what is left over of the others.
    const end = index + ((bytes.length - index) % wordBytes || wordBytes)
    let word = 0
    for (; index < end; index++) word = word * 256 + bytes[index]!
    position = position << wordBits | BigInt(word)
  }
  return bytes.length * 8 <= bits || position >> BigInt(bits) === 0n ? position : undefined
}

/** Port (2 bytes), lengths of host and position (1 each), host, position, id of the process. */
export const writeContact = (contact: Contact | undefined): Uint8Array => {
  if (contact === undefined) return none
  const known = encoded.get(contact)
  if (known !== undefined) return known
  const host = encoder.encode(contact.address.host)
  const position = writePosition(contact.position)
  const id = encoder.encode(contact.nodeId)
  const out = new Uint8Array(4 + host.length + position.length + id.length)
  out[0] = contact.address.port >>> 8
  out[1] = contact.address.port
  out[2] = host.length
  out[3] = position.length
  out.set(host, 4)
  out.set(position, 4 + host.length)
  out.set(id, 4 + host.length + position.length)
  encoded.set(contact, out)
  return out
}

/** Contacts never change, and are told again and again. */
const encoded = new WeakMap<Contact, Uint8Array>()

/** The longest id of a process, in bytes. */
const maxIdBytes = 256

/**
 * Contacts that were read, one for the same bytes: neighbors tell each other the same ones round after round, and nodes
 * that are simulated in one process share them. By some of their bytes; one that falls on the place of another takes it,
 * and past `maxLatelyBytes` all are forgotten: whoever names ever others costs this process no more.
 */
const lately: Array<Contact | undefined> = []
const latelyMask = (1 << 16) - 1
let latelyBytes = 0
const maxLatelyBytes = 16 * 1024 * 1024

/** The memory that one takes whose packet has so many bytes, as measured: it holds them twice. */
const heldBytes = (bytes: number): number => 600 + 2 * bytes

/** Keeps a contact in the place of `other`, and gives it. */
const keep = (slot: number, contact: Contact, bytes: number, other: Contact | undefined): Contact => {
  latelyBytes += heldBytes(bytes) - (other === undefined ? 0 : heldBytes(writeContact(other).length))
  if (latelyBytes > maxLatelyBytes) {
    lately.length = 0
    latelyBytes = heldBytes(bytes)
  }
  return lately[slot] = contact
}

/** A contact that can be called; padding is none. */
export const readContact = (bits: number, bytes: Uint8Array | undefined): Contact | undefined => {
  if (bytes === undefined || bytes.length < 4) return undefined
  const idStart = 4 + bytes[2]! + bytes[3]!
  if (bytes.length <= idStart || bytes.length > idStart + maxIdBytes) return undefined
  // Any position of so few bytes lies on the ring.
  if (bytes[3]! * 8 > bits) return parseContact(bits, bytes, idStart)
  const slot = placeOf(bytes, idStart) & latelyMask
  const known = lately[slot]
  if (known !== undefined && isEqual(writeContact(known), bytes)) return known
  const contact = parseContact(bits, bytes, idStart)
  // Its shortest form: others may have zeros in front.
  return contact && keep(slot, contact, writeContact(contact).length, known)
}

/** Of the last bytes of the position and of the id. */
const placeOf = (bytes: Uint8Array, idStart: number): number => {
  let place = 0
  for (let count = 1; count <= 4; count++) {
    place = Math.imul(place ^ bytes[idStart - count]! ^ bytes[bytes.length - count]! << 8, 0x9e3779b1)
  }
  return place >>> 16
}

const parseContact = (bits: number, bytes: Uint8Array, idStart: number): Contact | undefined => {
  const position = readPosition(bits, bytes.subarray(4 + bytes[2]!, idStart))
  const host = readText(bytes.subarray(4, 4 + bytes[2]!))
  const nodeId = readText(bytes.subarray(idStart))
  if (position === undefined || host === undefined || nodeId === undefined) return undefined
  const port = bytes[0]! << 8 | bytes[1]!
  const address = port === 0 ? undefined : fromParts(host, port)
  return address === undefined ? undefined : new Contact(position, address, nodeId)
}

/** Contacts, one a packet; undefined when one is none, or when there are more than so many. */
const readContacts = (bits: number, packets: Packets, maxCount: number): ReadonlyArray<Contact> | undefined => {
  if (packets.length > maxCount) return undefined
  const contacts: Array<Contact> = []
  for (const packet of packets) {
    const contact = readContact(bits, packet)
    if (contact === undefined) return undefined
    contacts.push(contact)
  }
  return contacts
}

const readText = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The most successors that are taken from an answer. */
const maxSuccessors = 256

const wholeFlag = 1

/** What a member knows: flags, predecessor, successors; padding in a list is an empty packet. */
export const writeAnswer = (answer: Answer): Packets => [
  Uint8Array.of(answer.isWhole ? wholeFlag : 0),
  writeContact(answer.predecessor),
  ...answer.successors.map((contact) => isPadding(contact) ? none : writeContact(contact))
]

export const readAnswer = (bits: number, packets: Packets): Answer | undefined => {
  const [flags, first, ...rest] = packets
  if (flags?.length !== 1 || first === undefined || rest.length > maxSuccessors) return undefined
  const predecessor = first.length === 0 ? undefined : readContact(bits, first)
  if (first.length > 0 && predecessor === undefined) return undefined
  const successors: Array<Contact> = []
  for (const packet of rest) {
    const last = successors.at(-1)
    const contact = packet.length > 0
      ? readContact(bits, packet)
      : last === undefined
      ? undefined
      : makePadding(bits, last)
    if (contact === undefined) return undefined
    successors.push(contact)
  }
  return { predecessor, successors, isWhole: (flags[0]! & wholeFlag) !== 0 }
}

/** What a member answers who is asked for the owner of a position. */
export interface Found {
  /** Whether it is this member. */
  readonly isOwner: boolean
  readonly self: Contact
  readonly predecessor: Contact | undefined
  /** Those that it knows before the position, the nearest first; none when it is the last one before it. */
  readonly closer: ReadonlyArray<Contact>
  /** Its successors from the position on: the first that lives is the owner, if none before it lives. */
  readonly following: ReadonlyArray<Contact>
}

export const writeFound = ({ closer, following, isOwner, predecessor, self }: Found): Packets => [
  Uint8Array.of(isOwner ? 1 : 0, closer.length),
  writeContact(self),
  writeContact(predecessor),
  ...closer.map(writeContact),
  ...following.map(writeContact)
]

export const readFound = (bits: number, packets: Packets): Found | undefined => {
  const [head, own, before, ...rest] = packets
  const self = readContact(bits, own)
  const contacts = readContacts(bits, rest, maxSuccessors)
  if (head?.length !== 2 || self === undefined || before === undefined || contacts === undefined) return undefined
  const predecessor = before.length === 0 ? undefined : readContact(bits, before)
  if (before.length > 0 && predecessor === undefined) return undefined
  const closerCount = head[1]!
  return {
    isOwner: head[0] === 1,
    self,
    predecessor,
    closer: contacts.slice(0, closerCount),
    following: contacts.slice(closerCount)
  }
}

/** Contacts that are fingers, at most one for each bit of a position. */
export const readFingers = (bits: number, packets: Packets): ReadonlyArray<Contact> | undefined =>
  readContacts(bits, packets, bits)

/** The length of the message that gives this record alone, in bytes; not less than it really is. */
export const aloneBytes = (bits: number, record: Record.Record): number =>
  // Who puts one names the member and the position.
  messageBytes([none, none, none]) + 2 * Math.ceil(bits / 8) + Record.encodedBytes(record)

/** Records, one a packet; undefined when one is none. Whether they are within limits is for who stores them to say. */
export const readRecords = (packets: Packets): ReadonlyArray<Record.Record> | undefined => {
  const records: Array<Record.Record> = []
  for (const packet of packets) {
    const record = Record.decode(packet)
    if (record === undefined) return undefined
    records.push(record)
  }
  return records
}
