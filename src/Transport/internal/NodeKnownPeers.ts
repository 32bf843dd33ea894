/**
 * Which identity was met at which address, kept in the directory of the own one: so that another one
 * there is noticed, also after a restart. One line for each, `HOST:PORT FINGERPRINT`, the latest last; an address in one
 * spelling (`placeOf`), for under another one whoever is there would be met for the first time.
 * The file is read anew for each dial: somebody may have had it forget while the node runs.
 */
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import type { PeerAddress } from "../../Protocol/PeerAddress.ts"
import { fingerprint, IdentityError } from "../NodeIdentity.ts"
import { placeOf } from "./NodeTlsHandshake.ts"

const fileName = "known-peers"

/** Addresses remembered; then the one met first is forgotten. */
const maxKnownPeers = 4096

/** The memory in one directory. */
export class NodeKnownPeers {
  readonly #file: string

  constructor(directory: string) {
    this.#file = path.join(directory, fileName)
  }

  /** The fingerprint of the identity that was met there. */
  at(address: PeerAddress): Effect.Effect<string | undefined, IdentityError> {
    return Effect.map(this.#read, (known) => known.get(placeOf(address)))
  }

  /** Keeps in mind who is at an address where nobody was met before. */
  remember(address: PeerAddress, publicKey: Uint8Array): Effect.Effect<void, IdentityError> {
    return Effect.flatMap(this.#read, (known) => {
      const key = placeOf(address)
      if (known.has(key)) return Effect.void
      known.set(key, fingerprint(publicKey))
      for (const oldest of known.keys()) {
        if (known.size <= maxKnownPeers) break
        known.delete(oldest)
      }
      return this.#write(known)
    })
  }

  /** Whether there was something to forget. */
  forget(address: PeerAddress): Effect.Effect<boolean, IdentityError> {
    return Effect.flatMap(
      this.#read,
      (known) => known.delete(placeOf(address)) ? Effect.as(this.#write(known), true) : Effect.succeed(false)
    )
  }

  readonly #read: Effect.Effect<Map<string, string>, IdentityError> = Effect.try({
    try: () => {
      const known = new Map<string, string>()
      const text = fs.existsSync(this.#file) ? fs.readFileSync(this.#file, "utf8") : ""
      for (const line of text.split("\n")) {
        const [place, print] = line.split(" ")
        if (place !== undefined && print !== undefined) known.set(place, print)
      }
      return known
    },
    catch: (cause) => new IdentityError({ kind: "Unreadable", path: this.#file, detail: String(cause) })
  })

  /** A file of its own that then takes the place of the last: nobody reads half of it. */
  #write(known: ReadonlyMap<string, string>): Effect.Effect<void, IdentityError> {
    return Effect.try({
      try: () => {
        const draft = `${this.#file}.${crypto.randomBytes(8).toString("hex")}`
        const lines = Array.from(known, ([address, print]) => `${address} ${print}\n`)
        fs.writeFileSync(draft, lines.join(""), { mode: 0o600, flag: "wx" })
        fs.renameSync(draft, this.#file)
      },
      catch: (cause) => new IdentityError({ kind: "Unwritable", path: this.#file, detail: String(cause) })
    })
  }
}
