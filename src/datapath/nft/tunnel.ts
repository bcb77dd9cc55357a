// The port of this node's tunnels, in mode vxlan: other nodes may send to it, nobody else. `from_pod` and `from_overlay`
// look first; these rules are there for what passes them by (docs/datapath.md).

import type { TunnelEnds } from '../../model/desired.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { hostPrefix } from '../../net/prefix.ts';
import {
  addressSet,
  type Chain,
  type Collection,
  priorities,
  type TableContents,
} from './rule-text.ts';

/** The counter of packets to the tunnel's port that were dropped. */
export const foreignTunnelCounter = 'foreign_tunnel';

/** The counter of ICMP errors about tunnels that were dropped. */
export const tunnelErrorCounter = 'tunnel_error';

const check = 'tunnel_check';
const errors = 'tunnel_errors';
const sent = 'tunnel_sent';
// A priority of packets, as tc writes it, that nothing else gives.
const judged = '6865:6464';
const drop = `counter name "${foreignTunnelCounter}" drop`;

export interface TunnelSurroundings {
  /** The table has other rules that make the kernel track connections, so that it costs nothing more. */
  readonly isTracking: boolean;
  /** The node has addresses of Services, so that IPVS may lead what comes in for them elsewhere. */
  readonly hasServices: boolean;
}

export function tunnelRules(
  ends: TunnelEnds,
  { isTracking, hasServices }: TunnelSurroundings,
): TableContents {
  const { peers, unverified = [] } = ends;
  const nodes = [...peers, ...unverified].sort();
  const families = ([4, 6] as const)
    .filter((family) => nodes.some((address) => addressFamily(address) === family))
    .map(wordsOf);
  return {
    collections: families.flatMap(({ family }) => [
      waySet(family, ends),
      addressSet(`tunnel_peers${family}`, family, nodes.map(hostPrefix)),
    ]),
    counters: [foreignTunnelCounter, tunnelErrorCounter],
    chains: [
      { name: check, rules: checkRules(ends, families) },
      { name: errors, rules: errorRules(ends) },
      { name: sent, rules: sentRules(families) },
      arrivals(ends, families),
      led(ends, isTracking),
      ...(hasServices ? ledByServices(ends) : []),
      passing(ends, families, isTracking),
      leaving(ends),
    ],
  };
}

/** Every pair of a peer's address and one of this node's: one look into a hash table, however many nodes there are. */
function waySet(family: 4 | 6, { own, peers }: TunnelEnds): Collection {
  const ofFamily = (address: Address): boolean => addressFamily(address) === family;
  const type = family === 4 ? 'ipv4_addr . ipv4_addr' : 'ipv6_addr . ipv6_addr';
  const elements = peers
    .filter(ofFamily)
    .flatMap((peer) => own.filter(ofFamily).map((address) => `${peer} . ${address}`));
  return { kind: 'set', name: `tunnel_ways${family}`, type, elements };
}

interface FamilyWords {
  readonly family: 4 | 6;
  readonly ip: 'ip' | 'ip6';
  /** A packet that is no part of a larger one. */
  readonly isWhole: string;
}

function wordsOf(family: 4 | 6): FamilyWords {
  return family === 4
    ? { family, ip: 'ip', isWhole: 'ip frag-off & 0x3fff == 0x0' }
    : { family, ip: 'ip6', isWhole: 'ip6 nexthdr udp' };
}

// 1. Another node's to this one. 2. A pod's to another node, where it would seem to come from this one. 3. Whatever else is
// for this node: broadcast and multicast too, which a device that listens on every address takes as well. What is only
// forwarded is none of ours.
function checkRules({ uplinks }: TunnelEnds, families: readonly FamilyWords[]): readonly string[] {
  return [
    ...families.flatMap((each) =>
      notFromPods(uplinks).map((condition) => `${condition} ${fromPeer(each)} accept`),
    ),
    ...families.map(({ family, ip }) => `iifname "hd*" ${ip} daddr @tunnel_peers${family} ${drop}`),
    `fib daddr type { local, broadcast, multicast, anycast } ${drop}`,
  ];
}

