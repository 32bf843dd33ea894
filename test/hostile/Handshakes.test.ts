import { handshakes } from "./rows/Handshakes.ts"
import { suite } from "./suite.ts"

suite("hostile handshakes", handshakes)
