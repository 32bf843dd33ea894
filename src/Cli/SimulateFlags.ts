/** Flags that the simulations have in common. */
import * as Flag from "effect/cli/Flag"

/** `--seed`, `"1"` when it is not given. */
export const seed = Flag.String("seed").pipe(
  Flag.withMetavar("SEED"),
  Flag.withDescription("Everything hangs on it: the same seed, the same run (default \"1\")"),
  Flag.withDefault("1")
)

/** `--json`. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print the figures as one JSON object"),
  Flag.withDefault(false)
)
