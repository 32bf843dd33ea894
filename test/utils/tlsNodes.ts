/** Nodes over TLS for tests: in authority mode each gets a certificate of one authority. */
import { Effect, Layer } from "effect"
import * as NodeTls from "../../src/Transport/NodeTls.ts"
import { makeAuthority } from "./certificates.ts"

/** One for the whole process. */
const authority = Effect.runSync(Effect.cached(makeAuthority("the authority of a test")))

/** What a new member shows; a new certificate for each call. */
export const newMember = Effect.flatMap(authority, ({ admit }) => admit())

/** A layer with what the mode needs. */
export const tlsOf = <A, E>(
  mode: NodeTls.TlsMode,
  make: (tls: Omit<NodeTls.NodeTlsOptions, "identity">) => Layer.Layer<A, E>
) => mode === "authority" ? Layer.unwrap(Effect.map(Effect.orDie(newMember), make)) : make({ mode })

/** A transport that reaches nodes of that mode. */
export const transportOf = (mode: NodeTls.TlsMode) => Layer.orDie(tlsOf(mode, NodeTls.layer))
