/** The suite of transports for one of TLS. */
import { it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Transport } from "../../src/Transport/Transport.ts"
import { socketCount } from "../compliance/mesh.ts"
import { transportSuite } from "../compliance/transport.ts"

export const tlsSuite = <E>(layer: Layer.Layer<Transport, E>) =>
  transportSuite({
    test: (name, body) => it.live(name, () => body.pipe(Effect.scoped, Effect.provide(layer))),
    host: "127.0.0.1",
    windowBytes: 1_000_000,
    // What is to be encrypted waits in the socket for the end of the turn.
    atOnceBytes: 60_000,
    // The handles of a closed socket go with the turn of the event loop.
    openCount: Effect.andThen(Effect.sleep(1), socketCount)
  })
