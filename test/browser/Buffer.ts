/** As much of Node's `Buffer` as the tests use that run in browsers too. What is tested uses none of it. */
class Bytes extends Uint8Array {
  override toString(encoding?: string): string {
    return encoding === "hex"
      ? Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("")
      : new TextDecoder().decode(this)
  }
}

const fromText = (text: string, encoding: unknown): Uint8Array =>
  encoding === "hex"
    ? Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    : new TextEncoder().encode(text)

const statics = {
  from: (source: string | Iterable<number>, encoding?: unknown) =>
    new Bytes(typeof source === "string" ? fromText(source, encoding) : Uint8Array.from(source)),
  concat: (parts: ReadonlyArray<Uint8Array>) => new Bytes(parts.flatMap((part) => Array.from(part))),
  compare: (a: Uint8Array, b: Uint8Array) => {
    const index = a.findIndex((byte, at) => byte !== b[at])
    return index === -1 ? a.length - b.length : a[index]! - (b[index] ?? -1)
  },
  isBuffer: (bytes: unknown) => bytes instanceof Bytes
}

Object.defineProperty(globalThis, "Buffer", { value: Object.assign(Bytes, statics), configurable: true })
