import { describe } from "@effect/vitest"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import { chordSuite } from "../compliance/chord.ts"

describe("NodeChord of wire version 0.7", () => {
  chordSuite({ layer: (options) => NodeChord.layer({ ...options, protocol: "0.7" }) })
})
