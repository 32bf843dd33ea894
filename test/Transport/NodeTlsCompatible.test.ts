import { describe } from "@effect/vitest"

import * as NodeTls from "../../src/Transport/NodeTls.ts"

import { tlsSuite } from "../utils/tlsSuite.ts"

describe("NodeTls in compatible mode", () => tlsSuite(NodeTls.layer({ mode: "compatible" })))
