import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, type Scope } from "effect"
import * as MemoryMesh from "../../../../src/Layers/MemoryMesh.ts"
import * as HostileMesh from "../../../../src/Layers/Simulation/Attack/HostileMesh.ts"
import * as MeshAttack from "../../../../src/Layers/Simulation/Attack/MeshAttack.ts"
import * as Simulation from "../../../../src/Layers/Simulation/Simulation.ts"
import { Mesh } from "../../../../src/Mesh/Mesh.ts"
import type { MeshMessage } from "../../../../src/Mesh/MeshMessage.ts"
import { PeerAddress } from "../../../../src/Protocol/PeerAddress.ts"
import { collect } from "../../../utils/MeshNetwork.ts"

const value = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`the run failed: ${exit.cause}`)

const figures = (changes: Pick<MeshAttack.MeshAttack, "attack"> & Partial<MeshAttack.MeshAttack>) =>
  value(MeshAttack.run({
    honest: 30,
    sybilRatio: 1,
    seed: "a",
    phaseSeconds: 10,
    broadcastsPerPhase: 15,
    ...changes
  }))

const phase = (result: MeshAttack.AttackFigures, name: MeshAttack.AttackPhase["name"]) =>
  result.phases.find((phase) => phase.name === name) ?? assert.fail(`no phase ${name}`)

describe("MeshAttack", () => {
  it.each(MeshAttack.attackNames.filter((name) => name !== "flood"))(
    "%s by as many sybils as honest nodes costs no delivery",
    (attack) => {
      const result = figures({ attack })

      const { attacked, baseline } = result
      assert.deepStrictEqual([baseline.deliveredFraction, baseline.missed, baseline.doubled], [1, 0, 0])
      assert.deepStrictEqual([attacked.deliveredFraction, attacked.missed, attacked.doubled], [1, 0, 0])
      assert.strictEqual(result.sybils, 30)
      assert.isAbove(phase(result, "attack").links.sybilFraction, 0.2)
      assert.isAbove(phase(result, "attack").links.outboundHonest, 60)
      assert.isAbove(result.protections.poisonedFraction, 0.1)
      assert.strictEqual(phase(result, "after").links.sybil, 0)
      assert.strictEqual(phase(result, "after").attacked.deliveredFraction, 1)
    }
  )

  it("shows that an eclipse fills the slots of its target, whose own links carry on, and what is left after it", () => {
    const result = figures({ attack: "eclipse", honest: 18, sybilRatio: 4 })

    const { attacked, links, target } = phase(result, "attack")
    assert.deepStrictEqual([target?.got.deliveredFraction, target?.sent.deliveredFraction], [1, 1])
    assert.deepStrictEqual([attacked.missed, links.isolated], [0, 0])
    assert.isAtLeast(Math.max(...result.targetLinks.map((sample) => sample.sybil)), 60)
    assert.isAbove(result.protections.sybilsRejected, 0)
    assert.strictEqual(phase(result, "restarted").attacked.missed, 0)
    assert.isNotNull(result.recoveryMillis)
    assert.deepStrictEqual(phase(result, "after").target?.got.deliveredFraction, 1)
  })

  it("costs no delivery though sybils go by the ids of honest nodes, whose links stay", () => {
    const result = figures({ attack: "eclipse", honest: 12, sybilRatio: 2, claimsIds: true, phaseSeconds: 15 })

    for (const { attacked, links } of result.phases) {
      assert.deepStrictEqual([attacked.deliveredFraction, attacked.missed, attacked.doubled], [1, 0, 0])
      assert.strictEqual(links.isolated, 0)
    }
    assert.isAtLeast(phase(result, "attack").links.sybil, 1)
    assert.isAtLeast(phase(result, "restarted").links.outboundHonest, 12)
  })

  it("wins slots back from sybils that pass on nothing", () => {
    const result = figures({
      attack: "cold-boot",
      honest: 10,
      sybilRatio: 10,
      phaseSeconds: 40,
      broadcastsPerPhase: 40
    })

    assert.isAbove(result.protections.evicted, 5)
    assert.strictEqual(phase(result, "attack").links.isolated, 0)
    assert.strictEqual(result.attacked.doubled, 0)
  })

  it("shows what a flood that takes all of its links costs, which limit acts, and that it is over with the sybils", () => {
    const links = {
      bandwidth: 20_000,
      floodBytes: 1000,
      settings: { maxOutboxBytes: 50_000, slowTimeout: 3000 }
    }
    const small = {
      ...links,
      attack: "flood",
      honest: 5,
      sybilRatio: 0.4,
      phaseSeconds: 2,
      broadcastsPerPhase: 6
    } as const
    const [result, again] = [figures(small), figures(small)]

    assert.deepStrictEqual(result, again)
    assert.deepStrictEqual([result.baseline.deliveredFraction, result.baseline.missed], [1, 0])
    assert.isAbove(result.limits.flooded, 100)
    assert.isAbove(result.limits.dropped, 0)
    assert.isAbove(result.limits.slow, 0)
    const [before, attack, after] = result.phases
    assert.strictEqual(before?.attacked.deliveredFraction, 1)
    assert.isAbove(attack?.attacked.latencyMillis.p50 ?? 0, before?.attacked.latencyMillis.p99 ?? 0)
    assert.strictEqual(attack?.attacked.doubled, 0)
    assert.strictEqual(after?.links.isolated, 0)
    assert.include(new Map(MeshAttack.describe(result!)).get("limits"), `${result.limits.flooded} broadcasts of sybils`)
  })

  it("gives the same figures for the same seed, and rows that tell them", () => {
    const small = { attack: "cold-boot", honest: 10, phaseSeconds: 5, broadcastsPerPhase: 5 } as const
    const [one, again, other] = [figures(small), figures(small), figures({ ...small, seed: "b" })]

    assert.deepStrictEqual(one, again)
    assert.notStrictEqual(one!.hash, other!.hash)
    const rows = new Map(MeshAttack.describe(one!))
    assert.strictEqual(rows.get("attack"), "cold-boot, 10 sybils on 10 honest nodes, seed a")
    assert.strictEqual(rows.get("delivered"), "100 % while attacked, 100 % without")
    assert.strictEqual(rows.get("hash"), one!.hash)
  })
})

