/** All fifty rows, in the order of their numbers. */
import type { Row } from "./Row.ts"
import { addresses } from "./rows/Addresses.ts"
import { floods } from "./rows/Floods.ts"
import { frames } from "./rows/Frames.ts"
import { handshakes } from "./rows/Handshakes.ts"
import { networks } from "./rows/Networks.ts"
import { resources } from "./rows/Resources.ts"

export const rows: ReadonlyArray<Row> = [
  ...frames,
  ...handshakes,
  ...floods,
  ...addresses,
  ...resources,
  ...networks
].toSorted((a, b) => a.number - b.number)
