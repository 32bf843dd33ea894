/** `p2p chord`: the flags of a node, and what its help says. The node itself is loaded when it runs. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { PeerAddress } from "../Protocol/PeerAddress.ts"
import { dialable, listenable, reachable } from "./AddressFlag.ts"
import * as Discovery from "./Discovery.ts"
import * as InviteFlag from "./InviteFlag.ts"
import { count, duration } from "./NumberFlags.ts"
import * as SecurityFlags from "./SecurityFlags.ts"
import * as ServeFlags from "./ServeFlags.ts"
import * as WireFlag from "./WireFlag.ts"

/** The longest period of stabilization that makes sense. */
const maxStabilizeMillis = 3_600_000

/** Any free port of this machine, over what the node that is to be joined speaks. */
const anywhere = (join: PeerAddress | undefined): PeerAddress =>
  new PeerAddress({ host: join === undefined || join.scheme === "" ? "127.0.0.1" : "ws://127.0.0.1", port: 0 })

const flags = {
  listen: listenable("listen").pipe(
    Flag.withDescription(
      "Where to listen; port 0 is any free one, host 0.0.0.0 is all of this machine's addresses. With ws://HOST:PORT " +
        "the node speaks WebSockets, and so do all nodes of its ring (default 127.0.0.1:0, by WebSocket if --join is)"
    ),
    Flag.optional
  ),
  announce: reachable("announce").pipe(
    Flag.withDescription(
      "Where others can dial this node (default where it listens, for 0.0.0.0 this machine's first address)"
    ),
    Flag.optional
  ),
  dialNames: Flag.Boolean("dial-names").pipe(
    Flag.withDescription(
      "Call members at host names, too, that other nodes tell of: where nodes announce names, the same on all nodes of a ring"
    ),
    Flag.withDefault(false)
  ),
  join: dialable("join").pipe(
    Flag.withDescription("A node of the ring to join; may be given several times. They are tried until one answers"),
    Flag.atLeast(0)
  ),
  invite: InviteFlag.invite,
  ...Discovery.flags,
  subnet: Flag.String("subnet").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The name of the network: nodes of others are refused (default \"chord\")"),
    Flag.optional
  ),
  bits: count("bits", 512).pipe(
    Flag.withDescription("The ring has 2^N places; the same on all nodes (default 160)"),
    Flag.optional
  ),
  data: Flag.String("data").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Keep this node's share in a directory of its own, so that a restart loses nothing"),
    Flag.filter((directory) => directory !== "", () => "the name of a directory"),
    Flag.optional
  ),
  virtualNodes: count("virtual-nodes", 64).pipe(
    Flag.withDescription("Places this node takes in the ring: a larger share of the load (default 1)"),
    Flag.optional
  ),
  stabilize: duration("stabilize", maxStabilizeMillis, 10, "a time from 10ms on").pipe(
    Flag.withDescription("How often neighbors are asked; repair is slower and faster with it (default 10s)"),
    Flag.optional
  ),
  originals: Flag.Boolean("originals").pipe(
    Flag.withDescription(
      "Let chord nodes of the original Python program take part as guests, with --bits as theirs (6); the same on all nodes"
    ),
    Flag.withDefault(false)
  ),
  protocol: WireFlag.given,
  ...ServeFlags.flags,
  ...SecurityFlags.flags,
  stay: Flag.Boolean("stay").pipe(
    Flag.withDescription("Go on when standard input ends, until SIGINT, SIGTERM or SIGHUP"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Tell what happens as JSON, one object a line, for programs"),
    Flag.withDefault(false)
  )
}

const description = `Runs a node of a dictionary that many nodes keep together.

  Each line of standard input is a command:
    set KEY VALUE, get KEY, delete KEY, has KEY, lookup KEY, ring, stats, join HOST:PORT, bans,
    ban HOST|ID, unban HOST|ID, invite, help, quit
  A KEY has no blanks; a VALUE is the rest of the line.

  Without --join it is a ring of one, for others to join. With it, nothing is read or written before
  the ring is joined. With --peers or --lan a ring is looked for as well: for three seconds before the
  first command, and then in the background.

  The node ends in order, with status 0, on quit, on SIGINT, SIGTERM and SIGHUP, and when standard input ends:
  it hands over what it holds. With --stay, or when standard input is /dev/null, it goes on without
  input. A node that is killed loses nothing either, as long as others have copies. The status is 1
  when input that was not typed at a terminal has lines that could not be done, or ends when the ring
  was not joined.

  With --json, each line is {"event":…}: listening, dashboard, metrics, joined, get, set, deleted, has, lookup, ring,
  stats, neighbor-came, neighbor-went, alone, other-ring, repaired, handed-over, rejected,
  banned, unbanned, bans, throttled, invite, error, help.`

/**
 * `p2p chord`.
 *
 * @category commands
 * @since 0.1.0
 */
export const chord = Command.make(
  "chord",
  flags,
  Effect.fnUntraced(
    function*({ announce, bits, dashboard, data, invite, join: asked, json, lan, listen, metrics, peers, ...others }) {
      const { dialNames, originals, protocol, stabilize, stay, subnet, virtualNodes, ...rest } = others
      const invited = yield* InviteFlag.read("chord", invite, {
        subnet,
        tls: rest.tls,
        protocol,
        bits,
        originals,
        dialNames
      })
      const join = [...asked, ...invited.addresses]
      const security = InviteFlag.withPins(
        yield* SecurityFlags.toSecurity({ ...rest, tls: invited.tls }),
        invited.pins
      )
      const listensOn = Option.getOrElse(listen, () => anywhere(join[0]))
      if (security.tls !== undefined && listensOn.scheme !== "") {
        const detail = "--tls is for nodes over TCP: WebSockets are encrypted by a proxy for wss:// before the node"
        return yield* new SecurityFlags.WrongUsage({ detail })
      }
      const { run } = yield* Effect.promise(() => import("./ChordSession.ts"))
      yield* run({
        listen: listensOn,
        announce: Option.getOrUndefined(announce),
        join,
        ...Discovery.toOptions({ lan, peers }),
        subnet: invited.subnet,
        bits: invited.bits,
        virtualNodes: Option.getOrUndefined(virtualNodes),
        data: Option.getOrUndefined(data),
        stabilizeMillis: Option.getOrUndefined(stabilize),
        dialNames: invited.dialNames,
        originals: invited.originals,
        protocol: invited.protocol,
        security,
        dashboard: Option.getOrUndefined(dashboard),
        metrics: Option.getOrUndefined(metrics),
        stay,
        json
      })
    }
  )
).pipe(
  Command.withShortDescription("Run a node of a dictionary, and read and write it"),
  Command.withDescription(description),
  Command.withExamples([
    { command: "p2p chord --listen 127.0.0.1:4444", description: "A ring of one, for others to join" },
    { command: "p2p chord --join 127.0.0.1:4444 --data ./share", description: "Another node, with a share on disk" },
    {
      command: "p2p chord --listen 192.168.1.20:4444 --lan --peers ring.txt",
      description: "A node that finds its ring on the LAN, and remembers its neighbors"
    },
    { command: "echo get color | p2p chord --join 127.0.0.1:4444 --json", description: "Read one value and leave" }
  ])
)
