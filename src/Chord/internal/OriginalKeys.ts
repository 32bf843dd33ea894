/**
 * Which record has the key with a digest: originals say no more of a key than that. On a ring as small as theirs many
 * records share a position, and all of them are looked through for each question of a stranger: so the digest of
 * each is worked out once.
 */
import * as Base58 from "../../Protocol/Base58.ts"
import type { Hashing } from "../../Protocol/Hashing.ts"
import { lowBits, tables } from "../KeyPlacement.ts"
import type { Record } from "../Record.ts"
import type { OriginalPlace } from "./OriginalShare.ts"

/** What a number holds. */
const markBits = 53

const encoder = new TextEncoder()

export class OriginalKeys {
  /** The low bits of the digests, in the order of `tables`. */
  readonly #marks = new WeakMap<Record, Array<number | undefined>>()

  /** Of these records the one whose key has that digest; always with the same `hashing`. */
  find(
    hashing: Hashing["Service"],
    records: ReadonlyArray<Record>,
    { digest, table }: Pick<OriginalPlace, "digest" | "table">
  ): Record | undefined {
    const digestOf = ({ key }: Record): Uint8Array => hashing.digest(table, encoder.encode(key))
    const wanted = Number(BigInt.asUintN(markBits, digest))
    const index = tables.indexOf(table)
    return records.find((record) => {
      let marks = this.#marks.get(record)
      if (marks === undefined) this.#marks.set(record, marks = [])
      const mark = marks[index] ??= Number(lowBits(markBits, digestOf(record)))
      return mark === wanted && Base58.toBigInt(digestOf(record)) === digest
    })
  }
}
