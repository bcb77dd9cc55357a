// Packets from pods to outside the cluster leave with an address of the node, through any interface: a VPN's, a second
// network's, one that appears later. Packets that the node sends or routes into the tunnel leave with the tunnel's
// address.

import type { Masquerade } from '../../model/desired.ts';
import { type AddressFamily, addressFamily } from '../../net/address.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './rule-text.ts';

/** The counter of packets that had to be translated and could not be. */
export const untranslatedCounter = 'untranslated';

/** In mode `vxlan`. */
export interface TunnelDevice {
  readonly name: string;
  /** UDP port of the tunnels, which no connection may get as its source port: answers would be taken for tunnels'. */
  readonly port: number;
}

/** None if there are no pods whose packets need translation. `tunnel`: the VXLAN device. */
export function masqueradeRules(masquerade: Masquerade, tunnel?: TunnelDevice): TableContents {
  const { sources, exempt } = masquerade;
  const families = ([4, 6] as const).filter((family) =>
    sources.some((prefix) => prefixFamily(prefix) === family),
  );
  const at = { hook: 'postrouting', priority: priorities.afterSrcnat } as const;
  const rules = [
    ...families.flatMap((family) => rulesOf(masquerade, family, tunnel)),
    ...(tunnel === undefined ? [] : families.flatMap((family) => intoTunnel(tunnel, family))),
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
function rulesOf(
  { nodeSources }: Masquerade,
  family: AddressFamily,
  tunnel: TunnelDevice | undefined,
): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const own = nodeSources.filter(({ address }) => addressFamily(address) === family);
  return [
    ...own.flatMap(({ address, interfaces }) => {
      const names = interfaces.map((name) => JSON.stringify(name)).join(', ');
      const to = family === 4 ? address : `[${address}]`;
      const leaves = `${leaving(family)} oifname { ${names} }`;
      return [
        ...withoutPort(
          tunnel,
          (ports) => `${leaves} udp sport >= ${firstPort} snat ${ip} to ${to}:${ports}`,
        ),
        `${leaves} snat ${ip} to ${address} fully-random`,
      ];
    }),
    ...masqueraded(leaving(family), tunnel),
  ];
}

function masqueraded(leaves: string, tunnel: TunnelDevice | undefined): readonly string[] {
  return [
    ...withoutPort(
      tunnel,
      (ports) => `${leaves} udp sport >= ${firstPort} masquerade to :${ports}`,
    ),
    `${leaves} masquerade fully-random`,
  ];
}

// A translation has one range of ports: the larger part of the unprivileged ones. Without a range, the kernel gives a
// privileged port for a privileged one, which some servers insist on.
export function withoutPort(
  tunnel: TunnelDevice | undefined,
  rule: (ports: string) => string,
): readonly string[] {
  if (tunnel === undefined) return [];
  const { port } = tunnel;
  const isLow = port < (firstPort + lastPort) / 2;
  const ports = isLow ? `${Math.max(firstPort, port + 1)}-${lastPort}` : `${firstPort}-${port - 1}`;
  return [`${rule(ports)} fully-random`];
}

const [firstPort, lastPort] = [1024, 65_535];

// The stack sends the node's own packets by the device, and those that it routes for others. The other node accepts
// only this node's pod ranges and InternalIPs, and the latter only without a strict reverse-path filter, because its
// route to an InternalIP is the uplink. The device's address is the node's own in its pod range.
function intoTunnel(tunnel: TunnelDevice, family: AddressFamily): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  return masqueraded(
    `oifname ${JSON.stringify(tunnel.name)} ${ip} saddr != @sources${family}`,
    tunnel,
  );
}
