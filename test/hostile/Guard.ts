/** Notes whatever would have ended this process. */
export class Guard {
  readonly escaped: Array<string> = []
  readonly #note = (error: unknown) => void this.escaped.push(String(error))

  start(): void {
    process.on("uncaughtException", this.#note)
    process.on("unhandledRejection", this.#note)
  }

  stop(): void {
    process.off("uncaughtException", this.#note)
    process.off("unhandledRejection", this.#note)
  }
}
