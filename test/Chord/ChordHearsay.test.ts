/** Where the nodes of a ring may be led by those who name addresses to them. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Chord } from "../../src/Chord/Chord.ts"
import { Contact } from "../../src/Chord/Contact.ts"
import { writeAnswer, writeContact, writeFound, writePosition } from "../../src/Chord/internal/ChordCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import type { Handler } from "../../src/Chord/internal/PeersOptions.ts"
import * as MemoryChord from "../../src/Layers/MemoryChord.ts"
import { layerWire } from "../../src/Layers/MemoryMesh.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { quick, type Settings, simulate, untilIdeal } from "../utils/ChordRing.ts"
import { realDials } from "../utils/realDials.ts"

const at = (host: string, port = 5555) => new PeerAddress({ host, port })

/** Services that no stranger may have a node connect to, and a name. */
const lures = ["127.0.0.1", "localhost", "10.0.0.5", "192.168.1.1", "169.254.169.254", "::1", "lure.example.org"]

/** A node over a network of the real world, as far as it knows; gives which hosts it dials, too. */
const startReal = Effect.fnUntraced(
  function*(simulation: Simulation.Simulation, host: string, settings: Settings = {}, ip?: (host: string) => string) {
    const dialed = new Set<string>()
    const transport = realDials((dial) => (address) => {
      dialed.add(address.hostname)
      return Effect.map(dial(address), (made) => ({ ...made, host: ip?.(address.hostname) }))
    })
    const layer = MemoryChord.layerTransport({ ...quick, ...settings, host }).pipe(Layer.provide(transport))
    return { chord: Context.get(yield* simulation.start(host, layer), Chord), dialed }
  }
)

/** Nodes at these hosts, of which the others join the first one. */
const startRingAt = Effect.fnUntraced(
  function*(simulation: Simulation.Simulation, hosts: ReadonlyArray<string>, settings: Settings = {}) {
    const nodes: Array<Effect.Success<ReturnType<typeof startReal>>> = []
    for (const host of hosts) {
      const bootstrap = nodes.length === 0 ? [] : [`${hosts[0]}:5555`]
      nodes.push(yield* startReal(simulation, host, { ...settings, bootstrap }))
      yield* Effect.sleep("300 millis")
    }
    return nodes
  }
)

const publicHosts = ["203.0.113.1", "203.0.113.2", "203.0.113.3"]

/** A process that says to the nodes of a ring what it likes. */
const startHostile = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  host: string,
  chord: Chord["Service"],
  handler: Handler = () => []
) {
  let peers: Peers.Peers | undefined
  const hostile = Effect.map(
    Peers.make({ nodeId: "hostile", networkId: chord.networkId, listen: at(host), handler }),
    (made) => void (peers = made)
  )
  yield* simulation.start(host, Layer.provide(Layer.effectDiscard(hostile), layerWire(undefined)))
  return peers!
})

const positionOf = (chord: Chord["Service"]) => Effect.map(chord.ring, ([member]) => member!.membership.self.position)

const assertOnlyPublic = (dialed: ReadonlySet<string>): void => {
  for (const host of dialed) assert.match(host, /^(203\.0\.113|198\.51\.100)\.\d+$/)
}

