/** `p2p mesh`: the flags of a node, and what its help says. The node itself is loaded when it runs. */
import * as Arr from "effect/Array"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { dialable, listenable, reachable } from "./AddressFlag.ts"
import * as Discovery from "./Discovery.ts"
import * as InviteFlag from "./InviteFlag.ts"
import * as SecurityFlags from "./SecurityFlags.ts"
import * as ServeFlags from "./ServeFlags.ts"
import * as WireFlag from "./WireFlag.ts"

/** Any free port of this machine, for this machine alone. */
const anywhere = new PeerAddress({ host: "127.0.0.1", port: 0 })

const flags = {
  listen: listenable("listen").pipe(
    Flag.withDescription(
      "Where to listen; port 0 is any free one, host 0.0.0.0 is all of this machine's addresses. Given several times, " +
        "the node relays between all: ws://HOST:PORT is a WebSocket, for browsers (default 127.0.0.1:0)"
    ),
    Flag.atLeast(0)
  ),
  announce: reachable("announce").pipe(
    Flag.withDescription(
      "Where others can dial this node, when that is not where it listens; once for TCP, once for WebSockets"
    ),
    Flag.atLeast(0)
  ),
  connect: dialable("connect").pipe(
    Flag.withDescription("A node to link to; may be given several times. One that cannot be reached is retried"),
    Flag.atLeast(0)
  ),
  invite: InviteFlag.invite,
  ...Discovery.flags,
  subnet: Flag.String("subnet").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The name of the network: nodes of others are refused (default \"mesh\")"),
    Flag.optional
  ),
  links: Flag.Int("links").pipe(
    Flag.withMetavar("N"),
    Flag.filter((count) => count >= 0 && count <= 1000, () => "a number from 0 to 1000"),
    Flag.withDescription("Links to dial of its own accord, besides those asked for (default 4)"),
    Flag.optional
  ),
  ...ServeFlags.flags,
  ...SecurityFlags.flags,
  sign: Flag.Boolean("sign").pipe(
    Flag.withDescription(
      "Sign what this node says, so that others can tell it is from the node of that id, over any way"
    ),
    Flag.withDefault(false)
  ),
  requireProof: Flag.Literals("require-proof", ["never", "known", "always"]).pipe(
    Flag.withMetavar("WHEN"),
    Flag.withDescription(
      "Show only messages of proven senders: always, or for those who have proven themselves before: known (default never)"
    ),
    Flag.withDefault("never")
  ),
  protocol: WireFlag.given,
  stay: Flag.Boolean("stay").pipe(
    Flag.withDescription("Go on when standard input ends, until SIGINT, SIGTERM or SIGHUP"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Tell what happens as JSON, one object a line, for programs"),
    Flag.withDefault(false)
  )
}

const description = `Runs a node of a mesh: what one node says, all hear.

  Each line of standard input is broadcast. Lines that begin with a slash are commands:
    /whisper ID TEXT, /reply MESSAGE-ID TEXT, /peers, /connect HOST:PORT, /disconnect ID,
    /topic NAME JSON, /topic NAME (shows the values that others publish), /bans, /ban HOST|ID, /unban HOST|ID, /invite,
    /help, /quit
  An ID may be shortened to its first letters.

  The node ends in order, with status 0, on /quit, on SIGINT, SIGTERM and SIGHUP, and when standard input
  ends, after everything was sent; with --stay, or when standard input is /dev/null, it goes on
  without input. The status is 1 when input that was not typed at a terminal has lines that could not be
  done, or ends when none of the nodes to connect to was reached, so that nobody got what was sent: by
  address, from a file (--peers) or on the LAN (--lan), which are looked for up to three seconds first.

  With --tls or --sign, "proof":"proven" in a message says that its sender is who it claims to be;
  without it the sender is a claim.

  With --json, each line is {"event":…}: listening, dashboard, metrics, peer-joined, peer-left, message, sent, error,
  peers, topic, subscribed, rejected, refused, dial-failed, slow, recovered,
  banned, unbanned, bans, throttled, invite, help.`

/**
 * `p2p mesh`.
 *
 * @category commands
 * @since 0.1.0
 */
export const mesh = Command.make(
  "mesh",
  flags,
  Effect.fnUntraced(
    function*({ announce, connect, dashboard, invite, json, lan, links, listen, metrics, peers, ...others }) {
      const { protocol, requireProof, sign, stay, subnet, ...rest } = others
      const invited = yield* InviteFlag.read("mesh", invite, { subnet, tls: rest.tls, protocol })
      const security = InviteFlag.withPins(
        yield* SecurityFlags.toSecurity({ ...rest, tls: invited.tls }, sign),
        invited.pins
      )
      const { run } = yield* Effect.promise(() => import("./MeshSession.ts"))
      yield* run({
        listen: Arr.isReadonlyArrayNonEmpty(listen) ? listen : [anywhere],
        announce,
        connect: [...connect, ...invited.addresses],
        ...Discovery.toOptions({ lan, peers }),
        subnet: invited.subnet,
        links: Option.getOrUndefined(links),
        protocol: invited.protocol,
        security,
        sign,
        requireProof,
        dashboard: Option.getOrUndefined(dashboard),
        metrics: Option.getOrUndefined(metrics),
        stay,
        json
      })
    }
  )
).pipe(
  Command.withShortDescription("Run a node of a mesh, and talk to the others"),
  Command.withDescription(description),
  Command.withExamples([
    { command: "p2p mesh --listen 127.0.0.1:4444", description: "A node that others on this machine can connect to" },
    { command: "p2p mesh --connect 127.0.0.1:4444", description: "Another one, linked to it" },
    { command: "p2p mesh --tls --identity ./me", description: "A node whose id others can be sure of" },
    {
      command: "p2p mesh --listen 127.0.0.1:4444 --listen ws://127.0.0.1:8080",
      description: "A node that browsers can connect to as well"
    },
    { command: "p2p mesh --dashboard 8080", description: "Watch the node in a browser, at http://127.0.0.1:8080/" },
    { command: "echo hello | p2p mesh --connect 127.0.0.1:4444", description: "Say one thing and leave" }
  ])
)
