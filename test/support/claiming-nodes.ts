// Nodes that claim ranges and addresses, and their check on node n1.

import type { ClusterService } from '../../src/cluster/objects.ts';
import type { HostAddress, HostFacts } from '../../src/model/host.ts';
import { checkNodes } from '../../src/model/network/checked-nodes.ts';
import { OccupiedRanges } from '../../src/model/network/occupied.ts';
import type { RangeOwners } from '../../src/model/network/pod-ranges.ts';
import { FollowedServices } from '../../src/model/network/service-addresses.ts';
import type { NetworkNode } from '../../src/model/network-nodes.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

export interface ClaimingNode {
  readonly ranges?: readonly string[];
  readonly addresses?: readonly string[];
  /** A larger number is younger; absent: the order of names decides. */
  readonly age?: number;
  readonly uid?: string;
}

export interface Options {
  readonly host?: HostFacts;
  readonly services?: readonly ClusterService[];
  readonly podCidrs?: readonly string[];
  readonly mode?: 'native' | 'vxlan';
  readonly held?: RangeOwners['held'];
}

export const host: HostFacts = {
  uplinks: [
    {
      ifIndex: 2 as IfIndex,
      name: 'eth0',
      mtuBytes: 1500,
      addresses: [
        { address: parseAddress('10.77.0.11'), prefixLength: 24 },
        { address: parseAddress('fd00:77::11'), prefixLength: 64 },
        { address: parseAddress('fe80::1'), prefixLength: 64 },
      ],
    },
  ],
  addresses: [
    own('eth0', '10.77.0.11', 24),
    own('eth0', 'fd00:77::11', 64),
    own('docker0', '10.99.0.1', 16),
    own('lo', '10.55.5.5', 32),
  ],
  occupied: [
    { kind: 'gateway', prefix: parsePrefix('10.88.0.1/32'), ifName: 'eth0' },
    { kind: 'api server', prefix: parsePrefix('10.66.0.1/32') },
  ],
};

export function own(ifName: string, address: string, prefixLength: number): HostAddress {
  return { ifName, address: parseAddress(address), prefixLength, leadsNowhere: ifName === 'lo' };
}

export function node(
  name: string,
  { ranges = [], addresses = [], age, uid }: ClaimingNode,
): NetworkNode {
  return {
    name,
    podCidrs: ranges.map((text) => parsePrefix(text)),
    addresses: addresses.map((text) => parseAddress(text)),
    ...(age === undefined ? {} : { createdAt: age }),
    ...(uid === undefined ? {} : { uid }),
  };
}

export function service(name: string, fields: Partial<ClusterService>): ClusterService {
  return {
    ...{ namespace: 'shop', name, labels: {}, annotations: {}, type: 'ClusterIP', ports: [] },
    ...{ clusterAddresses: [], externalAddresses: [] },
    ...fields,
  };
}

export function checkClaims(
  given: Readonly<Record<string, ClaimingNode>>,
  options: Options = {},
): RangeOwners {
  const { services = [], podCidrs = [], mode = 'vxlan' } = options;
  const nodes = new Map(Object.entries(given).map(([name, rest]) => [name, node(name, rest)]));
  const byKey = new Map(services.map((each) => [`shop/${each.name}`, each]));
  const seen = options.host ?? { uplinks: [] };
  return checkNodes({
    config: { nodeName: 'n1', mode, podCidrs: podCidrs.map((text) => parsePrefix(text)) },
    nodes,
    host: seen,
    occupied: new OccupiedRanges().flawOf(seen),
    services: new FollowedServices().follow(byKey, nodes),
    held: options.held,
  });
}

export function told({ problems }: RangeOwners): readonly string[] {
  return problems.map(({ object, text }) => `${object}: ${text}`);
}

export const good = {
  n1: { ranges: ['10.78.1.0/24', 'fd00:78:1::/64'], addresses: ['10.77.0.11', 'fd00:77::11'] },
  n2: { ranges: ['10.78.2.0/24', 'fd00:78:2::/64'], addresses: ['10.77.0.12', 'fd00:77::12'] },
} as const;

export const old: Readonly<
  Record<'n1' | 'n2', Required<Pick<ClaimingNode, 'ranges' | 'addresses' | 'age'>>>
> = { n1: { ...good.n1, age: 1 }, n2: { ...good.n2, age: 2 } };
