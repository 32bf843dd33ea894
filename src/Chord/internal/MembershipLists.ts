/**
 * Successor lists as values: entries in clockwise order from their owner, each position once, the
 * owner never among them, padding at the end only. Every function here keeps that so, whatever it is
 * given.
 */
import { type Contact, isPadding, isSame, makePadding } from "../Contact.ts"
import * as Ring from "../Ring.ts"

/** A successor list. */
export type Contacts = ReadonlyArray<Contact>

/** The entries that stand for somebody. */
export const real = (list: Contacts): Contacts => {
  let count = list.length
  while (count > 0 && isPadding(list[count - 1]!)) count--
  return count === list.length ? list : list.slice(0, count)
}

/**
 * `list` with padding up to `length` entries. Where there is no room for that many before the owner,
 * as good as nobody can live behind the last entry, and the list without padding is the whole ring.
 */
export const pad = (bits: number, owner: Contact, list: Contacts, length: number): Contacts => {
  if (list.length >= length || list.length === 0) return list
  const padded = list.slice()
  while (padded.length < length) {
    const last = padded[padded.length - 1]!
    const padding = makePadding(bits, last)
    if (!Ring.isClockwise(last.position, padding.position, owner.position)) return real(list)
    padded.push(padding)
  }
  return padded
}

/** `list` without this member; the same array when it was not in there. */
export const remove = (list: Contacts, contact: Contact): Contacts => {
  const index = list.findIndex((entry) => isSame(entry, contact))
  return index < 0 ? list : list.filter((_, other) => other !== index)
}

/** `list` with this member at its place; it takes the place of another one at its position. */
export const insert = (owner: Contact, list: Contacts, contact: Contact): Contacts => {
  const index = list.findIndex((entry) => !Ring.isClockwise(owner.position, entry.position, contact.position))
  if (index < 0) return [...list, contact]
  const found = list[index]!
  if (isSame(found, contact)) return list
  const rest = found.position === contact.position ? index + 1 : index
  return [...list.slice(0, index), contact, ...list.slice(rest)]
}

/** Both lists as one; where both name a position, `first` says who lives there. */
export const union = (owner: Contact, first: Contacts, second: Contacts): Contacts =>
  second.reduce(
    (list, entry) => list.some((known) => known.position === entry.position) ? list : insert(owner, list, entry),
    first
  )

/** Whether both lists name the same members in the same order. */
export const isEqual = (a: Contacts, b: Contacts): boolean =>
  a === b || (a.length === b.length && a.every((entry, index) => isSame(entry, b[index]!)))

/** What `from` and its list tell a member about the ring clockwise of it. */
export interface View {
  /** `from` and those after it, up to the owner and at most `limit` of them. */
  readonly entries: Contacts
  /** The list of `from` went once round: it reached or passed the owner. */
  readonly isRound: boolean
  /** The first one past the owner that it names, if it went round: closer to the owner than `from`. */
  readonly passed: Contact | undefined
}

/** Reads the list of `from` as `owner` sees it; stops at the first entry that is out of order. */
export const view = (owner: Contact, from: Contact, list: Contacts, limit: number): View => {
  const entries = [from]
  let last = from
  let isRound = false
  for (const entry of list) {
    if (isPadding(entry) || entries.length >= limit) break
    if (!isRound && Ring.isClockwise(last.position, entry.position, owner.position)) {
      entries.push(entry)
      last = entry
    } else if (entry.position === owner.position) {
      isRound = true
    } else if (Ring.isClockwise(owner.position, entry.position, from.position)) {
      return { entries, isRound: true, passed: entry }
    } else break
  }
  return { entries, isRound, passed: undefined }
}