// "Fragmentation needed" about what this node sends without the mark that forbids it, which no router says: its tunnels'
// packets, and the kernel's own echo replies. From one such error of any host the kernel would believe, for ten minutes, that
// the way to another node carries less, without a look at who sent it. A whole error is short enough to need no fragments;
// the quoted packet begins behind the error's eight bytes, and neither kind has IP options.
function errorRules({ port }: TunnelEnds): readonly string[] {
  const dropError = `counter name "${tunnelErrorCounter}" drop`;
  return [
    'fib daddr type != local return',
    `ip frag-off & 0x3fff != 0x0 ${dropError}`,
    '@th,136,8 != { 1, 17 } return',
    `@th,64,8 != 0x45 ${dropError}`,
    `@th,136,8 17 @th,224,16 ${port} ${dropError}`,
    `@th,136,8 17 @th,240,16 ${port} ${dropError}`,
    `@th,136,8 1 @th,224,8 0 ${dropError}`,
  ];
}

// Before fragments are put together: without the first of them, which has the port, the others are never a packet. What
// arrives whole from another node, nearly everything, is looked up once. It is not tracked: every tunnelled connection has a
// UDP source port of its own, so each would cost both nodes a tracked connection, half of the connection rate across nodes.
// Nothing but the tunnel itself: what is not tracked is not translated either.
function arrivals({ port, uplinks }: TunnelEnds, families: readonly FamilyWords[]): Chain {
  const whole = families.flatMap((each) =>
    notFromPods(uplinks).map(
      (condition) =>
        `udp dport ${port} ${each.isWhole} ${condition} ${fromPeer(each)} notrack accept`,
    ),
  );
  return {
    name: 'tunnel_arrives',
    at: { type: 'filter', hook: 'prerouting', priority: priorities.beforeDefragmentation },
    rules: [
      ...whole,
      `udp dport ${port} jump ${check}`,
      `icmp type destination-unreachable icmp code frag-needed jump ${errors}`,
    ],
  };
}

// What a rule of the node has led to the port on its way here. Whoever leads connections there tracks them, so a chain
// that sees the first packet of each is enough, and spares the tunnel's own packets, which are not tracked.
function led({ port }: TunnelEnds, isTracking: boolean): Chain {
  // Another node's masqueraded connection has the address of a node that may use the port.
  const redirected = isTracking ? [`udp dport ${port} ct status dnat ${drop}`] : [];
  const rules = [...redirected, `udp dport ${port} jump ${check}`];
  return isTracking
    ? {
        name: 'tunnel_enters',
        at: { type: 'nat', hook: 'input', priority: priorities.afterSrcnat },
        rules,
      }
    : {
        name: 'tunnel_enters',
        at: { type: 'filter', hook: 'input', priority: priorities.raw },
        rules,
      };
}

// IPVS leads to the port behind the filters (input, 99) and leaves no trace of it in connection tracking, so that another node's
// masqueraded connection looks like its tunnel. What was for the port before IPVS has a priority of its own until after it.
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

// What this node forwards for others to another node's tunnels leaves with this node's address where it is masqueraded, and
// would be taken there for this node's own. `ct` makes the kernel track connections, so it is asked only where others do.
function passing(
  { port }: TunnelEnds,
  families: readonly FamilyWords[],
  isTracking: boolean,
): Chain {
  const forwarded = families.flatMap(({ family, ip }) => {
    const toNode = `udp dport ${port} ${ip} daddr @tunnel_peers${family}`;
    return [
      `${toNode} ${ip} saddr != @tunnel_peers${family} ${drop}`,
      ...(isTracking ? [`${toNode} ct status dnat ${drop}`] : []),
    ];
  });
  return {
    name: 'tunnel_passes',
    at: { type: 'filter', hook: 'forward', priority: priorities.raw },
    rules: [`iifname "hd*" udp dport ${port} jump ${check}`, ...forwarded],
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

// IPVS sends what it leads to another node by this hook, past `forward`: with the source that it came with. What this node
// sends itself has an address of its own.
function sentRules(families: readonly FamilyWords[]): readonly string[] {
  return [
    ...families.map((each) => `${toPeer(each)} notrack accept`),
    ...families.map(
      ({ family, ip }) => `${ip} daddr @tunnel_peers${family} fib saddr type != local ${drop}`,
    ),
  ];
}

function fromPeer({ family, ip }: FamilyWords): string {
  return `${ip} saddr . ${ip} daddr @tunnel_ways${family}`;
}

function toPeer({ family, ip }: FamilyWords): string {
  return `${ip} daddr . ${ip} saddr @tunnel_ways${family}`;
}

// An uplink may have a name that begins as those of pods' interfaces do.
function notFromPods(uplinks: readonly string[]): readonly string[] {
  const alike = uplinks.filter((name) => /^hd[\w.:@-]*$/.test(name));
  return ['iifname != "hd*"', ...alike.map((name) => `iifname ${JSON.stringify(name)}`)];
}
