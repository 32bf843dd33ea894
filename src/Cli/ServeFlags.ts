/** `--dashboard` and `--metrics`: where a node is shown to people, and to programs that watch it. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { fromParts, parse, type PeerAddress } from "../Protocol/PeerAddress.ts"

/** `PORT` alone is one of this machine, for this machine alone. */
const toPlace = (text: string): Option.Option<PeerAddress> =>
  Option.filter(
    Option.fromUndefinedOr(/^\d{1,5}$/.test(text) ? fromParts("127.0.0.1", Number(text)) : parse(text)),
    ({ scheme }) => scheme === ""
  )

/** A place to serve pages. */
const place = (name: string): Flag.Flag<Option.Option<PeerAddress>> =>
  Flag.String(name).pipe(
    Flag.withMetavar("[HOST:]PORT"),
    Flag.filterMap(toPlace, () => "a port such as 8080, or HOST:PORT such as 0.0.0.0:8080; port 0 is any free one"),
    Flag.optional
  )

export const flags = {
  dashboard: place("dashboard").pipe(
    Flag.withDescription(
      "Serve a page that shows this node as it runs: on 127.0.0.1 unless a HOST is given, and whoever reaches it " +
        "sees everything. It only reads"
    )
  ),
  metrics: place("metrics").pipe(
    Flag.withDescription(
      "Serve what this node counts as text for Prometheus, at /metrics; the same place as --dashboard will do. " +
        "OTEL_EXPORTER_OTLP_ENDPOINT in the environment sends it by OTLP"
    )
  )
}
