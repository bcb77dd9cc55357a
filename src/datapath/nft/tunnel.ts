// The port of this node's tunnels, in mode vxlan: only other nodes may send to it. `from_pod` and `from_overlay` check
// first; these rules are for packets that bypass them (docs/datapath.md). `ct` makes the kernel track connections, even if
// nothing else on the node does: without it, another node's masqueraded connection would look like its tunnel.

import type { TunnelEnds } from '../../model/desired.ts';
import { podLinkPrefix, tunnelPriority } from '../../model/ids.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { hostPrefix } from '../../net/prefix.ts';
import {
  addressSet,
  type Chain,
  type Collection,
  fromPods,
  priorities,
  type TableContents,
} from './rule-text.ts';
import { tunnelErrorCounter, tunnelErrors } from './tunnel-errors.ts';

/** The counter of packets to the tunnel's port that were dropped. */
export const foreignTunnelCounter = 'foreign_tunnel';

const check = 'tunnel_check';
const sent = 'tunnel_sent';
/** The chain of packets that are not, or no longer, in fragments. */
export const arrivedWhole = 'tunnel_arrives_whole';
// In tc's notation.
const judged = [tunnelPriority >>> 16, tunnelPriority & 0xffff]
  .map((half) => half.toString(16))
  .join(':');
const drop = `counter name "${foreignTunnelCounter}" drop`;

interface FamilyWords {
  readonly family: 4 | 6;
  readonly ip: 'ip' | 'ip6';
  /** Condition that every fragment meets, and hardly any other packet. */
  readonly isPiece: string;
}

// Whichever other nodes have: only elements depend on other nodes. A chain that was written while some are unknown
// would end the tunnels of those whose elements are kept.
const families: readonly FamilyWords[] = [
  { family: 4, ip: 'ip', isPiece: 'ip frag-off & 0x3fff != 0x0' },
  { family: 6, ip: 'ip6', isPiece: 'ip6 nexthdr != udp' },
];

/** `hasServices`: the node has addresses of Services, so IPVS may redirect packets for them. */
export function tunnelRules(ends: TunnelEnds, hasServices: boolean): TableContents {
  const { peers, unverified = [] } = ends;
  const nodes = [...peers, ...unverified].sort();
  return {
    collections: families.flatMap(({ family }) => [
      waySet(family, ends),
      addressSet(`tunnel_peers${family}`, family, nodes.map(hostPrefix)),
    ]),
    counters: [foreignTunnelCounter, tunnelErrorCounter],
    chains: [
      { name: check, rules: checkRules(ends) },
      ...tunnelErrors(ends).chains,
      { name: sent, rules: sentRules },
      { name: arrivedWhole, rules: wholeRules(ends) },
      arrivals(ends),
      led(ends),
      ...(hasServices ? ledByServices(ends) : []),
      passing(ends),
      leaving(ends),
      ledOut(ends),
    ],
  };
}

/** Every pair of a peer's address and one of this node's: one lookup in a hash table, however many nodes there are. */
function waySet(family: 4 | 6, { own, peers }: TunnelEnds): Collection {
  const ofFamily = (address: Address): boolean => addressFamily(address) === family;
  const type = family === 4 ? 'ipv4_addr . ipv4_addr' : 'ipv6_addr . ipv6_addr';
  const elements = peers
    .filter(ofFamily)
    .flatMap((peer) => own.filter(ofFamily).map((address) => `${peer} . ${address}`));
  return { kind: 'set', name: `tunnel_ways${family}`, type, elements };
}

// 1. Another node's packet to this one. 2. A pod's packet to another node, where it would seem to come from this one.
//   3. Any other packet for this node: also broadcast and multicast, which a device that listens on every address
//   accepts as well. Forwarded packets are not judged.
function checkRules({ uplinks }: TunnelEnds): readonly string[] {
  return [
    ...families.flatMap((each) =>
      notFromPods(uplinks).map((condition) => `${condition} ${fromPeer(each)} accept`),
    ),
    ...families.map(({ family, ip }) => `${fromPods} ${ip} daddr @tunnel_peers${family} ${drop}`),
    `fib daddr type { local, broadcast, multicast, anycast } ${drop}`,
  ];
}

// Before fragments are reassembled: without the first one, which has the port, the others never become a packet.
function arrivals(ends: TunnelEnds): Chain {
  return {
    name: 'tunnel_arrives',
    at: { type: 'filter', hook: 'prerouting', priority: priorities.beforeDefragmentation },
    rules: [
      ...families.map(({ isPiece }) => `udp dport ${ends.port} ${isPiece} jump ${check}`),
      ...tunnelErrors(ends).jumps,
    ],
  };
}

