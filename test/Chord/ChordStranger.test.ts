/** What one who is no member can say to a ring, and what comes of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import type { Chord } from "../../src/Chord/Chord.ts"
import { Contact } from "../../src/Chord/Contact.ts"
import { writeAnswer, writeContact, writePosition } from "../../src/Chord/internal/ChordCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import type { Handler } from "../../src/Chord/internal/PeersOptions.ts"
import { layerWire } from "../../src/Layers/MemoryMesh.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { simulate, startRing, untilIdeal } from "../utils/ChordRing.ts"

/** One who can call the nodes of a ring. */
const startStranger = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  chord: Chord["Service"],
  handler: Handler = () => [],
  name = "stranger"
) {
  let peers: Peers.Peers | undefined
  const stranger = Effect.map(
    Peers.make({
      nodeId: name,
      networkId: chord.networkId,
      listen: new PeerAddress({ host: name, port: 5555 }),
      handler
    }),
    (made) => void (peers = made)
  )
  yield* simulation.start(name, Layer.provide(Layer.effectDiscard(stranger), layerWire(undefined)))
  return peers!
})

const neighborsOf = (chord: Chord["Service"]) => Effect.map(chord.ring, ([member]) => member!.membership)

describe("a stranger", () => {
  it("does not say farewell for others", () => {
    const { after, before, reason } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        const victim = nodes[3]!
        const stranger = yield* startStranger(simulation, victim)
        const before = yield* neighborsOf(victim)
        let reason = ""
        for (const contact of before.successors) {
          const packets = [writePosition(before.self.position), writeContact(contact), new Uint8Array(0)]
          const error = yield* Effect.flip(stranger.call({ address: victim.address }, "farewell", packets))
          reason = error.message
        }
        return { before, after: yield* neighborsOf(victim), reason }
      })
    )

    assert.deepStrictEqual(after.successors, before.successors)
    assert.include(reason, "nobody says that of another node")
  })

  it.each([0n, 1n])(
    "does not have a node answer for the ring by claiming to be before it, 2^%i behind it",
    (bit) => {
      const { none, wrong } = simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRing(simulation, 24)
          const keys = Array.from({ length: 40 }, (_, count) => `key ${count}`)
          yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, "value"), { concurrency: 8 })
          const victim = nodes[5]!
          const { predecessor, self } = yield* neighborsOf(victim)
          // It answers as a member does.
          const stranger = yield* startStranger(
            simulation,
            victim,
            (_, kind) =>
              kind === "state" ? writeAnswer({ predecessor: undefined, successors: [self], isWhole: false }) : []
          )
          const position = (self.position + (1n << bit)) % (1n << 160n)
          const contact = new Contact(position, new PeerAddress({ host: "stranger", port: 5555 }), "stranger")
          const notify = stranger.tell({ address: victim.address }, "notify", [
            writePosition(self.position),
            writeContact(contact)
          ])
          yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.ignore(notify), Effect.sleep("50 millis"))))
          yield* simulation.crash(predecessor!.address.host)
          let none = 0
          for (let turns = 0; turns < 5; turns++) {
            const values = yield* Effect.forEach(keys, (key) => Effect.option(victim.get(key)), { concurrency: 1 })
            none += values.filter((value) => Option.isSome(value) && Option.isNone(value.value)).length
          }
          const now = yield* neighborsOf(victim)
          return { none, wrong: now.predecessor?.nodeId === "stranger" }
        })
      )

      assert.strictEqual(none, 0)
      assert.isFalse(wrong)
    }
  )

  it.each(["stranger", "nowhere"])("takes no place before a node, where no member answers: at %s", (host) => {
    const values = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 12)
        const keys = Array.from({ length: 10 }, (_, count) => `key ${count}`)
        yield* Effect.forEach(keys, (key) => nodes[0]!.set(key, "value"))
        const stranger = yield* startStranger(simulation, nodes[0]!)
        for (const victim of nodes) {
          const { self } = yield* neighborsOf(victim)
          const contact = new Contact(self.position - 1n, new PeerAddress({ host, port: 5555 }), "stranger")
          const packets = [writePosition(self.position), writeContact(contact)]
          const notify = Effect.ignore(stranger.tell({ address: victim.address }, "notify", packets))
          yield* Effect.forkScoped(Effect.forever(Effect.andThen(notify, Effect.sleep("50 millis"))))
        }
        yield* Effect.sleep("2 seconds")
        return yield* Effect.forEach(keys, (key) => Effect.orElseSucceed(nodes[7]!.get(key), Option.none))
      })
    )

    assert.deepStrictEqual(values, values.map(() => Option.some("value")))
  })

  it("keeps nobody from a place before a node, with many others that claim it and are silent", () => {
    const seconds = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        const victim = nodes[3]!
        const { predecessor, self } = yield* neighborsOf(victim)
        for (let count = 0; count < 70; count++) {
          const name = `stranger ${count}`
          const stranger = yield* startStranger(simulation, victim, () => Effect.never, name)
          const position = self.position - 1000n - BigInt(count)
          const contact = new Contact(position, new PeerAddress({ host: name, port: 5555 }), name)
          const packets = [writePosition(self.position), writeContact(contact)]
          const notify = Effect.ignore(stranger.tell({ address: victim.address }, "notify", packets))
          yield* Effect.forkScoped(Effect.forever(Effect.andThen(notify, Effect.sleep("50 millis"))))
        }
        yield* Effect.sleep("2 seconds")
        yield* simulation.crash(predecessor!.address.host)
        return yield* untilIdeal(nodes.filter((node) => node.address.host !== predecessor!.address.host))
      })
    )

    assert.isAtMost(seconds, 30)
  })

  it("does not have a node ask its predecessor as often as it asks that node for what is not its own", () => {
    const { calls, refused } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        const victim = nodes[3]!
        const stranger = yield* startStranger(simulation, victim)
        const { self } = yield* neighborsOf(victim)
        const before = (yield* victim.stats).calls
        const ask = stranger.call({ address: victim.address }, "get", [
          writePosition(self.position),
          writePosition(self.position + 1n),
          new TextEncoder().encode("key")
        ])
        yield* Effect.all(Array.from({ length: 640 }, () => Effect.ignore(ask)), { concurrency: 64 })
        const after = (yield* victim.stats).calls
        return { calls: after.calls - before.calls, refused: after.refused - before.refused }
      })
    )

    assert.strictEqual(refused, 640)
    assert.isAtMost(calls, 100)
  })

  it("does not take fingers from members by saying that these do not answer", () => {
    const { after, before } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 24, { minSuccessors: 2 })
        yield* Effect.sleep("60 seconds")
        const stranger = yield* startStranger(simulation, nodes[0]!)
        const count = Effect.map(Effect.forEach(nodes, ({ ring }) => ring), (rings) =>
          rings.flat().reduce((sum, { fingers }) => sum + fingers.size, 0))
        const before = yield* count
        for (const node of nodes) {
          const { self } = yield* neighborsOf(node)
          const position = writePosition(self.position)
          const fingers = yield* stranger.call({ address: node.address }, "fingers", [position])
          for (const finger of fingers) {
            yield* stranger.tell({ address: node.address }, "suspect", [position, finger])
          }
        }
        yield* Effect.sleep("200 millis")
        return { before, after: yield* count }
      })
    )

    assert.isAbove(before, 12)
    assert.isAtLeast(after, before - 2)
  })

  it("does not have a node dial without end by its hints", () => {
    const dials = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 6)
        const victim = nodes[3]!
        const stranger = yield* startStranger(simulation, victim)
        const { self } = yield* neighborsOf(victim)
        const before = (yield* victim.stats).calls.dials
        for (let count = 0; count < 200; count++) {
          const address = new PeerAddress({ host: `nowhere-${count}`, port: 5555 })
          const candidate = new Contact(self.position + 1n + BigInt(count), address, `id ${count}`)
          yield* stranger.tell({ address: victim.address }, "hint", [
            writePosition(self.position),
            writeContact(candidate)
          ])
        }
        yield* Effect.sleep("50 millis")
        return (yield* victim.stats).calls.dials - before
      })
    )

    assert.isAtMost(dials, 3)
  })

  it("gets nothing by the names of what objects inherit", () => {
    const answers = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 2)
        const stranger = yield* startStranger(simulation, nodes[0]!)
        const { self } = yield* neighborsOf(nodes[0]!)
        return yield* Effect.forEach(["toString", "constructor", "valueOf", "__proto__", "hasOwnProperty"], (kind) =>
          stranger.call({ address: nodes[0]!.address }, kind, [writePosition(self.position)]).pipe(
            Effect.match({
              onFailure: ({ message }) =>
                message.includes(`"${kind}" is nothing that chord nodes ask`),
              onSuccess: () => false
            })
          ))
      })
    )

    assert.deepStrictEqual(answers, [true, true, true, true, true])
  })
})
