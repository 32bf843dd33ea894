import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger } from "effect"
import * as fs from "node:fs"
import { makeWithJournal } from "../../../src/Chord/ChordStorage.ts"
import * as RecordLog from "../../../src/Layers/ChordStorage/RecordLog.ts"
import { record } from "../../Chord/records.ts"
import { contents, withStorage } from "../../compliance/chordStorage.ts"
import * as SmallDisk from "./SmallDisk.ts"

const compactFromBytes = 64 * 1024
const value = "v".repeat(1000)
/** The records that are alive: about 40 KB. */
const keyCount = 40

const openAt = (disk: SmallDisk.SmallDisk) => () =>
  Effect.flatMap(RecordLog.make(disk.place, compactFromBytes), makeWithJournal).pipe(Effect.provideContext(disk.layer))

const contentsOf = (disk: SmallDisk.SmallDisk) =>
  withStorage(openAt(disk), (storage) => Effect.succeed(contents(storage)))

/** What is put in a step: each key over and over. */
const step = (number: number) => record(`key ${number % keyCount}`, 1 + number, value)

/** Runs with a list of the warnings that are logged. */
const withWarnings = <A, E, R>(run: (warnings: Array<unknown>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(message)
    })
    return Effect.provide(run(warnings), Logger.layer([logger]))
  })

describe("RecordLog on a disk that gets full", () => {
  it.effect("takes changes without room for a second log, warns once, and is written anew once there is room", () =>
    withWarnings((warnings) =>
      Effect.gen(function*() {
        const disk = yield* SmallDisk.make
        const held = yield* withStorage(openAt(disk), (storage) =>
          Effect.gen(function*() {
            for (let number = 0; number < keyCount; number++) yield* storage.put(step(number))
            disk.roomBytes = disk.bytesOf("records.log") * 4
            disk.opened.length = 0
            // The log is to be written anew after 80 steps, and then there is room for 20 more, or half a copy.
            fs.writeFileSync(`${disk.place}/other`, new Uint8Array(disk.bytesOf("records.log") * 1.5))
            for (let number = keyCount; number < 95; number++) yield* storage.put(step(number))
            assert.deepStrictEqual(disk.names, ["other", "records.log", "salt"])
            assert.isAtMost(disk.opened.length, 3, "it is not tried with each change")
            assert.strictEqual(warnings.length, 1)
            assert.include(String(warnings[0]), `${disk.place}/records.log`)

            disk.roomBytes = Number.POSITIVE_INFINITY
            for (let number = 95; number < 150; number++) yield* storage.put(step(number))
            assert.isBelow(disk.bytesOf("records.log"), 2 * 1100 * keyCount, "it was written anew")
            return contents(storage)
          }))

        assert.strictEqual(held.length, keyCount)
        assert.deepStrictEqual(yield* contentsOf(disk), held)
      })
    ))

  it.effect("warns again when the log cannot be written anew after it once could", () =>
    withWarnings((warnings) =>
      Effect.gen(function*() {
        const disk = yield* SmallDisk.make
        const rename = disk.rename
        yield* withStorage(openAt(disk), (storage) =>
          Effect.gen(function*() {
            for (let number = 0; number < 450; number++) {
              disk.rename = Math.floor(number / 100) % 2 === 1 ? () => rename(`${disk.place}/none`, "none") : rename
              yield* storage.put(step(number))
            }
          }))

        assert.strictEqual(warnings.length, 2)
      })
    ))

  it.effect("takes changes as soon as there is room for them, after one for which there was none", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      const held = yield* withStorage(openAt(disk), (storage) =>
        Effect.gen(function*() {
          for (let number = 0; number < keyCount; number++) yield* storage.put(step(number))
          const whole = disk.bytesOf("records.log")
          disk.roomBytes = whole + 1500
          const failed = yield* Effect.flip(storage.putAll([step(40), step(41), record("lost", 1, "lost")]))
          assert.strictEqual(failed.reason._tag, "StorageFailed")
          assert.include(failed.message, "ENOSPC")
          assert.strictEqual(disk.bytesOf("records.log"), whole, "what was not acknowledged holds no room")

          yield* storage.put(step(42))
          return contents(storage)
        }))

      assert.strictEqual(held.length, keyCount)
      assert.deepStrictEqual(yield* contentsOf(disk), held)
    }))

  it.effect("takes changes when the new log cannot take the place of the old one", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      const rename = disk.rename
      const held = yield* withStorage(openAt(disk), (storage) =>
        Effect.gen(function*() {
          yield* storage.put(step(0))
          disk.rename = () => rename(`${disk.place}/none`, `${disk.place}/none either`)
          for (let number = 1; number < 200; number++) yield* storage.put(step(number))
          assert.deepStrictEqual(disk.names, ["records.log", "salt"])
          assert.isAbove(disk.bytesOf("records.log"), 3 * compactFromBytes)
          return contents(storage)
        }))

      assert.deepStrictEqual(yield* contentsOf(disk), held)
    }))

  it.effect("does not go on with the old log where the new one has its place, though it was told otherwise", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      const rename = disk.rename
      let failureCount = 0
      const held = yield* withStorage(openAt(disk), (storage) =>
        Effect.gen(function*() {
          yield* storage.put(step(0))
          // As over a network: it was done, and the answer to a second try is that there is no such file.
          disk.rename = (from, to) => Effect.andThen(rename(from, to), rename(from, to))
          for (let number = 1; number < 200; number++) {
            const exit = yield* Effect.exit(storage.put(step(number)))
            if (Exit.isFailure(exit)) {
              failureCount++
              disk.rename = rename
            }
          }
          return contents(storage)
        }))

      assert.strictEqual(failureCount, 1)
      assert.deepStrictEqual(yield* contentsOf(disk), held)
    }))

  it.effect("removes at its start what a log that was not finished left behind", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      yield* withStorage(openAt(disk), (storage) => storage.put(step(0)))
      fs.writeFileSync(`${disk.place}/records.log.new`, "half of a log")

      const held = yield* contentsOf(disk)

      assert.strictEqual(held.length, 1)
      assert.deepStrictEqual(disk.names, ["records.log", "salt"])
    }))

  it.effect("leaves everything as it is where the log is none of ours", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      fs.writeFileSync(`${disk.place}/records.log`, "a diary, and longer than a header")
      fs.writeFileSync(`${disk.place}/records.log.new`, "more of the diary")

      const error = yield* Effect.flip(contentsOf(disk))

      assert.strictEqual(error.reason._tag, "StorageUnreadable")
      assert.deepStrictEqual(disk.names, ["records.log", "records.log.new"])
    }))
})

describe("RecordLog.makeDirectory", () => {
  it.effect("makes the names of all the directories safe that it made, and of no others", () =>
    Effect.gen(function*() {
      const disk = yield* SmallDisk.make
      fs.mkdirSync(`${disk.place}/there`)

      yield* Effect.provideContext(RecordLog.makeDirectory(`${disk.place}/there/a/b/share`), disk.layer)

      assert.isTrue(fs.existsSync(`${disk.place}/there/a/b/share`))
      const synced = disk.synced.map((path) => path.slice(disk.place.length)).sort()
      assert.deepStrictEqual(synced, ["/there", "/there/a", "/there/a/b"])
      yield* Effect.provideContext(RecordLog.makeDirectory(`${disk.place}/there/a/b/share`), disk.layer)
      assert.strictEqual(disk.synced.length, 3)
    }))
})
