/** What a member of a ring that means no good can do to its neighbors. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Chord } from "../../src/Chord/Chord.ts"
import { Contact } from "../../src/Chord/Contact.ts"
import { writeAnswer, writeContact, writePosition } from "../../src/Chord/internal/ChordCodec.ts"
import * as Peers from "../../src/Chord/internal/Peers.ts"
import type { Packets } from "../../src/Chord/internal/PeersOptions.ts"
import { decodeQuestion, encodeDescription } from "../../src/Chord/RecordDescription.ts"
import { bucketCount, maxDepth } from "../../src/Chord/RecordSet.ts"
import { layerWire } from "../../src/Layers/MemoryMesh.ts"
import type * as Simulation from "../../src/Layers/Simulation/Simulation.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"
import { simulate, startRing } from "../utils/ChordRing.ts"

/** Takes the place behind a node, and answers all but what neighbors ask each other to stay so as it likes. */
const startHeir = Effect.fnUntraced(function*(
  simulation: Simulation.Simulation,
  chord: Chord["Service"],
  answer: (kind: string, packets: Packets) => Effect.Effect<Packets>
) {
  const [member] = yield* chord.ring
  const { self, successors } = member!.membership
  const own = new Contact(self.position + 1n, new PeerAddress({ host: "heir", port: 5555 }), "heir")
  let peers: Peers.Peers | undefined
  const heir = Effect.map(
    Peers.make({
      nodeId: own.nodeId,
      networkId: chord.networkId,
      listen: own.address,
      handler: (_from, kind, packets) =>
        kind === "state"
          ? writeAnswer({ predecessor: self, successors: [...successors, self], isWhole: true })
          : answer(kind, packets)
    }),
    (made) => void (peers = made)
  )
  yield* simulation.start("heir", Layer.provide(Layer.effectDiscard(heir), layerWire(undefined)))
  yield* peers!.call({ address: chord.address }, "hint", [writePosition(self.position), writeContact(own)])
  yield* Effect.sleep("1 second")
  const [now] = yield* chord.ring
  assert.strictEqual(now!.membership.successors[0]?.nodeId, "heir")
})

describe("a node", () => {
  it("goes on with its repairs when a neighbor draws out a comparison", () => {
    const { asked, repairs } = simulate((simulation) =>
      Effect.gen(function*() {
        const nodes = yield* startRing(simulation, 4)
        const victim = nodes[1]!
        for (let index = 0; index < 20; index++) yield* victim.set(`key ${index}`, "value")
        let asked = 0
        yield* startHeir(simulation, victim, (kind, packets) => {
          if (kind !== "digest") return Effect.succeed([])
          asked++
          const { depth, suffix } = decodeQuestion(packets[3]!, 1024)!.buckets[0]!
          const summaries = Array.from(
            { length: bucketCount },
            (_, index) => ({ count: 1000, digest: BigInt(asked + index) })
          )
          const packet = depth < maxDepth
            ? encodeDescription({ _tag: "Summaries", bucket: { depth, suffix }, summaries })
            : encodeDescription({ _tag: "Entries", bucket: { depth, suffix }, entries: [] })
          return Effect.delay(Effect.succeed([packet]), "4 seconds")
        })
        yield* Effect.sleep("1 minute")
        const before = (yield* victim.stats).repairs
        yield* Effect.sleep("20 minutes")
        return { asked, repairs: (yield* victim.stats).repairs - before }
      })
    )

    assert.isAbove(asked, 5)
    assert.isAbove(repairs, 5)
  })
})
