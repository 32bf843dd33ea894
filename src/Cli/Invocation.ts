/** The command with which another terminal takes part: how this program was called, and with what. */
import * as path from "node:path"
import { parse } from "../Protocol/PeerAddress.ts"

/** How this program was called, as far as can be told. */
export const invocation = (): string => {
  const script = process.argv[1] ?? ""
  if (!/[/\\]p2p(?:\.cmd)?$/.test(script)) return `${runner()} ${path.relative("", script)}`
  return process.env["npm_command"] === "exec" ? "npx p2p" : "p2p"
}

/** A clone brings a Node of its own: that of the machine may be too old to read the sources. */
const runner = (): string => {
  const project = /^(.*)[/\\]node_modules[/\\]/.exec(process.execPath)?.[1]
  if (project === undefined) return "node"
  return path.relative(project, "").startsWith("..") ? process.execPath : "npx node"
}

/** ` --name value`, quoted for a shell where it must be; nothing for a flag that was not given. */
export const flagText = (name: string, value: string | number | undefined): string => {
  if (value === undefined) return ""
  const text = String(value)
  return ` --${name} ${/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`}`
}

/** Where another program on this machine reaches a node that listens on all addresses. */
export const localAddress = (address: string): string => {
  const parsed = parse(address)
  const scheme = parsed === undefined || parsed.scheme === "" ? "" : `${parsed.scheme}://`
  if (parsed?.hostname === "0.0.0.0") return `${scheme}127.0.0.1:${parsed.port}`
  return parsed?.hostname === "::" ? `${scheme}[::1]:${parsed.port}` : address
}
