/**
 * A process of the ring that `throughput.ts` measures: one node as an application makes it, from `NodeChord.layer`
 * with its defaults, and two of `roundTrips.ts`. Does what the process asks that started it, and ends with it.
 */
import { Effect, ManagedRuntime, Option } from "effect"
import { randomBytes } from "node:crypto"
import { Chord, formatAddress } from "../../src/index.ts"
import { NodeChord } from "../../src/Layers/node.ts"
import { endProfile, startProfile } from "../profiler.ts"
import { plainWire } from "../raw.ts"
import { startCodecWire } from "../rawCodec.ts"
import { type Cost, RoundTripNode } from "./roundTrips.ts"

export type Operation = "get" | "set"

/** What a ring is held against: bare round trips, and such whose messages are those of the protocol. */
export type Wire = "bare" | "codec"

/** What a member is asked; the answers are the results of the methods of `Member`. */
export type Question =
  | { readonly type: "start"; readonly bootstrap: ReadonlyArray<string> }
  | { readonly type: "connect"; readonly wire: Wire; readonly ports: ReadonlyArray<number> }
  | { readonly type: "known" }
  | { readonly type: "counts" }
  | { readonly type: "hops" }
  | { readonly type: "fill" }
  | { readonly type: "operate"; readonly operation: Operation; readonly millis: number }
  | { readonly type: "roundTrips"; readonly wire: Wire; readonly cost: Cost; readonly millis: number }
  | { readonly type: "stop" }

/** An answer, or why there is none. */
export type Answer = { readonly value: unknown } | { readonly failure: string }

export interface Counts {
  readonly calls: number
  readonly messages: number
  readonly bytes: number
}

export interface Taken {
  readonly perSecond: number
  /** Of each operation. */
  readonly millis: ReadonlyArray<number>
}

const inFlight = 32
const keyCount = 1000
const valueCharacters = 64

/** Keeps as many under way for so long as there are to be, and waits for the last ones. */
const drive = async (millis: number, operate: () => Promise<void>): Promise<Taken> => {
  const begun = performance.now()
  const until = begun + millis
  const taken: Array<number> = []
  const one = async (): Promise<void> => {
    for (let before = performance.now(); before < until;) {
      await operate()
      const after = performance.now()
      taken.push(after - before)
      before = after
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return { perSecond: taken.length / (performance.now() - begun) * 1000, millis: taken }
}

class Member {
  readonly #raw: Readonly<Record<Wire, RoundTripNode>>
  #runtime: ManagedRuntime.ManagedRuntime<Chord, unknown> | undefined
  #count = 0

  constructor(raw: Readonly<Record<Wire, RoundTripNode>>) {
    this.#raw = raw
  }

  async start(bootstrap: ReadonlyArray<string>) {
    this.#runtime = ManagedRuntime.make(NodeChord.layer({ bootstrap }))
    return {
      address: await this.#run((chord) => Effect.succeed(formatAddress(chord.address))),
      ports: { bare: await this.#raw.bare.listen(), codec: await this.#raw.codec.listen() }
    }
  }

  connect(wire: Wire, ports: ReadonlyArray<number>): Promise<void> {
    return this.#raw[wire].connect(ports)
  }

  /** How many others it knows as its successors; none while it gets its share. */
  known(): Promise<number> {
    return this.#run((chord) =>
      Effect.map(
        chord.ring,
        ([member]) =>
          member === undefined || member.isSyncing || member.membership.predecessor === undefined
            ? 0
            : member.membership.successors.length
      )
    )
  }

  counts(): Promise<Counts> {
    return this.#run((chord) =>
      Effect.map(chord.stats, ({ calls }) => ({
        calls: calls.calls,
        messages: calls.calls + calls.served + calls.tells,
        bytes: calls.sentBytes
      }))
    )
  }

  /** Nodes asked on the way to an owner, on average. */
  async hops(): Promise<number> {
    const found = await this.#run((chord) =>
      Effect.forEach(Array.from({ length: 200 }, (_, index) => keyOf(index)), (key) => chord.lookup(key), {
        concurrency: 8
      })
    )
    return found.reduce((sum, { hops }) => sum + hops, 0) / found.length
  }

  fill(): Promise<void> {
    return this.#run((chord) =>
      chord.update(
        Array.from({ length: keyCount }, (_, index): readonly [string, string] => [keyOf(index), newValue()])
      )
    )
  }

  operate(operation: Operation, millis: number): Promise<Taken> {
    return drive(millis, () => {
      const key = keyOf(this.#count++ % keyCount)
      return this.#run((chord) =>
        operation === "set" ? Effect.asVoid(chord.set(key, newValue())) : this.#get(chord, key)
      )
    })
  }

  roundTrips(wire: Wire, cost: Cost, millis: number): Promise<Taken> {
    return drive(millis, () => this.#raw[wire].operate(cost))
  }

  #get(chord: Chord["Service"], key: string) {
    return Effect.flatMap(
      chord.get(key),
      (value) => Option.isSome(value) ? Effect.void : Effect.fail(new Error(`${key} is not there`))
    )
  }

  #run<A, E>(use: (chord: Chord["Service"]) => Effect.Effect<A, E>): Promise<A> {
    if (this.#runtime === undefined) throw new Error("this member was not started")
    return this.#runtime.runPromise(Effect.flatMap(Chord, use))
  }
}

const keyOf = (index: number): string => `key ${index}`
const newValue = (): string => randomBytes(valueCharacters / 2).toString("hex")

const member = new Member({
  bare: new RoundTripNode(plainWire),
  codec: new RoundTripNode(await startCodecWire())
})

const answer = async (question: Question): Promise<unknown> => {
  switch (question.type) {
    case "start":
      await startProfile(process.argv[2])
      return member.start(question.bootstrap)
    case "connect":
      return member.connect(question.wire, question.ports)
    case "known":
      return member.known()
    case "counts":
      return member.counts()
    case "hops":
      return member.hops()
    case "fill":
      return member.fill()
    case "operate":
      return member.operate(question.operation, question.millis)
    case "roundTrips":
      return member.roundTrips(question.wire, question.cost, question.millis)
    case "stop":
      return endProfile(process.argv[2])
  }
}

process.on("message", (question: Question) => {
  answer(question).then(
    (value) => process.send?.({ value } satisfies Answer),
    (error: unknown) => process.send?.({ failure: String(error) } satisfies Answer)
  )
})
process.on("disconnect", () => process.exit())
