/** `effect-p2p/dashboard`: a page that shows a node as it runs. */
export * as Dashboard from "./Dashboard.ts"