describe("a public node of a ring", () => {
  it("does not call where a stranger says that members are", () => {
    const { dialed, refusals, ring } = simulate((simulation) =>
      Effect.gen(function*() {
        const [victim, ...others] = yield* startRingAt(simulation, publicHosts)
        yield* untilIdeal([victim!, ...others].map(({ chord }) => chord))
        const { chord, dialed } = victim!
        const position = yield* positionOf(chord)
        const stranger = yield* startHostile(simulation, "198.51.100.7", chord)
        const refusals: Array<string> = []
        for (const [index, host] of lures.entries()) {
          const self = writePosition(position)
          const before = writeContact(new Contact(position - 1n - BigInt(index), at(host), "hostile"))
          const behind = writeContact(new Contact(position + 1n + BigInt(index), at(host), `lure ${index}`))
          const say = (kind: string, ...packets: ReadonlyArray<Uint8Array>) =>
            Effect.match(stranger.call({ address: chord.address }, kind, [self, ...packets]), {
              onSuccess: () => undefined,
              onFailure: (error) => void refusals.push(error.message)
            })
          yield* say("notify", before)
          yield* say("hint", behind)
          yield* say("farewell", before, behind)
          yield* say("find", writePosition(position - 1n), behind)
          yield* Effect.sleep("3 seconds")
        }
        yield* Effect.sleep("30 seconds")
        yield* untilIdeal([victim!, ...others].map(({ chord }) => chord))
        return { dialed, refusals, ring: yield* chord.ring }
      })
    )

    assertOnlyPublic(dialed)
    assert.strictEqual(ring[0]!.membership.successors.length, 2)
    assert.strictEqual(refusals.length, lures.length)
    assert.include(refusals[0], "strangers are not called at 127.0.0.1:5555 from here")
  })

  it("does not call where a member says that others are", () => {
    const { asked, dialed } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRingAt(simulation, publicHosts)
        const { chord } = nodes[0]!
        const position = yield* positionOf(chord)
        const own = new Contact(position + (1n << 100n), at("198.51.100.7"), "hostile")
        const asked = new Set<string>()
        let turn = 0
        const lure = (offset: bigint) => {
          const host = lures[turn++ % lures.length]!
          return new Contact(own.position + offset, at(host), `lure ${turn}`)
        }
        const member = yield* startHostile(simulation, "198.51.100.7", chord, (_from, kind) => {
          asked.add(kind)
          if (kind === "state") {
            return writeAnswer({
              predecessor: lure(-(1n << 99n)),
              successors: [lure(1n), lure(2n), lure(3n)],
              isWhole: turn % 2 === 0
            })
          }
          if (kind === "find") {
            const self = turn % 2 === 0 ? own : lure(0n)
            const [predecessor, closer, following] = [lure(-1n), [lure(-2n), lure(-3n)], [lure(1n), lure(2n)]]
            return writeFound({ isOwner: turn % 3 === 0, self, predecessor, closer, following })
          }
          return kind === "fingers" ? lures.map((_, index) => writeContact(lure(1n << BigInt(index)))) : []
        })
        for (let round = 0; round < 10; round++) {
          yield* Effect.forEach(nodes, ({ chord }) =>
            Effect.ignore(Effect.gen(function*() {
              const [self] = yield* chord.ring
              const packets = [writePosition(self!.membership.self.position), writeContact(own)]
              yield* member.call({ address: chord.address }, "notify", packets)
              yield* member.call({ address: chord.address }, "hint", packets)
              yield* chord.set(`key ${round}`, "value")
            })))
          yield* Effect.sleep("3 seconds")
        }
        return { asked, dialed: new Set(nodes.flatMap(({ dialed }) => [...dialed])) }
      })
    )

    assertOnlyPublic(dialed)
    assert.isTrue(asked.has("state") && asked.has("find"), [...asked].join())
  })
})

describe("a ring", () => {
  for (const hosts of [["127.0.0.1", "127.0.0.2", "127.0.0.3"], ["10.0.0.1", "10.0.0.2", "203.0.113.3"]]) {
    it(`is one at ${hosts.join(", ")}`, () => {
      const value = simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRingAt(simulation, hosts)
          yield* untilIdeal(nodes.map(({ chord }) => chord))
          yield* nodes[1]!.chord.set("key", "value")
          return yield* nodes[2]!.chord.get("key")
        })
      )

      assert.deepInclude(value, { value: "value" })
    })
  }

  it("is one of nodes on a LAN that were given a name", () => {
    const names = { seed: "10.0.0.1" } as const
    simulate((simulation) =>
      Effect.gen(function*() {
        // The network in memory has no names but its hosts: `seed` is one more process, that says where it is.
        const first = yield* startReal(simulation, "seed", { announce: at("seed") })
        const settings = { bootstrap: ["seed:5555"] }
        const others = []
        for (const host of ["10.0.0.2", "10.0.0.3"]) {
          others.push(yield* startReal(simulation, host, settings, (name) => names[name as "seed"] ?? name))
        }
        yield* untilIdeal([first, ...others].map(({ chord }) => chord))
      })
    )
  })

  it("is one of names where each node dials them", () => {
    const hosts = ["one", "two", "three"]
    const knownTo = (settings: Settings) =>
      simulate((simulation) =>
        Effect.gen(function*() {
          const nodes = yield* startRingAt(simulation, hosts, settings)
          yield* Effect.sleep("20 seconds")
          const [member] = yield* nodes[0]!.chord.ring
          return member!.membership.successors.map(({ address }) => address.host).toSorted()
        })
      )

    assert.deepStrictEqual(knownTo({ dialNames: true }), ["three", "two"])
    assert.deepStrictEqual(knownTo({}), [])
  })
})
