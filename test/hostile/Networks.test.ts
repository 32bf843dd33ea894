import { networks } from "./rows/Networks.ts"
import { suite } from "./suite.ts"

suite("hostile networks", networks)
