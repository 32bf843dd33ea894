import { frames } from "./rows/Frames.ts"
import { suite } from "./suite.ts"

suite("hostile frames", frames)
