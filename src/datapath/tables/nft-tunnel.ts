// The port of this node's tunnels, in mode vxlan: other nodes may send to it, nobody else. `from_pod` and `from_overlay`
// look first; these rules are there for what passes them by (docs/datapath.md).

import type { TunnelEnds } from '../../model/desired.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, type Chain, priorities, type TableContents } from './nft-render.ts';

/** The counter of packets to the tunnel's port that were dropped. */
export const foreignTunnelCounter = 'foreign_tunnel';

const check = 'tunnel_check';
const drop = `counter name "${foreignTunnelCounter}" drop`;

export function tunnelRules(ends: TunnelEnds): TableContents {
  const families = ([4, 6] as const).filter((family) =>
    ends.peers.some((prefix) => prefixFamily(prefix) === family),
  );
  return {
    collections: families.flatMap((family) => [
      addressSet(`tunnel_own${family}`, family, ends.own),
      addressSet(`tunnel_peers${family}`, family, ends.peers),
    ]),
    counters: [foreignTunnelCounter],
    chains: [
      { name: check, rules: checkRules(ends, families.map(ipWord)) },
      ...checkedChains(ends.port),
      ...untrackedChains(ends, families.map(ipWord)),
    ],
  };
}

interface FamilyWords {
  readonly family: 4 | 6;
  readonly ip: 'ip' | 'ip6';
}

function ipWord(family: 4 | 6): FamilyWords {
  return { family, ip: family === 4 ? 'ip' : 'ip6' };
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

// The first sees a packet before fragments are put together: without the first of them, which has the port, the others
// are never a packet. The others see what a rule of the node has led to the port in between.
function checkedChains(port: number): readonly Chain[] {
  const rules = [`udp dport ${port} jump ${check}`];
  const { raw, beforeDefragmentation } = priorities;
  return [
    {
      name: 'tunnel_arrives',
      at: { type: 'filter', hook: 'prerouting', priority: beforeDefragmentation },
      rules,
    },
    { name: 'tunnel_enters', at: { type: 'filter', hook: 'input', priority: raw }, rules },
    {
      name: 'tunnel_passes',
      at: { type: 'filter', hook: 'forward', priority: raw },
      rules: [`iifname "hd*" udp dport ${port} jump ${check}`],
    },
  ];
}

// Every tunnelled connection has a UDP source port of its own, so each would cost both nodes a tracked connection:
// half of the connection rate across nodes. Nothing but the tunnel itself: what is not tracked is not translated either.
function untrackedChains(
  { port, uplinks }: TunnelEnds,
  families: readonly FamilyWords[],
): readonly Chain[] {
  const place = { type: 'filter', priority: priorities.raw } as const;
  return [
    {
      name: 'overlay_in',
      at: { ...place, hook: 'prerouting' },
      rules: families.flatMap((each) =>
        notFromPods(uplinks).map(
          (condition) => `${condition} udp dport ${port} ${fromPeer(each)} notrack`,
        ),
      ),
    },
    {
      name: 'overlay_out',
      at: { ...place, hook: 'output' },
      rules: families.map(
        ({ family, ip }) =>
          `udp dport ${port} ${ip} saddr @tunnel_own${family} ${ip} daddr @tunnel_peers${family} notrack`,
      ),
    },
  ];
}

function fromPeer({ family, ip }: FamilyWords): string {
  return `${ip} saddr @tunnel_peers${family} ${ip} daddr @tunnel_own${family}`;
}

// An uplink may have a name that begins as those of pods' interfaces do.
function notFromPods(uplinks: readonly string[]): readonly string[] {
  const alike = uplinks.filter((name) => /^hd[\w.:@-]*$/.test(name));
  return ['iifname != "hd*"', ...alike.map((name) => `iifname ${JSON.stringify(name)}`)];
}
