/** Scripts of a few connections on a network in memory, played under both clocks: for the tests of its faults. */
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Queue, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { VirtualClock } from "../../src/Layers/Simulation/VirtualClock.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { MemoryNetwork, type MemoryNetworkOptions, type NetworkEvent } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection } from "../../src/Transport/Transport.ts"

/** What each host told of each other one, in order: the order between them depends on the scheduler. */
const lanes = (events: ReadonlyArray<NetworkEvent>) => {
  const byPair: Record<string, Array<string>> = {}
  for (const { atMillis, bytes, host, kind, peer } of events) {
    const lane = byPair[`${host} ${peer}`] ??= []
    lane.push(`${Math.round(atMillis * 1000) / 1000} ${kind} ${bytes ?? ""}`)
  }
  return byPair
}

const connectionCount = Effect.flatMap(MemoryNetwork, (network) => network.connectionCount)

/**
 * A test that runs under `TestClock`, where whoever waits sleeps, and under `VirtualClock`, where timers
 * call back: what comes of it and the trace must be the same, and no connection is left at its end.
 */
export const test = <A>(
  name: string,
  options: MemoryNetworkOptions,
  body: Effect.Effect<A, unknown, MemoryNetwork | Scope.Scope>,
  check: (value: A, events: ReadonlyArray<NetworkEvent>) => void
) =>
  it.effect(name, () =>
    Effect.gen(function*() {
      const run = (events: Array<NetworkEvent>) =>
        Effect.scoped(body).pipe(
          Effect.tap(() => Effect.map(connectionCount, (count) => assert.strictEqual(count, 0))),
          Effect.provide(MemoryNetwork.layer({ ...options, onEvent: (event) => events.push(event) }))
        )
      const [slept, called]: [Array<NetworkEvent>, Array<NetworkEvent>] = [[], []]
      const fiber = yield* Effect.forkChild(run(slept), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      const value = yield* Fiber.join(fiber)
      const exit = new VirtualClock().run(run(called))

      assert.deepStrictEqual(exit, Exit.succeed(value))
      assert.deepStrictEqual(lanes(called), lanes(slept))
      check(value, called)
    }))

export const now = Effect.map(Clock.currentTimeMillis, (millis) => Math.round(millis * 1000) / 1000)

const addressOf = (host: string) => new PeerAddress({ host, port: 4444 })

/** What a host accepts, one after the other. */
export const listen = Effect.fnUntraced(function*(host: string) {
  const network = yield* MemoryNetwork
  const listener = yield* network.transport(host).listen(addressOf(host))
  const accepted = yield* Queue.unbounded<Connection>()
  yield* Effect.forkScoped(
    listener.serve((connection) => Effect.andThen(Queue.offer(accepted, connection), Effect.never))
  )
  return accepted
})

export const dial = Effect.fnUntraced(function*(from: string, to: string) {
  const network = yield* MemoryNetwork
  return yield* network.transport(from).dial(addressOf(to))
})

/** How a dial ends, and when. */
export const dialed = (from: string, to: string) =>
  dial(from, to).pipe(
    Effect.match({ onSuccess: () => "connected", onFailure: (error) => error.kind }),
    Effect.flatMap((how) => Effect.map(now, (at) => `${how} at ${at}`))
  )

/** A connection from `here` to `there`, by its two ends. */
export const connect = Effect.gen(function*() {
  const accepted = yield* listen("there")
  const here = yield* dial("here", "there")
  return { here, there: yield* Queue.take(accepted), accepted }
})

export const bytes = (text: string) => new TextEncoder().encode(text)
export const blob = (size: number) => new Uint8Array(size).fill(7)

/** What arrives at an end from now on, and when: its bytes as text, or how it ended. */
export const record = Effect.fnUntraced(function*({ pull }: Connection) {
  const seen: Array<string> = []
  yield* Effect.forkScoped(
    Effect.gen(function*() {
      while (true) {
        const chunks = yield* pull
        const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("")
        seen.push(`${text} at ${yield* now}`)
      }
    }).pipe(
      Effect.catch((error) => Effect.map(now, (at) => seen.push(`${error.clean ? "end" : "break"} at ${at}`)))
    ),
    { startImmediately: true }
  )
  return seen
})

/** Sends and tells when it was taken, or how that ended. */
export const sending = (connection: Connection, ...chunks: ReadonlyArray<Uint8Array>) => {
  const [first, ...others] = chunks
  return connection.send([first ?? blob(1), ...others]).pipe(
    Effect.match({ onSuccess: () => "taken", onFailure: (error) => error.clean ? "end" : "break" }),
    Effect.flatMap((how) => Effect.map(now, (at) => `${how} at ${at}`))
  )
}

export const kinds = (events: ReadonlyArray<NetworkEvent>, ...wanted: ReadonlyArray<NetworkEvent["kind"]>) =>
  events.filter(({ kind }) => wanted.includes(kind)).map(({ atMillis, host, kind, peer }) =>
    `${atMillis} ${kind} ${host} ${peer}`.trim()
  )
