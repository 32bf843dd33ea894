import { describe, it } from "@effect/vitest"
import { weather } from "./storms.ts"

/** The seeds are split over two files, which run side by side. */
const seeds = Array.from({ length: 100 }, (_, index) => 2 * index + 2)

describe("a mesh in a storm", () => {
  it.each(seeds)("keeps what it promises, seed %d", weather)
})
