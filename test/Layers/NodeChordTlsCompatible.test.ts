import { describe } from "@effect/vitest"
import * as NodeChord from "../../src/Layers/NodeChord.ts"
import { chordSuite } from "../compliance/chord.ts"
import { tlsOf } from "../utils/tlsNodes.ts"

describe("NodeChord over TLS in compatible mode", () => {
  chordSuite({ layer: (options) => tlsOf("compatible", (tls) => NodeChord.layerTls({ ...options, tls })) })
})
