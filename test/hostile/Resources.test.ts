import { resources } from "./rows/Resources.ts"
import { suite } from "./suite.ts"

suite("hostile resources", resources)
