/**
 * Numbers that a node counts as plain fields, as metrics of Effect: they are read when somebody reads the
 * metrics, and nothing happens before. Names are `effect_p2p_<part>_<name>`, with the unit last, `_total`
 * for what only grows, and the node's id as the attribute `node`.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

/**
 * One number of a node's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source<Stats> {
  readonly name: string
  readonly description: string
  readonly of: (stats: Stats) => number
}

/**
 * What a part of the library counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricSource<Stats> {
  /** `effect_p2p_mesh`. */
  readonly prefix: string
  readonly node: string
  /** What only grows; `_total` is added to the names. */
  readonly totals: ReadonlyArray<Source<Stats>>
  /** What there is at the moment. */
  readonly levels: ReadonlyArray<Source<Stats>>
  /** The numbers now; must not wait for anything. */
  readonly stats: Effect.Effect<Stats>
}

const ignore = (): void => {}

/**
 * Registers the metrics until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const register = <Stats>(source: MetricSource<Stats>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const attributes = { node: source.node }
    // Whoever snapshots the metrics calls this, outside of any fiber.
    const read = () => Effect.runSyncWith(context)(source.stats)
    const registrations = (): ReadonlyArray<Metric.Registration> => [
      ...source.totals.map(({ description, name, of }) =>
        Metric.registerUnsafe(
          Metric.counter(`${source.prefix}_${name}_total`, { description, incremental: true, attributes }),
          context,
          { get: () => ({ count: of(read()), incremental: true }), update: ignore, modify: ignore }
        )
      ),
      ...source.levels.map(({ description, name, of }) =>
        Metric.registerUnsafe(Metric.gauge(`${source.prefix}_${name}`, { description, attributes }), context, {
          get: () => ({ value: of(read()) }),
          update: ignore,
          modify: ignore
        })
      )
    ]
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(registrations),
        (made) => Effect.sync(() => made.forEach((registration) => registration.remove()))
      )
    )
  })

/**
 * A series of a metric.
 *
 * @category models
 * @since 0.1.0
 */
export type SeriesOf = <Input, State>(
  metric: Metric.Metric<Input, State>,
  attributes: Readonly<Record<string, string>>
) => Metric.Metric<Input, State>

/**
 * For what is counted as it happens: series that are there from their first update on, until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const series: Effect.Effect<SeriesOf, never, Scope.Scope> = Effect.gen(function*() {
  const context = yield* Effect.context<never>()
  const removals = new Map<string, () => void>()
  yield* Effect.addFinalizer(() => Effect.sync(() => removals.forEach((remove) => remove())))
  return (metric, attributes) => {
    const made = Metric.withAttributes(metric, attributes)
    removals.set(JSON.stringify([metric.id, attributes]), () => Metric.removeUnsafe(made, context))
    return made
  }
})
