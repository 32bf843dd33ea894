/** What the page is told: the contract between it and the node that serves it. */

/** What happened; `event` and further fields as in `--json`, texts cut to a bounded length. */
export interface PageEvent {
  /** Grows by one with each event. */
  readonly seq: number
  readonly atMillis: number
  readonly event: string
  readonly [field: string]: unknown
}

export interface PeerState {
  readonly id: string
  readonly address: string | null
  readonly direction: "inbound" | "outbound"
  readonly isExtended: boolean
  readonly queuedBytes: number
  readonly isSlow: boolean
}

export interface MeshState {
  readonly kind: "mesh"
  readonly id: string
  readonly addresses: ReadonlyArray<string>
  readonly peers: ReadonlyArray<PeerState>
  /** Whom each peer says it is linked with. */
  readonly survey: ReadonlyArray<{ readonly id: string; readonly peers: ReadonlyArray<string> }>
  readonly stats: Readonly<Record<string, number>>
}

export interface MemberState {
  readonly id: string
  readonly address: string
  /** In hexadecimal, of as many digits as the ring has. */
  readonly position: string
}

export interface PlaceState {
  readonly position: string
  readonly syncing: boolean
  readonly predecessor: MemberState | null
  readonly successors: ReadonlyArray<MemberState>
  readonly fingers: ReadonlyArray<MemberState & { readonly index: number }>
}

export interface KeyState {
  readonly key: string
  readonly positions: ReadonlyArray<string>
  readonly bytes: number
  readonly isDeleted: boolean
}

export interface ChordState {
  readonly kind: "chord"
  readonly id: string
  readonly addresses: ReadonlyArray<string>
  readonly bits: number
  readonly size: number
  readonly whole: boolean
  readonly members: ReadonlyArray<PlaceState>
  /** Some of the records held; `stats.records` counts them all. */
  readonly keys: ReadonlyArray<KeyState>
  readonly stats: Readonly<Record<string, number>>
}

export interface PageState {
  readonly nowMillis: number
  readonly node: MeshState | ChordState
  /** Those after the one that was asked for, oldest first, as far as they are kept. */
  readonly events: ReadonlyArray<PageEvent>
  /** The number of the last event. */
  readonly seq: number
}
