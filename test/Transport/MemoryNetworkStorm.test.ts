import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { Trace } from "../../src/Layers/Simulation/Trace.ts"
import { VirtualClock } from "../../src/Layers/Simulation/VirtualClock.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import * as Latency from "../../src/Transport/Latency.ts"
import { make, type MemoryNetwork } from "../../src/Transport/MemoryNetwork.ts"
import type { Connection } from "../../src/Transport/Transport.ts"

const hosts = ["a", "b", "c", "d"]
const windowBytes = 300
const maxSendBytes = 200

/** Another host, by chance. */
const otherThan = (host: string) => {
  const others = hosts.filter((other) => other !== host)
  return Effect.map(Random.nextIntBetween(0, others.length - 1), (index) => others[index]!)
}

const pause = (maxMillis: number) => Effect.flatMap(Random.next, (chance) => Effect.sleep(0.1 + maxMillis * chance))

/** Byte `index` of what each direction of each connection carries. */
const byteAt = (index: number): number => (index * 37 + 11) & 0xff

const numbered = (start: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => byteAt(start + index))

/** Reads to the end; fails at a byte that is not the next one. */
const readAll = (connection: Connection) =>
  Effect.gen(function*() {
    let count = 0
    while (true) {
      for (const chunk of yield* connection.pull) {
        for (const byte of chunk) if (byte !== byteAt(count++)) return yield* Effect.die(`byte ${count - 1} is ${byte}`)
      }
      yield* pause(5)
    }
  }).pipe(Effect.catchTag("ConnectionClosed", () => Effect.void), Random.withSeed("reader"))

const writeSome = (connection: Connection, maxCount: number) =>
  Effect.gen(function*() {
    let sent = 0
    for (let count = yield* Random.nextIntBetween(0, maxCount); count > 0; count--) {
      const size = yield* Random.nextIntBetween(0, maxSendBytes)
      yield* connection.send([numbered(sent, size)])
      sent += size
      yield* pause(100)
    }
  }).pipe(Effect.catchTag("ConnectionClosed", () => Effect.void))

/** One host: talks to whoever dials it, and dials others all the time. */
const live = (network: MemoryNetwork["Service"], host: string) =>
  Effect.gen(function*() {
    const transport = network.transport(host)
    const talk = (connection: Connection) =>
      Effect.all([readAll(connection), writeSome(connection, 20)], { concurrency: "unbounded", discard: true })
    const listener = yield* transport.listen(new PeerAddress({ host, port: 1 }))
    yield* Effect.forkScoped(listener.serve((connection) => Random.withSeed(talk(connection), host)))
    const visit = Effect.gen(function*() {
      const connection = yield* transport.dial(new PeerAddress({ host: yield* otherThan(host), port: 1 }))
      yield* Effect.forkScoped(readAll(connection))
      yield* writeSome(connection, 10)
    }).pipe(Effect.scoped, Effect.ignore)
    for (let visitor = 0; visitor < 2; visitor++) {
      yield* Effect.forkScoped(
        Random.withSeed(Effect.forever(Effect.andThen(pause(100), visit)), `${host} ${visitor}`)
      )
    }
  })

/** Something goes wrong, by chance, and is made good after a while. */
const fault = (network: MemoryNetwork["Service"]) =>
  Effect.gen(function*() {
    const one = hosts[yield* Random.nextIntBetween(0, hosts.length - 1)]!
    const other = yield* otherThan(one)
    const afterBytes = yield* Random.nextIntBetween(0, 500)
    const weather = { lossChance: 0.1, refuseChance: 0.3, stallChance: 0.2, bandwidth: 2000 }
    const calm = { lossChance: 0, refuseChance: 0, stallChance: 0, bandwidth: Number.POSITIVE_INFINITY }
    const faults = [
      [network.crash(one), network.revive(one)],
      [network.crash(one, { silently: true }), network.revive(one)],
      [network.pause(one), network.resume(one)],
      [network.partition([[one, other]]), network.heal],
      [network.cut(one, other), network.mend(one, other)],
      [network.stall(one, other), network.unstall(one, other)],
      [network.refuse(one), network.accept(one)],
      [network.reset(one, other, { afterBytes }), Effect.void],
      [network.reset(one, other), Effect.void],
      [network.setConditions(weather), network.setConditions(calm)]
    ] as const
    const [begin, end] = faults[yield* Random.nextIntBetween(0, faults.length - 1)]!
    yield* begin
    yield* pause(1500)
    yield* end
  })

/** Ten seconds of it; what came of it. */
const storm = (seed: string) =>
  Effect.gen(function*() {
    const trace = new Trace(0)
    const latency = Latency.uniform("5 millis", "40 millis")
    const network = make({ seed, latency, windowBytes, onEvent: (event) => trace.record(event) })
    let maxInFlightBytes = 0
    yield* Effect.scoped(Effect.gen(function*() {
      for (const host of hosts) yield* live(network, host)
      for (let index = 0; index < 2; index++) {
        yield* Effect.forkScoped(
          Random.withSeed(Effect.forever(Effect.andThen(pause(500), fault(network))), `${seed} ${index}`)
        )
      }
      for (let look = 0; look < 1000; look++) {
        yield* Effect.sleep("10 millis")
        for (const { inFlightBytes } of yield* network.connections) {
          maxInFlightBytes = Math.max(maxInFlightBytes, ...inFlightBytes)
        }
      }
    }))
    yield* Effect.sleep("1 second")
    const { count, hash } = trace
    return { count, hash, maxInFlightBytes, connectionCount: yield* network.connectionCount }
  })

describe("a network in a storm of all faults", () => {
  for (let number = 0; number < 12; number++) {
    it.effect(`is the same under both clocks, loses no byte in the middle, and leaves nothing: storm ${number}`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(storm(`${number}`), { startImmediately: true })
        yield* TestClock.adjust("20 seconds")
        const slept = yield* Fiber.join(fiber)

        assert.deepStrictEqual(new VirtualClock().run(storm(`${number}`)), Exit.succeed(slept))
        assert.strictEqual(slept.connectionCount, 0)
        assert.isAbove(slept.count, 500)
        assert.isTrue(slept.maxInFlightBytes > windowBytes && slept.maxInFlightBytes < windowBytes + maxSendBytes)
      }))
  }
})
