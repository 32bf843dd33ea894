/**
 * The identity of a node: an Ed25519 key. Its node id follows from it, TLS in pinned mode proves it,
 * and messages are signed with it. It lives in a directory that only its owner can read.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as util from "node:util"

/**
 * An identity could not be used. `kind` says why:
 *
 * - `Exposed`: others can read or change what must be private.
 * - `Unreadable`, `Unwritable`: the file system refused; `detail` says how.
 * - `Invalid`: the file holds something else than what it should.
 * - `Mismatch`: the certificate is not that of the key.
 * - `Missing`: a setting that the mode needs was not given.
 * - `LibraryMissing`: the package that writes certificates, or reflect-metadata, is not installed.
 * - `LibraryBroken`: they are, and cannot be loaded; `detail` says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class IdentityError extends Schema.TaggedError<IdentityError>()("IdentityError", {
  kind: Schema.Literals([
    "Exposed",
    "Unreadable",
    "Unwritable",
    "Invalid",
    "Mismatch",
    "Missing",
    "LibraryMissing",
    "LibraryBroken"
  ]),
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    const said = {
      Exposed: `others can read ${this.path}: ${this.detail}`,
      Unreadable: `could not read ${this.path}: ${this.detail}`,
      Unwritable: `could not write ${this.path}: ${this.detail}`,
      Invalid: `${this.path} is not what it should be: ${this.detail}`,
      Mismatch: `the certificate and the key in ${this.path} do not belong together: ${this.detail}`,
      Missing: `${this.path} is missing: ${this.detail}`,
      LibraryMissing: "TLS needs two packages more: npm install @peculiar/x509 reflect-metadata",
      LibraryBroken: `could not load ${this.path}, which TLS needs: ${this.detail}`
    }
    return said[this.kind]
  }
}

/**
 * A key pair, and where it came from.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeIdentity {
  /** Ed25519, as DER (SubjectPublicKeyInfo). */
  readonly publicKey: Uint8Array
  readonly privateKey: crypto.KeyObject
  /** The directory it is kept in; undefined when it is gone with the process. */
  readonly directory: string | undefined
}

/**
 * The name of the file of the private key, PKCS #8 in PEM.
 *
 * @category models
 * @since 0.1.0
 */
export const keyFile = "identity.key"

/**
 * A new identity that is kept nowhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const generate: Effect.Effect<NodeIdentity> = Effect.sync(() =>
  fromKey(crypto.generateKeyPairSync("ed25519").privateKey, undefined)
)

/**
 * The identity in a directory, which is made (mode 0700, its key 0600) when there is none yet;
 * `isNew` tells. Fails with `Exposed` when others can read the key or enter the directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  directory: string
): Effect.fn.Return<{ readonly identity: NodeIdentity; readonly isNew: boolean }, IdentityError> {
  const file = path.join(directory, keyFile)
  const isNew = !(yield* onDisk("Unreadable", file, () => fs.existsSync(file)))
  if (isNew) yield* onDisk("Unwritable", directory, () => write(directory, file))
  yield* checkPrivate(directory, "700")
  const privateKey = yield* readPrivateKey(file)
  if (privateKey.asymmetricKeyType !== "ed25519") {
    const detail = `an Ed25519 key is needed, this is ${privateKey.asymmetricKeyType}`
    return yield* new IdentityError({ kind: "Invalid", path: file, detail })
  }
  return { identity: fromKey(privateKey, directory), isNew }
})

/**
 * A private key from a PEM file that nobody else can read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readPrivateKey = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<crypto.KeyObject, IdentityError> {
  yield* checkPrivate(file, "600")
  return yield* parsePrivateKey(yield* readText(file), file)
})

/**
 * A private key from PEM; `name` is what errors call it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parsePrivateKey = (text: string, name: string): Effect.Effect<crypto.KeyObject, IdentityError> =>
  Effect.try({
    try: () => crypto.createPrivateKey(text),
    catch: () =>
      new IdentityError({
        kind: "Invalid",
        path: name,
        detail: isEncrypted(text) ? encrypted : "no private key in PEM"
      })
  })

/** Nobody is there to be asked for a passphrase when a node starts. */
const encrypted = "it has a passphrase; write it without one, with \"openssl pkey -in FILE -out NEW\", and mode 0600"

const isEncrypted = (text: string): boolean => text.includes("ENCRYPTED")

/**
 * The text of a file.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readText = (file: string): Effect.Effect<string, IdentityError> =>
  onDisk("Unreadable", file, () => fs.readFileSync(file, "utf8"))

/**
 * A public key in short, for people to compare: `SHA256:` and its digest in base 64, as ssh shows keys.
 *
 * @category encoding
 * @since 0.1.0
 */
export const fingerprint = (publicKey: Uint8Array): string =>
  `SHA256:${crypto.createHash("sha256").update(publicKey).digest("base64").replace(/=+$/, "")}`

/**
 * A public key as DER.
 *
 * @category encoding
 * @since 0.1.0
 */
export const toDer = (key: crypto.KeyObject): Uint8Array =>
  new Uint8Array((key.type === "private" ? crypto.createPublicKey(key) : key).export({ type: "spki", format: "der" }))

const fromKey = (privateKey: crypto.KeyObject, directory: string | undefined): NodeIdentity => ({
  publicKey: toDer(privateKey),
  privateKey,
  directory
})

/** Whole or not at all, and never in the place of another one: of two programs that do this at once one wins. */
const write = (directory: string, file: string): void => {
  makeDirectory(directory)
  const pem = crypto.generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })
  const draft = `${file}.${crypto.randomBytes(8).toString("hex")}`
  try {
    fs.writeFileSync(draft, pem, { mode: 0o600, flag: "wx", flush: true })
    fs.linkSync(draft, file)
  } catch (error) {
    if (!fs.existsSync(file)) throw error
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

/** One after the other: where a directory is refused as missing, as below /proc, Node's own way tries without end. */
const makeDirectory = (directory: string): void => {
  const missing: Array<string> = []
  for (let above = directory; !fs.existsSync(above) && path.dirname(above) !== above; above = path.dirname(above)) {
    missing.push(above)
  }
  for (const each of missing.reverse()) {
    try {
      fs.mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      // Another program may have been quicker.
      if (!fs.existsSync(each)) throw error
    }
  }
}

/** Windows has no such modes. */
const checkPrivate = Effect.fnUntraced(function*(target: string, mode: "600" | "700") {
  const stat = yield* onDisk("Unreadable", target, () => fs.statSync(target))
  if (process.platform === "win32" || (stat.mode & 0o077) === 0) return
  const detail = `its mode is ${(stat.mode & 0o777).toString(8).padStart(4, "0")}; make it private with ` +
    `"chmod ${mode} ${target}", and a new identity if somebody may have read it`
  return yield* new IdentityError({ kind: "Exposed", path: target, detail })
})

const onDisk = <A>(kind: "Unreadable" | "Unwritable", target: string, run: () => A): Effect.Effect<A, IdentityError> =>
  Effect.try({
    try: run,
    catch: (cause) =>
      new IdentityError({
        kind,
        path: target,
        detail: kind === "Unwritable" && isMissing(cause) ? "no directory can be made there" : inPlainWords(cause)
      })
  })

/** What is to be written makes the directories above it first. */
const isMissing = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "ENOENT"

const inPlainWords = (cause: unknown): string =>
  cause instanceof Error && "errno" in cause && typeof cause.errno === "number"
    ? util.getSystemErrorMessage(cause.errno)
    : String(cause)
