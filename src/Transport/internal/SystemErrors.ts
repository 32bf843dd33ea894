/** What the codes of the operating system mean for a dial and a listener. */
import type { DialError, ListenError } from "../Transport.ts"

export const dialErrorKinds: Readonly<Record<string, DialError["kind"]>> = {
  ECONNREFUSED: "Refused",
  ECONNRESET: "Refused",
  ETIMEDOUT: "TimedOut",
  EHOSTUNREACH: "Unreachable",
  ENETUNREACH: "Unreachable",
  EADDRNOTAVAIL: "Unreachable",
  ENOTFOUND: "UnknownHost",
  EAI_AGAIN: "UnknownHost"
}

export const listenErrorKinds: Readonly<Record<string, ListenError["kind"]>> = {
  EADDRINUSE: "InUse",
  EACCES: "Denied",
  EADDRNOTAVAIL: "NoSuchAddress",
  ENOTFOUND: "NoSuchAddress"
}

/** The code of an error, `""` when it has none. */
export const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
