/**
 * What can go wrong in a simulation, as data: so that schedules of faults can be drawn from a seed,
 * shortened, printed, read from a file and played again.
 */
import * as Schema from "effect/Schema"

const Name = Schema.String
const Millis = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const Chance = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** The node ends without a word; afterwards it is started again from its Layer. @category models @since 0.1.0 */
export const Crash = Schema.TaggedStruct("Crash", { node: Name })

/** The same, but its peers are not told: they find out by themselves. @category models @since 0.1.0 */
export const PowerCut = Schema.TaggedStruct("PowerCut", { node: Name })

/** The node's process stands still; its connections stay. @category models @since 0.1.0 */
export const Pause = Schema.TaggedStruct("Pause", { node: Name })

/** Only nodes of the same group reach each other; nodes in no group are one more. @category models @since 0.1.0 */
export const Partition = Schema.TaggedStruct("Partition", { groups: Schema.Array(Schema.Array(Name)) })

/** Nothing gets from one node to the other, while the way back is open. @category models @since 0.1.0 */
export const Cut = Schema.TaggedStruct("Cut", { from: Name, to: Name })

/** Connections between two nodes stay, and new ones can be made, but nothing moves on them. @category models @since 0.1.0 */
export const Stall = Schema.TaggedStruct("Stall", { one: Name, other: Name })

/** Dials to the node are refused. @category models @since 0.1.0 */
export const Refuse = Schema.TaggedStruct("Refuse", { node: Name })

/** The connections between two nodes break, after some more bytes from the first. @category models @since 0.1.0 */
export const Reset = Schema.TaggedStruct("Reset", { one: Name, other: Name, afterBytes: Schema.Int })

/** The node's time of day is wrong by so many milliseconds. @category models @since 0.1.0 */
export const Skew = Schema.TaggedStruct("Skew", { node: Name, millis: Schema.Finite })

/** Sends break their connections, dials are refused, sends are late, each by chance. @category models @since 0.1.0 */
export const Weather = Schema.TaggedStruct("Weather", { lossChance: Chance, refuseChance: Chance, stallChance: Chance })

/**
 * One kind of thing that goes wrong.
 *
 * @category models
 * @since 0.1.0
 */
export const Fault = Schema.Union([
  Crash,
  PowerCut,
  Pause,
  Partition,
  Cut,
  Stall,
  Refuse,
  Reset,
  Skew,
  Weather
])

/**
 * @category models
 * @since 0.1.0
 */
export type Fault = typeof Fault.Type

/**
 * A fault, when it begins and how long it lasts, in milliseconds. At its end it is made good: the
 * node is started again or goes on, the network is whole, the clock is right.
 *
 * @category models
 * @since 0.1.0
 */
export const ScheduledFault = Schema.Struct({ atMillis: Millis, forMillis: Millis, fault: Fault })

/**
 * @category models
 * @since 0.1.0
 */
export type ScheduledFault = typeof ScheduledFault.Type

/**
 * Faults in the order of their beginnings.
 *
 * @category models
 * @since 0.1.0
 */
export const FaultSchedule = Schema.Array(ScheduledFault)

/**
 * @category models
 * @since 0.1.0
 */
export type FaultSchedule = typeof FaultSchedule.Type

/**
 * The names of the nodes that a fault is about; none for the weather.
 *
 * @category encoding
 * @since 0.1.0
 */
export const nodesOf = (fault: Fault): ReadonlyArray<string> => {
  switch (fault._tag) {
    case "Crash":
    case "PowerCut":
    case "Pause":
    case "Refuse":
    case "Skew":
      return [fault.node]
    case "Partition":
      return fault.groups.flat()
    case "Cut":
      return [fault.from, fault.to]
    case "Stall":
    case "Reset":
      return [fault.one, fault.other]
    case "Weather":
      return []
  }
}

/**
 * The schedule as text for a person: a line for each fault.
 *
 * @category encoding
 * @since 0.1.0
 */
export const describe = (schedule: FaultSchedule): string =>
  schedule.map(({ atMillis, fault, forMillis }) =>
    `${seconds(atMillis)} for ${seconds(forMillis)}: ${describeFault(fault)}`
  ).join("\n")

const seconds = (millis: number): string => `${millis / 1000} s`

const describeFault = (fault: Fault): string => {
  switch (fault._tag) {
    case "Crash":
      return `node ${fault.node} crashes`
    case "PowerCut":
      return `node ${fault.node} loses its power`
    case "Pause":
      return `node ${fault.node} stands still`
    case "Partition":
      return `partition ${fault.groups.map((group) => group.join(",")).join(" | ")}`
    case "Cut":
      return `nothing gets from node ${fault.from} to node ${fault.to}`
    case "Stall":
      return `nothing moves between nodes ${fault.one} and ${fault.other}`
    case "Refuse":
      return `node ${fault.node} refuses dials`
    case "Reset":
      return `connections between nodes ${fault.one} and ${fault.other} break after ${fault.afterBytes} bytes`
    case "Skew":
      return `the clock of node ${fault.node} is ${fault.millis / 1000} s ahead`
    case "Weather":
      return `sends break with chance ${fault.lossChance}, dials with ${fault.refuseChance}, sends are late with ${fault.stallChance}`
  }
}
