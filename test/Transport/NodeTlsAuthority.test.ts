import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import { makeAuthority } from "../utils/certificates.ts"
import { tlsSuite } from "../utils/tlsSuite.ts"

describe("NodeTls in authority mode", () =>
  tlsSuite(
    Layer.unwrap(Effect.map(Effect.flatMap(makeAuthority("an authority"), ({ admit }) => admit()), NodeTls.layer))
  ))
