/** What is asked of a node by whoever uses it: reads, writes and lookups, once it is in its ring. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { LookupError, QuorumError } from "../ChordError.ts"
import type { Entry, ReadOptions, WriteOptions } from "../ChordOperation.ts"
import { tables } from "../KeyPlacement.ts"
import * as Record from "../Record.ts"
import type { ChordNode } from "./ChordNode.ts"
import { locate } from "./Lookup.ts"
import type { Originals } from "./Originals.ts"
import * as Quorum from "./Quorum.ts"

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The operations of a node; what it does not find, original nodes may have where those are let in. */
export const operationsOf = (node: ChordNode, originals: Originals | undefined) => ({
  read: (key: string, options: ReadOptions = {}) => {
    const { quorum: wanted = node.options.readQuorum, timeout = node.options.operationTimeout } = options
    const toError = (cause: string) => new QuorumError({ operation: "read", wanted, reached: 0, causes: [cause] })
    if (!isQuorum(wanted)) return Effect.fail(toError(noQuorum))
    const inTurn = Effect.suspend(() => {
      node.counters.gets++
      const endMillis = node.uptimeMillis() + Duration.toMillis(timeout)
      return node.reads.enter(endMillis, Quorum.read(node, key, options, endMillis), late(toError))
    })
    const found = Effect.flatMap(inTurn, (found) => {
      const entry = toEntry(node, found, wanted)
      if (originals === undefined || Option.isSome(entry)) return Effect.succeed(entry)
      return Effect.map(Effect.timeoutOption(originals.read(key), timeout), Option.flatten)
    })
    return Effect.andThen(whenJoined(node, timeout, toError), found)
  },
  write: (key: string, value: Uint8Array | undefined, options: WriteOptions = {}) => {
    const { quorum: wanted = node.options.writeQuorum, timeout = node.options.operationTimeout } = options
    const toError = (cause: string) => new QuorumError({ operation: "write", wanted, reached: 0, causes: [cause] })
    if (!isQuorum(wanted)) return Effect.fail(toError(noQuorum))
    const inTurn = Effect.suspend(() => {
      node.counters.sets++
      const endMillis = node.uptimeMillis() + Duration.toMillis(timeout)
      const write = Quorum.write(node, key, value, options, endMillis)
      return node.writes.enter(endMillis, write, late(toError))
    })
    return Effect.andThen(whenJoined(node, timeout, toError), inTurn)
  },
  lookup: (key: string, table: typeof tables[number]) => {
    const toError = (detail: string) => new LookupError({ hops: 0, timeouts: 0, detail })
    const position = node.keys.of(key).positions[tables.indexOf(table)]!
    const found = Effect.suspend(() => {
      const startMillis = node.uptimeMillis()
      return Effect.map(locate(node, position), (located) => {
        const { owner, path, timeouts } = located
        node.lookedUp(position, located, startMillis)
        return { table, position, owner, hops: path.length, path, timeouts }
      })
    })
    return Effect.andThen(whenJoined(node, node.options.lookupTimeout, toError), found)
  }
})

/** Made when it is due: an error takes its stack, and hardly any read is ever late. */
const late = <E>(toError: (cause: string) => E): Effect.Effect<never, E> =>
  Effect.suspend(() => Effect.fail(toError(tooMany)))

/** None would acknowledge anything, and more than there are cannot answer. */
const isQuorum = (count: number): boolean => Number.isInteger(count) && count >= 1 && count <= tables.length

const tooMany = "it waited for others of this node that were under way: ask for fewer at once, or give them more time"

const noQuorum = `a quorum is a whole number from 1 to ${tables.length}, of the placements that a key has`

const hasLeft = "this node has left its ring: join one first, or its own address to begin one"

/**
 * Waits until the node is in the ring that it is meant for. A node that never got there knows nothing of what is stored
 * there, so that it fails rather than say "not set". One that is in its own list of bootstrap nodes may be the first.
 */
const whenJoined = <E>(
  node: ChordNode,
  timeout: Duration.Input,
  toError: (cause: string) => E
): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    if (node.hasLeft) return Effect.fail(toError(hasLeft))
    return node.joined.isOpen() ? Effect.void : Effect.timeoutOrElse(node.joined.await, {
      duration: timeout,
      orElse: () =>
        Effect.suspend(() => {
          const { bootstrap } = node.options
          if (bootstrap.some((address) => node.isSelf(address))) return Effect.void
          return Effect.fail(toError(`this node has not joined its ring yet, by none of ${bootstrap.join(", ")}`))
        })
    })
  })

const toEntry = (node: ChordNode, { asked, holders, record }: Quorum.Found, quorum: number): Option.Option<Entry> => {
  const value = record === undefined ? undefined : Record.valueAt(record, node.nowMillis())
  if (record === undefined || value === undefined) return Option.none()
  const isDegraded = asked < quorum || holders < Math.min(quorum, node.options.readQuorum)
  if (isDegraded) node.counters.degraded++
  return Option.some({
    value: decoder.decode(value),
    version: record.version,
    expiresAtMillis: record.expiresAtMillis,
    isDegraded
  })
}
