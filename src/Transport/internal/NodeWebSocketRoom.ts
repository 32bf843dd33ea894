/** Room for WebSockets: who opens connections to a listener and says nothing keeps out no others. */
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

/** Beyond so many connections, of those that did not come to the point yet one of the host with most of them is cut. */
export const keepRoom = (server: Http.Server, limit: number, audience: Audience): Http.Server => {
  const openings = new Openings()
  const byEnd = new Map<string, Opening>()
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
    byEnd.set(key, opening)
    socket.once("close", () => {
      openCount--
      openings.delete(opening)
      byEnd.delete(key)
    })
  }
  server.on("connection", admit)
  // Over TLS it is another socket, with the same ends.
  server.on("upgrade", ({ socket }) => {
    const opening = byEnd.get(endOf(socket))
    if (opening !== undefined) openings.delete(opening)
  })
  return server
}

const endOf = (socket: Net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
