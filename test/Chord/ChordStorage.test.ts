import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ChordStorage } from "../../src/Chord/ChordStorage.ts"
import { chordStorageSuite, openLayer } from "../compliance/chordStorage.ts"

describe("ChordStorage in memory", () => {
  chordStorageSuite({
    isDurable: false,
    test: (name, body) => it.effect(name, () => Effect.scoped(body(openLayer(ChordStorage.layerMemory))))
  })
})
