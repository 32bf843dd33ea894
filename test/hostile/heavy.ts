/**
 * Attacks on a real node that go on for a while, by attackers in a thread of their own, while an honest
 * peer asks it something again and again: only for `npm run hostile`. Each row compares the time of an
 * answer during the attack with that before it, and the heap and descriptors after it with those before.
 */
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readdirSync } from "node:fs"
import { Worker } from "node:worker_threads"
import * as NodeMesh from "../../src/Layers/NodeMesh.ts"
import * as Query from "../../src/Mesh/Query.ts"
import { peerCount, start } from "../compliance/mesh.ts"
import { until } from "../utils/eventually.ts"
import type { Attack } from "./attackers.ts"
import { live, type Row } from "./Row.ts"

const Hello = Query.make("hello", { question: Schema.Int, answer: Schema.Int })

const descriptorCount = Effect.sync(() => readdirSync("/proc/self/fd").length)

/** The attack in its thread, until it has ended. */
const attackers = (attack: Attack) =>
  Effect.callback<void>((resume) => {
    const worker = new Worker(new URL("attackers.ts", import.meta.url), { workerData: attack })
    worker.once("error", (error) => resume(Effect.die(error)))
    worker.once("exit", () => resume(Effect.void))
    return Effect.sync(() => void worker.terminate())
  })

const quantile = (times: ReadonlyArray<number>, part: number): number =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0

/**
 * An answer may take so many milliseconds in the middle, for nineteen of twenty, and at the worst, while the
 * attack goes on. All three share one thread and a machine, so what others do on it shows in the last.
 */
const usual = { median: 50, most: 1000, worst: 5000 }

const attacked = (number: number, what: string, limit: string, kind: Attack["kind"], seconds: number): Row =>
  live(number, what, () =>
    Effect.gen(function*() {
      const options = { maxOutboundLinks: 0, limitsLoopback: true, banScore: Number.POSITIVE_INFINITY }
      const node = yield* start(NodeMesh.layer(options))
      yield* node.mesh.respond(Hello, (value) => Effect.succeed(value + 1))
      const honest = yield* start(NodeMesh.layer({ maxOutboundLinks: 0 }))
      yield* honest.mesh.connect(node.mesh.address)
      const ask = Effect.gen(function*() {
        const begun = performance.now()
        yield* honest.mesh.ask(Hello, node.mesh.id, 1, { timeout: "30 seconds" })
        return performance.now() - begun
      })
      const descriptors = yield* descriptorCount
      const quiet = yield* Effect.replicateEffect(ask, 100)
      const times: Array<number> = []
      const asking = Effect.forever(Effect.andThen(
        Effect.map(ask, (millis) => {
          times.push(millis)
          // An application that keeps every message of a flood fills the memory by itself.
          for (const { received } of [node, honest]) received.length = 0
        }),
        Effect.sleep("20 millis")
      ))
      const { networkId } = node.mesh
      const attack: Attack = { kind, seconds, port: node.mesh.address.port, networkId }
      yield* Effect.raceFirst(Effect.exit(attackers(attack)), Effect.orDie(asking))
      assert.isAtMost(quantile(times, 0.5), usual.median)
      assert.isAtMost(quantile(times, 0.95), usual.most)
      assert.isAtMost(quantile(times, 1), usual.worst)
      yield* until("only the honest peer is left", Effect.map(peerCount(node), (count) => count === 1))
      yield* until("all sockets are closed", Effect.map(descriptorCount, (count) => count <= descriptors + 1))
      const note = `${seconds} s; answers took ${quantile(quiet, 0.5).toFixed(1)} ms before, then ` +
        `${quantile(times, 0.5).toFixed(1)}, at most ${quantile(times, 1).toFixed(0)} (${times.length})`
      return { limit, millis: 0, note }
    }))

export const underway: ReadonlyArray<Row> = [
  attacked(15, "unique ids as fast as they can be sent", "maxMessagesPerSecond, back-pressure", "unique ids", 60),
  attacked(24, "100 connects a second, from one host", "maxConnectsPerSource", "connects", 20),
  attacked(3, "headers of 0xffffffff, again and again", "maxMessageBytes, maxConnectsPerSource", "headers", 10),
  attacked(7, "bombs of 1 GB, again and again", "maxMessageBytes", "bombs", 10),
  attacked(39, "pings as fast as they can be sent", "32 pings a second", "pings", 10)
]