const at = (host: string) => new PeerAddress({ host, port: 4444 })

/** Honest nodes that dial nobody, joined by a hostile node alone. */
const between = <A>(
  options: Partial<HostileMesh.HostileMeshOptions>,
  body: (field: {
    readonly hostile: HostileMesh.HostileMesh["Service"]
    readonly a: Mesh["Service"]
    readonly b: Mesh["Service"]
    readonly atA: ReadonlyArray<MeshMessage>
    readonly atB: ReadonlyArray<MeshMessage>
  }) => Effect.Effect<A, never, Scope.Scope>
): A =>
  value(Simulation.run({ seed: "hostile", latency: "10 millis" }, (simulation) =>
    Effect.gen(function*() {
      const start = (host: string) =>
        Effect.map(
          Effect.orDie(simulation.start(host, MemoryMesh.layerTransport({ host, maxOutboundLinks: 0 }))),
          Context.get(Mesh)
        )
      const [a, b] = [yield* start("a"), yield* start("b")]
      const scope = yield* Effect.scope
      const [atA, atB] = [yield* collect(a.messages, scope), yield* collect(b.messages, scope)]
      const layer = HostileMesh.layerTransport({ host: "hostile", ...options })
      const hostile = Context.get(yield* Effect.orDie(simulation.start("hostile", layer)), HostileMesh.HostileMesh)
      yield* hostile.connect(a.address)
      yield* hostile.connect(b.address)
      yield* Effect.sleep("1 second")
      return yield* body({ hostile, a, b, atA, atB })
    })))

const texts = (messages: ReadonlyArray<MeshMessage>) => messages.map((message) => message.text)

