/** The flag of the wire version. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { type WireVersion, wireVersions } from "../Layers/WireVersion.ts"

/** `--protocol`, where an invitation may say it as well. */
export const given = Flag.Literals("protocol", wireVersions).pipe(
  Flag.withMetavar("VERSION"),
  Flag.withDescription(
    "The wire version, the same on all nodes of a network; 0.7 is that of the last original nodes (default 0.4)"
  ),
  Flag.optional
)

/** `--protocol`. */
export const protocol = Flag.map(given, Option.getOrElse((): WireVersion => wireVersions[0]))

/** What another node is given alike. */
export const sharedFlag = (protocol: WireVersion): string => protocol === "0.4" ? "" : ` --protocol ${protocol}`
