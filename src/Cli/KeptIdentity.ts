/** Identities that have to be there already: making one by the way would hide a name that was mistyped. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { IdentityError, keyFile } from "../Transport/NodeIdentity.ts"
import { flagText, invocation } from "./Invocation.ts"

/**
 * Fails with `Missing` when a directory holds no identity.
 *
 * @category running
 * @since 0.1.0
 */
export const check = (directory: string): Effect.Effect<void, IdentityError> =>
  Effect.suspend(() => {
    const file = path.join(directory, keyFile)
    if (fs.existsSync(file)) return Effect.void
    const detail = `"${invocation()} identity${flagText("identity", directory)}" makes an identity there`
    return Effect.fail(new IdentityError({ kind: "Missing", path: file, detail }))
  })
