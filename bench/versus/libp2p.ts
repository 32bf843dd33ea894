/** Nodes of js-libp2p as its README makes them: TCP on loopback, yamux. Its types are there only where it is installed. */
import { setTimeout } from "node:timers/promises"

/** What is used of a node. */
export interface Libp2p<Services> {
  readonly getMultiaddrs: () => ReadonlyArray<unknown>
  readonly dial: (address: unknown) => Promise<unknown>
  readonly stop: () => Promise<void>
  readonly contentRouting: { readonly put: (key: Uint8Array, value: Uint8Array) => Promise<unknown> }
  readonly services: Services
}

/** A part of a node, with its options. */
export type Part = (options?: object) => unknown

export const load = async <A>(name: string): Promise<A> => await import(name) as A

const patienceMillis = 30_000

/** Waits until it is so, for half a minute at most. */
export const until = async (isSo: () => boolean, what: string): Promise<void> => {
  const begun = performance.now()
  while (!isSo()) {
    if (performance.now() - begun > patienceMillis) throw new Error(`js-libp2p has not ${what} after half a minute`)
    await setTimeout(20)
  }
}

/** A node that listens on a free port. */
export const startLibp2p = async <Services>(
  encryption: "plaintext" | "noise",
  services: Readonly<Record<keyof Services, unknown>>
): Promise<Libp2p<Services>> => {
  const [{ createLibp2p }, { tcp }, { yamux }, { identify }, { [encryption]: encrypter }] = await Promise.all([
    load<{ createLibp2p: (options: object) => Promise<Libp2p<Services>> }>("libp2p"),
    load<{ tcp: Part }>("@libp2p/tcp"),
    load<{ yamux: Part }>("@libp2p/yamux"),
    load<{ identify: Part }>("@libp2p/identify"),
    load<Record<string, Part>>(`@libp2p/${encryption}`)
  ])
  return createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    // By default a host may dial five times a second, and all of these are on one.
    connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY, maxIncomingPendingConnections: 100 },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionEncrypters: [encrypter!()],
    services: { identify: identify(), ...services }
  })
}
