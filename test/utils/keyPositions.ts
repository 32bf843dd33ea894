/** Where originals place a key, by the definition: the digests themselves. */
import * as Base58 from "../../src/Protocol/Base58.ts"
import { type HashAlgorithm, hashAlgorithms, type Hashing } from "../../src/Protocol/Hashing.ts"

/** The position in each of the five tables, not reduced; `shiftOf`: zero bits behind a digest, none on 0.4. */
export const keyPositions = (
  hashing: Hashing["Service"],
  key: Uint8Array,
  shiftOf: (table: HashAlgorithm) => number = () => 0
) =>
  hashAlgorithms.map((table) => ({
    table,
    position: Base58.toBigInt(hashing.digest(table, key)) << BigInt(shiftOf(table))
  }))
