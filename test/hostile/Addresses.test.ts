import { addresses } from "./rows/Addresses.ts"
import { suite } from "./suite.ts"

suite("hostile addresses", addresses)
