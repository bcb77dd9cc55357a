// Packets from pods to outside the cluster leave with an address of the node, through any interface: a VPN's, a second
// network's, one that appears later. Packets that the node sends or routes into the tunnel leave with the tunnel's
// address.

import type { Masquerade } from '../../model/desired.ts';
import { type AddressFamily, addressFamily } from '../../net/address.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './rule-text.ts';

/** The counter of packets that had to be translated and could not be. */
export const untranslatedCounter = 'untranslated';

/**
 * None if there are no pods whose packets need translation. `tunnel`: the name of the VXLAN device, in mode `vxlan`.
 */
export function masqueradeRules(masquerade: Masquerade, tunnel?: string): TableContents {
  const { sources, exempt } = masquerade;
  const families = ([4, 6] as const).filter((family) =>
    sources.some((prefix) => prefixFamily(prefix) === family),
  );
  const at = { hook: 'postrouting', priority: priorities.afterSrcnat } as const;
  const rules = [
    ...families.flatMap((family) => rulesOf(masquerade, family)),
    ...(tunnel === undefined ? [] : families.map((family) => intoTunnel(tunnel, family))),
  ];
  const kept = families.map((family) => `${leaving(family)} ${untracked}`);
  return {
    collections: families.flatMap((family) => [
      addressSet(`sources${family}`, family, sources),
      addressSet(`exempt${family}`, family, exempt),
    ]),
    counters: families.length === 0 ? [] : [untranslatedCounter],
    chains: [
      { name: 'postrouting', at: { type: 'nat', ...at }, rules },
      { name: 'untranslated', at: { type: 'filter', ...at }, rules: kept },
    ],
  };
}

// NAT translates connections. A packet of no connection (a TCP packet that neither begins nor continues one, an
// unrequested reply or ICMP error, a wrong checksum, a packet that a rule has excluded from tracking) would leave with
// the pod's address.
const untracked = `ct state invalid,untracked counter name "${untranslatedCounter}" drop`;

// The node itself may use an address of its pod range.
function leaving(family: AddressFamily): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  return `oifname != "lo" ${ip} saddr @sources${family} ${ip} daddr != @exempt${family}`;
}

// If the node's InternalIP is reachable there, it is the source: `masquerade` uses the first address of the interface,
// which may be another one. Random ports: connections of two pods to one place must not get the same port at the same
// time.
function rulesOf({ nodeSources }: Masquerade, family: AddressFamily): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const own = nodeSources.filter(({ address }) => addressFamily(address) === family);
  return [
    ...own.map(({ address, interfaces }) => {
      const names = interfaces.map((name) => JSON.stringify(name)).join(', ');
      return `${leaving(family)} oifname { ${names} } snat ${ip} to ${address} fully-random`;
    }),
    `${leaving(family)} masquerade fully-random`,
  ];
}

// The stack sends the node's own packets by the device, and those that it routes for others. The other node accepts
// only this node's pod ranges and InternalIPs, and the latter only without a strict reverse-path filter, because its
// route to an InternalIP is the uplink. The device's address is the node's own in its pod range.
function intoTunnel(device: string, family: AddressFamily): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const leaves = `oifname ${JSON.stringify(device)} ${ip} saddr != @sources${family}`;
  return `${leaves} masquerade fully-random`;
}
