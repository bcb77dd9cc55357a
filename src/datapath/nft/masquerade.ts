// What pods send to outside the cluster leaves with an address of the node, whichever interface it leaves by: a VPN's, a
// second network's, one that appears later. What the node sends or routes into the tunnel leaves with the tunnel's address.

import type { Masquerade } from '../../model/desired.ts';
import { type AddressFamily, addressFamily } from '../../net/address.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './rule-text.ts';

/** The counter of packets that had to be translated and could not be. */
export const untranslatedCounter = 'untranslated';

/** None where there are no pods to translate for. `tunnel`: the name of the VXLAN device, in mode `vxlan`. */
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

// NAT translates connections. What belongs to none (a TCP packet that neither begins nor continues one, an answer or an ICMP
// error that nobody asked for, a wrong checksum, what a rule has left out of tracking) would leave with the pod's address.
const untracked = `ct state invalid,untracked counter name "${untranslatedCounter}" drop`;

// The node itself may use an address of its pod range.
function leaving(family: AddressFamily): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  return `oifname != "lo" ${ip} saddr @sources${family} ${ip} daddr != @exempt${family}`;
}

// Where the node's InternalIP is answered it is the source: `masquerade` takes the first address of the interface, which
// need not be that one. Random ports: two pods' connections to one place must not be given the same port at the same time.
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

// The stack sends by the device what is the node's own, and what it routes for others. The other node accepts this node's pod
// ranges and InternalIPs alone, and not even these where its reverse-path filter is strict: to an InternalIP its route is the
// uplink. The device's address is the node's own in its pod range.
function intoTunnel(device: string, family: AddressFamily): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const leaves = `oifname ${JSON.stringify(device)} ${ip} saddr != @sources${family}`;
  return `${leaves} masquerade fully-random`;
}
