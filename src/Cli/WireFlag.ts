/** The flag of the wire version. */
import * as Flag from "effect/cli/Flag"
import { type WireVersion, wireVersions } from "../Layers/WireVersion.ts"

/** `--protocol`. */
export const protocol = Flag.Literals("protocol", wireVersions).pipe(
  Flag.withMetavar("VERSION"),
  Flag.withDescription(
    "The wire version, the same on all nodes of a network; 0.7 is that of the last original nodes (default 0.4)"
  ),
  Flag.withDefault("0.4")
)

/** What another node is given alike. */
export const sharedFlag = (protocol: WireVersion): string => protocol === "0.4" ? "" : ` --protocol ${protocol}`
