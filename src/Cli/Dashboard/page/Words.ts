/** Numbers, ids and events in words. */
import type { PageEvent } from "./State.ts"

/** The letters of an id that tell it from others. */
export const short = (id: string): string => id.slice(0, 6)

/** `1,234`, `12.3 k`, `4.5 M`. */
export const count = (value: number): string => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`
  return value < 10 && value % 1 !== 0 ? value.toFixed(1) : Math.round(value).toLocaleString("en")
}

export const bytes = (value: number): string => {
  if (value >= 1 << 20) return `${(value / (1 << 20)).toFixed(1)} MiB`
  return value >= 1024 ? `${(value / 1024).toFixed(1)} KiB` : `${value} B`
}

export const timeOfDay = (millis: number): string => new Date(millis).toTimeString().slice(0, 8)

export const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

/** How an event is shown: its sign, its color, and a sentence. */
export interface Line {
  readonly icon: string
  readonly color: string
  readonly text: string
}

const text = (value: unknown): string => typeof value === "string" ? value : value === undefined ? "" : String(value)
const id = (value: unknown): string => short(text(value))
const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined
const size = (value: unknown): number => Array.isArray(value) ? value.length : 0

/** Who is banned: a host is shown whole, an id by its first letters. */
const target = (value: unknown): string => /[.:]/.test(text(value)) ? text(value) : id(value)

/** Of a ban, in seconds: null for as long as the node runs. */
const howLong = (value: unknown): string => {
  if (typeof value !== "number") return "until this node stops"
  if (value < 60) return `for ${value} s`
  return value < 3600 ? `for ${Math.round(value / 60)} min` : `for ${count(value / 3600)} h`
}

type Teller = (event: PageEvent) => Line

const tellers: Readonly<Record<string, Teller>> = {
  "peer-joined": (e) => ({
    icon: "+",
    color: "good",
    text: `${id(e["id"])} joined${e["address"] === null ? "" : ` (${text(e["address"])})`}`
  }),
  "peer-left": (e) => ({ icon: "−", color: "bad", text: `${id(e["id"])} left: ${text(e["detail"])}` }),
  rejected: (e) => ({ icon: "✕", color: "bad", text: `no link with ${text(e["address"])}: ${text(e["detail"])}` }),
  refused: (e) => ({
    icon: "✕",
    color: "bad",
    text: `a message was refused (${text(e["reason"])}): from ${id(e["sender"])}, by ${id(e["from"])}`
  }),
  "dial-failed": (e) => ({ icon: "!", color: "warn", text: text(e["detail"]) }),
  slow: (e) => ({ icon: "!", color: "warn", text: `${id(e["id"])} takes messages slowly` }),
  throttled: (e) => ({ icon: "!", color: "warn", text: `${id(e["id"])} sends too many ${text(e["what"])}` }),
  banned: (e) => ({
    icon: "✕",
    color: "bad",
    text: `${target(e["target"])} is banned ${howLong(e["seconds"])}: ${text(e["why"])}`
  }),
  unbanned: (e) => ({ icon: "·", color: "far", text: `${target(e["target"])} is not banned any more` }),
  recovered: (e) => ({ icon: "✓", color: "good", text: `${id(e["id"])} caught up, ${text(e["dropped"])} lost to it` }),
  message: (e) => ({
    icon: e["kind"] === "whisper" ? "→" : "»",
    color: "peer",
    text: `${id(e["sender"])}: ${Array.isArray(e["packets"]) ? e["packets"].join(" ") : ""}`
  }),
  error: (e) => ({ icon: "!", color: "bad", text: text(e["message"]) }),
  joined: () => ({ icon: "+", color: "good", text: "joined the ring" }),
  "neighbor-came": (e) => ({ icon: "+", color: "good", text: `${id(e["id"])} is a neighbor (${text(e["address"])})` }),
  "neighbor-went": (e) => ({ icon: "−", color: "bad", text: `${id(e["id"])} is no neighbor any more` }),
  "other-ring": (e) => ({ icon: "+", color: "warn", text: `${id(e["id"])} is of another part of the ring` }),
  alone: () => ({ icon: "!", color: "warn", text: "nobody else of the ring is known" }),
  repaired: (e) => ({
    icon: "⟳",
    color: "key",
    text: `copies made up: ${text(e["sent"])} sent, ${text(e["received"])} received`
  }),
  "handed-over": (e) => ({ icon: "⇢", color: "key", text: `${text(e["count"])} records handed over` }),
  "looked-up": (e) => ({
    icon: "⌕",
    color: "warn",
    text: `${text(e["position"]).slice(0, 8)}… is with ${id(field(e["owner"], "id"))}, ${hops(size(e["path"]))}`
  })
}

const hops = (number: number): string => `${number} ${number === 1 ? "hop" : "hops"}`

/** An event of a kind that this page does not know is told by its name. */
export const tell = (event: PageEvent): Line =>
  tellers[event.event]?.(event) ?? { icon: "·", color: "far", text: event.event }

/** How far round a ring of 2^bits positions one in hexadecimal lies, from 0 to 1; 0 where it is none. */
export const placeOf = (bits: number, position: string): number => {
  if (!/^[\da-f]{1,128}$/.test(position) || bits < 1 || bits > 512) return 0
  return bits <= 40
    ? Number.parseInt(position, 16) / 2 ** bits
    : Number((BigInt(`0x${position}`) << 40n) >> BigInt(bits)) / 2 ** 40
}
