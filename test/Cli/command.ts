/** The files by which the `p2p` command is run. */
import { fileURLToPath } from "node:url"

export const source = fileURLToPath(new URL("../../src/Cli/main.ts", import.meta.url))

/** As `bundle.ts` packed it. */
export const packed = process.env["P2P_TEST_COMMAND"] ?? source