describe("HostileMesh", () => {
  it("relays like an honest node and answers pings while it is told nothing else", () => {
    const seen = between({}, ({ a, atA, atB, b, hostile }) =>
      Effect.gen(function*() {
        yield* Effect.orDie(Effect.andThen(a.broadcast("from a"), b.broadcast("from b")))
        yield* Effect.sleep("2 minutes")
        const { relayed, swallowed } = yield* hostile.stats
        return { links: (yield* hostile.peers).length, relayed, swallowed, atA: texts(atA), atB: texts(atB) }
      }))

    assert.deepStrictEqual(seen, { links: 2, relayed: 2, swallowed: 0, atA: ["from b"], atB: ["from a"] })
  })

  it.each(["swallowAuthor", "swallowFrom"] as const)("swallows only what %s names, from when it is told to", (by) => {
    const seen = between({}, ({ a, atA, atB, b, hostile }) =>
      Effect.gen(function*() {
        yield* Effect.orDie(a.broadcast("before"))
        yield* Effect.sleep("1 second")
        yield* hostile.behave({ swallowChance: 1, [by]: a.id })
        yield* Effect.orDie(Effect.andThen(a.broadcast("from a"), b.broadcast("from b")))
        yield* Effect.sleep("1 second")
        return { atA: texts(atA), atB: texts(atB), swallowed: (yield* hostile.stats).swallowed }
      }))

    assert.deepStrictEqual(seen, { atA: ["from b"], atB: ["before"], swallowed: 1 })
  })

  it("floods its peers with broadcasts of its own, and others still get through", () => {
    const seen = between({}, ({ a, atB, hostile }) =>
      Effect.gen(function*() {
        yield* hostile.behave({ broadcastsPerSecond: 200, broadcastBytes: 500 })
        yield* Effect.sleep("2 seconds")
        yield* Effect.orDie(a.broadcast("in between"))
        yield* Effect.sleep("1 second")
        return {
          flooded: (yield* hostile.stats).flooded,
          arrived: texts(atB).length,
          found: texts(atB).includes("in between")
        }
      }))

    assert.isTrue(seen.found)
    assert.isAbove(seen.flooded, 300)
    assert.isAbove(seen.arrived, 300)
  })

  it("passes broadcasts on late", () => {
    const seen = between({ behavior: { delayMillis: 3000 } }, ({ a, atB }) =>
      Effect.gen(function*() {
        yield* Effect.orDie(a.broadcast("late"))
        yield* Effect.sleep("2900 millis")
        const early = texts(atB)
        yield* Effect.sleep("200 millis")
        return [early, texts(atB)]
      }))

    assert.deepStrictEqual(seen, [[], ["late"]])
  })

  it("names its accomplices in lists of peers, over and over", () => {
    const accomplices = Array.from({ length: 100 }, (_, index) => ({ id: `${index}`, address: at(`ghost ${index}`) }))
    const seen = between({ behavior: { accomplices, entriesPerList: 10 } }, ({ a, hostile }) =>
      Effect.gen(function*() {
        const one = { known: (yield* a.stats).knownAddresses, told: (yield* hostile.stats).listsTold }
        yield* hostile.behave({ listsPerSecond: 5 })
        yield* Effect.sleep("20 seconds")
        yield* hostile.behave({ listsPerSecond: 0 })
        const many = { known: (yield* a.stats).knownAddresses, told: (yield* hostile.stats).listsTold }
        yield* Effect.sleep("20 seconds")
        return { one, many, after: (yield* hostile.stats).listsTold }
      }))

    // Its own address, and up to ten of the list.
    assert.isAtMost(seen.one.known, 11)
    assert.strictEqual(seen.one.told, 2)
    assert.isAbove(seen.many.known, 90)
    assert.isAbove(seen.many.told, 100)
    assert.strictEqual(seen.after, seen.many.told)
  })

  it("holds connections open without a word, until the other end gives up", () => {
    const seen = between({ behavior: { introduces: false } }, ({ a, hostile }) =>
      Effect.gen(function*() {
        const early = [(yield* a.stats).peers, (yield* a.stats).rejected]
        yield* Effect.sleep("10 seconds")
        return [...early, (yield* a.stats).rejected, (yield* hostile.stats).rejected]
      }))

    assert.deepStrictEqual(seen, [0, 0, 1, 2])
  })

  it("dials again where its link was ended, until it lets go", () => {
    const seen = between({ behavior: { redialMillis: 1000 } }, ({ a, hostile }) =>
      Effect.gen(function*() {
        yield* a.disconnect(hostile.id)
        yield* Effect.sleep("3 seconds")
        const again = [(yield* a.stats).peers, (yield* hostile.stats).linked]
        yield* hostile.release
        yield* Effect.sleep("1 minute")
        return [...again, (yield* a.stats).peers]
      }))

    assert.deepStrictEqual(seen, [1, 3, 0])
  })

  it("goes by the id and the address that it likes, and whispers what it likes", () => {
    const seen = between({ id: "somebody", announce: at("elsewhere") }, ({ a, hostile }) =>
      Effect.gen(function*() {
        const [peer] = yield* a.peers
        const told = yield* hostile.tell(a.id, {
          _tag: "Handshake",
          nodeId: "x",
          networkId: "y",
          address: null,
          methods: []
        })
        yield* Effect.sleep("1 second")
        const missed = yield* hostile.tell("nobody", { _tag: "RequestPeers" })
        return [peer?.id, String(peer?.address), told, missed, (yield* a.stats).ignored]
      }))

    assert.deepStrictEqual(seen, ["somebody", "elsewhere:4444", true, false, 1])
  })
})
