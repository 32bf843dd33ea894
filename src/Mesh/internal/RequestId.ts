/**
 * The ids of searches and questions. Their form is the searcher's own, and everybody passes them on
 * unread: so a search can tell in it which addresses are of use to it.
 */
import type { MeshNode } from "./MeshNode.ts"

/** The longest id, in characters, that is said back to whoever asks; the originals' have 65 or 66. */
export const maxRequestIdLength = 256

/** Unlike the originals' ids, which repeat within a second, one for each search. */
export const newRequestId = (node: MeshNode): string => {
  const { random } = node.services
  return `${random.nextIntUnsafe().toString(36)}.${random.nextIntUnsafe().toString(36)}`
}

/** The id of a search by a node that dials other addresses than those without a scheme. */
export const newSearchId = (node: MeshNode): string => {
  const { schemes } = node.services.transport
  return schemes === undefined ? newRequestId(node) : `${schemes.join("+")}~${newRequestId(node)}`
}

/** The schemes that a searcher can dial; `[""]`, addresses without one, when it does not say. */
export const schemesIn = (requestId: string): ReadonlyArray<string> => {
  const end = requestId.indexOf("~")
  return end < 0 ? [""] : requestId.slice(0, end).split("+")
}