// After fragments are reassembled, since the node's rules translate the whole packet. A packet from another node is
// looked up once. It is not tracked: every tunnelled connection has its own UDP source port, so each would cost both
// nodes a tracked connection, half of the connection rate across nodes. This applies only to the tunnel itself: an
// untracked packet is not translated either.
function wholeRules({ port, uplinks }: TunnelEnds): readonly string[] {
  return [
    ...families.flatMap((each) =>
      notFromPods(uplinks).map(
        (condition) => `udp dport ${port} ${condition} ${fromPeer(each)} notrack accept`,
      ),
    ),
    `udp dport ${port} jump ${check}`,
  ];
}

// Packets that a rule of the node has redirected to the port on their way here. Such redirects track connections, so a
// chain that sees the first packet of each is enough, and spares the tunnel's own packets, which are not tracked.
// Another node's masqueraded connection has the address of a node that may use the port.
function led({ port }: TunnelEnds): Chain {
  return {
    name: 'tunnel_enters',
    at: { type: 'nat', hook: 'input', priority: priorities.afterSrcnat },
    rules: [`udp dport ${port} ct status dnat ${drop}`, `udp dport ${port} jump ${check}`],
  };
}

// IPVS redirects to the port behind the filters (input, 99) and leaves no trace of it in connection tracking, so that
// another node's masqueraded connection looks like its tunnel. Packets that were for the port before IPVS have their
// own priority until after it.
function ledByServices({ port }: TunnelEnds): readonly Chain[] {
  const toPort = `udp dport ${port}`;
  const at = { type: 'filter', hook: 'input' } as const;
  return [
    {
      name: 'tunnel_before_services',
      at: { ...at, priority: priorities.beforeServices },
      rules: [`${toPort} meta priority set ${judged}`],
    },
    {
      name: 'tunnel_after_services',
      at: { ...at, priority: priorities.afterSrcnat },
      rules: [`${toPort} meta priority != ${judged} ${drop}`, `${toPort} meta priority set none`],
    },
  ];
}

// Packets that this node forwards for others to another node's tunnels leave with this node's address if they are
// masqueraded, and would be taken there for this node's own.
function passing({ port }: TunnelEnds): Chain {
  const forwarded = families.flatMap(({ family, ip }) => {
    const toNode = `udp dport ${port} ${ip} daddr @tunnel_peers${family}`;
    return [
      `${toNode} ${ip} saddr != @tunnel_peers${family} ${drop}`,
      `${toNode} ct status dnat ${drop}`,
    ];
  });
  return {
    name: 'tunnel_passes',
    at: { type: 'filter', hook: 'forward', priority: priorities.raw },
    rules: [`${fromPods} udp dport ${port} jump ${check}`, ...forwarded],
  };
}

// The tunnel's own packets are looked up once.
function leaving({ port }: TunnelEnds): Chain {
  return {
    name: 'tunnel_leaves',
    at: { type: 'filter', hook: 'output', priority: priorities.raw },
    rules: [`udp dport ${port} jump ${sent}`],
  };
}

// Other nodes trust packets from this node's address, so only the VXLAN device may send to their tunnel ports.
// `to_overlay` sets the priority of its packets, and the outer packet keeps it. The owner of the socket does not
// distinguish them, because the outer packet also keeps the inner packet's socket. Packets of the node's processes do
// not have this priority, and neither do packets that IPVS redirects to another node, which pass this hook instead of
// `forward`.
const sentRules: readonly string[] = [
  ...families.map(
    ({ family, ip }) => `meta priority != ${judged} ${ip} daddr @tunnel_peers${family} ${drop}`,
  ),
  `meta priority ${judged} meta priority set none`,
  ...families.map((each) => `${toPeer(each)} notrack accept`),
];

// Packets of the node's processes that a rule (a Service) redirects to another node's port, after the chain above.
function ledOut({ port }: TunnelEnds): Chain {
  return {
    name: 'tunnel_led_out',
    at: { type: 'filter', hook: 'output', priority: priorities.afterDstnat },
    rules: families.map(
      ({ family, ip }) =>
        `udp dport ${port} ${ip} daddr @tunnel_peers${family} ct status dnat ${drop}`,
    ),
  };
}

function fromPeer({ family, ip }: FamilyWords): string {
  return `${ip} saddr . ${ip} daddr @tunnel_ways${family}`;
}

function toPeer({ family, ip }: FamilyWords): string {
  return `${ip} daddr . ${ip} saddr @tunnel_ways${family}`;
}

// The name of an uplink may begin like those of pods' interfaces.
function notFromPods(uplinks: readonly string[]): readonly string[] {
  const alike = uplinks.filter(
    (name) => name.startsWith(podLinkPrefix) && /^[\w.:@-]+$/.test(name),
  );
  return [
    `iifname != "${podLinkPrefix}*"`,
    ...alike.map((name) => `iifname ${JSON.stringify(name)}`),
  ];
}
