import { describe } from "@effect/vitest"

import * as NodeTls from "../../src/Transport/NodeTls.ts"

import { tlsSuite } from "../utils/tlsSuite.ts"

describe("NodeTls in pinned mode", () => tlsSuite(NodeTls.layer({ mode: "pinned" })))
