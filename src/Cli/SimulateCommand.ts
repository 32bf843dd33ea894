/** `p2p simulate`: whole networks in one process, under a virtual clock, from a seed. */
import * as Command from "effect/cli/Command"
import { attack } from "./SimulateAttack.ts"
import { chord } from "./SimulateChord.ts"
import { mesh } from "./SimulateMesh.ts"

/**
 * `p2p simulate`.
 *
 * @category commands
 * @since 0.1.0
 */
export const simulate = Command.make("simulate").pipe(
  Command.withShortDescription("Run whole networks under a virtual clock, from a seed"),
  Command.withSubcommands([mesh, chord, attack])
)
