import { floods } from "./rows/Floods.ts"
import { suite } from "./suite.ts"

suite("hostile floods", floods)
