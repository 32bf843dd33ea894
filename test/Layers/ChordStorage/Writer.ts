/**
 * A process that writes records until it is killed, and says after each batch that it was
 * acknowledged: `node Writer.ts KIND PLACE FIRST-BATCH`. What a batch holds follows from its number.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import { ChordStorage } from "../../../src/Chord/ChordStorage.ts"
import { Record } from "../../../src/Chord/Record.ts"
import { Version } from "../../../src/Chord/Version.ts"
import * as NodeChordStorage from "../../../src/Layers/NodeChordStorage.ts"

/** Where a storage of each kind lies in a directory. */
export const layers = {
  directory: (place: string) => NodeChordStorage.layerFileSystem(place, { compactFromBytes: 300_000 }),
  sqlite: (place: string) => NodeChordStorage.layerSqlite(`${place}/share.db`)
}

const encoder = new TextEncoder()

/**
 * What a key holds in a version: different all over, and in every third batch so long that a kill
 * meets the middle of a write.
 */
export const valueFor = (key: string, millis: number): Uint8Array =>
  encoder.encode(`${key} at ${millis} `.repeat(millis % 3 === 0 ? 8000 : 1 + ((millis * 37) % 600)))

/** The records of a batch. */
export const batch = (number: number): ReadonlyArray<Record> =>
  Array.from({ length: 1 + (number % 12) }, (_, index) => {
    const key = `key ${(number * 13 + index) % 40}`
    return new Record(key, new Version(number, 0, "writer"), valueFor(key, number))
  })

const write = (first: number) =>
  Effect.gen(function*() {
    const storage = yield* ChordStorage
    for (let number = first;; number++) {
      const outcomes = yield* storage.putAll(batch(number))
      if (!outcomes.every((outcome) => outcome === "Stored")) return yield* Effect.die(outcomes.join())
      fs.writeSync(1, `${number}\n`)
    }
  })

const [kind, place, first] = process.argv.slice(2)
if (process.argv[1] === import.meta.filename && (kind === "directory" || kind === "sqlite") && place !== undefined) {
  Effect.runFork(
    write(Number(first)).pipe(
      Effect.provide(layers[kind](place)),
      // Standard output is for the numbers of batches alone.
      Effect.provide(Logger.layer([])),
      Effect.tapCause((cause) => Effect.sync(() => fs.writeSync(2, `${cause}\n`)))
    )
  )
}
