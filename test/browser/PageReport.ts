/** What a page found out by itself. */
export interface PageReport {
  readonly agent: string
  /** Recordings that were read, of each kind. */
  readonly messages: number
  readonly compressed: number
  readonly methods: ReadonlyArray<string>
  /** What was read otherwise than the original nodes do. */
  readonly faults: ReadonlyArray<string>
}
