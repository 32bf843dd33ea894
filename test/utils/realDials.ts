/** A network that stands for the real world, as far as a node knows. */
import { Effect, Layer } from "effect"
import { Transport } from "../../src/Transport/Transport.ts"

type Dial = Transport["Service"]["dial"]

/** The transport there is, which looks names up, and dials as the test says with the dial that there was. */
export const realDials = (dialBy: (dial: Dial) => Dial): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (service) => ({ ...service, resolvesNames: true, dial: dialBy(service.dial) }))
  )
