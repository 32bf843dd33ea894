/** A CPU profile of this process from some point on: what a process needs to start would hide the rest. */
import { writeFileSync } from "node:fs"
import { Session } from "node:inspector/promises"

const session = new Session()

/** Begins, when there is a file to write to at the end. */
export const startProfile = async (file: string | undefined): Promise<void> => {
  if (file === undefined) return
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.start")
}

export const endProfile = async (file: string | undefined): Promise<void> => {
  if (file === undefined) return
  const { profile } = await session.post("Profiler.stop")
  writeFileSync(file, JSON.stringify(profile))
}
