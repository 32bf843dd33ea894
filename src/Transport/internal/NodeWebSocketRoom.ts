/** Room for WebSockets: who opens connections to a listener and says nothing keeps out no others. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type * as Net from "node:net"
import { type Opening, Openings } from "../Admission/Openings.ts"
import { sourceOf } from "../Source.ts"

/** Accepted beyond the limit until it is decided whose connection ends; the server drops what comes beyond those. */
export const spareConnections = 64

/** Where somebody came from for whom there was no room. */
export type Tell = (dropped: { readonly remoteAddress?: string; readonly remotePort?: number } | undefined) => void

/** Who hears of it: whoever serves, while somebody does. */
export interface Audience {
  tell: Tell | undefined
}

/** One that is counted. */
interface Counted {
  readonly opening: Opening
  readonly socket: Net.Socket
}

/**
 * Beyond so many connections, of those that did not come to the point yet one of the host with most of them is cut; so are
 * those that are being closed, as they are told to what this gives: whoever was turned away need not go at once.
 */
export const keepRoom = (server: Http.Server, limit: number, audience: Audience) => {
  const openings = new Openings()
  const byEnd = new Map<string, Counted>()
  let openCount = 0
  const admit = (socket: Net.Socket): void => {
    const { remoteAddress = "", remotePort = 0 } = socket
    const key = endOf(socket)
    const source = sourceOf({ hostname: remoteAddress })
    const end = () => {
      socket.destroy()
      audience.tell?.({ remoteAddress, remotePort })
    }
    if (openCount >= limit && !openings.makeRoom(source)) return end()
    const opening: Opening = { source, end }
    openCount++
    openings.add(opening)
    byEnd.set(key, { opening, socket })
    socket.once("close", () => {
      openCount--
      openings.delete(opening)
      byEnd.delete(key)
    })
  }
  server.on("connection", admit)
  // Over TLS it is another socket, with the same ends.
  server.on("upgrade", ({ socket }) => {
    const counted = byEnd.get(endOf(socket))
    if (counted !== undefined) openings.delete(counted.opening)
  })
  return (closing: Net.Socket): Effect.Effect<void> =>
    Effect.sync(() => {
      const counted = byEnd.get(endOf(closing))
      if (counted === undefined) return
      counted.opening.end = () => void counted.socket.destroy()
      openings.add(counted.opening)
    })
}

const endOf = (socket: Net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
