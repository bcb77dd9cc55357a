// A node without problems, as facts see it, and changes of it.

import type {
  ObservedKernel,
  ObservedNode,
} from '../../src/agent/node-facts/observed/observed-node.ts';
import { emptyClusterState } from '../../src/cluster/state.ts';
import type { ConfiguredLink } from '../../src/kernel/netlink/devconf.ts';
import type { RouteRecord } from '../../src/kernel/netlink/route-record.ts';
import type { ListedRule } from '../../src/kernel/netlink/rule.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { computeDesired, endpointCollection } from './compute-desired.ts';

export const pod4: Prefix = parsePrefix('198.51.100.0/25');
const pod6 = parsePrefix('2001:db8:1::/64');
export const remote4: Prefix = parsePrefix('198.51.100.128/25');
const node4 = parseAddress('192.0.2.11');
export const eth0 = 2 as IfIndex;
const podIndex = 7 as IfIndex;
export const podName = 'hd00000000001';

const endpoint: LocalEndpoint = {
  id: 1,
  containerId: 'c',
  ifName: 'eth0',
  namespacePath: '/run/netns/x',
  pod: { namespace: 'shop', name: 'web-1', uid: 'u' },
  addresses: [parseAddress('198.51.100.2'), parseAddress('2001:db8:1::2')],
  mac: '02:00:5e:10:00:01',
  hostIfName: podName,
  hostIfIndex: podIndex,
  mtuBytes: 1500,
  createdAt: '2026-01-01T00:00:00Z',
} as unknown as LocalEndpoint;

const desired: DesiredState = {
  ...computeDesired({
    config: {
      nodeName: 'node-1',
      mode: 'native',
      masquerade: true,
      nonMasqueradeCidrs: [],
      vxlan: { port: 4789, vni: 1 },
    },
    cluster: emptyClusterState,
    endpoints: [],
    host: { uplinks: [] },
  }),
  podRanges: [
    { prefix: pod4, router: parseAddress('198.51.100.1') },
    { prefix: pod6, router: parseAddress('2001:db8:1::1') },
  ],
  uplinks: [{ ifIndex: eth0, name: 'eth0', mtuBytes: 1500, addresses: [] }],
  hostAddresses: [node4],
  remoteRanges: [
    {
      node: 'node-2',
      prefix: remote4,
      path: { kind: 'native', nextHop: parseAddress('192.0.2.12'), ifIndex: eth0, ifName: 'eth0' },
    },
  ],
  podMtuBytes: 1500,
  pathMtuBytes: 1500,
  masquerade: {
    sources: [pod4],
    exempt: [],
    nodeSources: [{ address: node4, interfaces: ['eth0'] }],
  },
  endpoints: endpointCollection([endpoint]),
  strayAddresses: [],
  problems: [],
};

const ipv4 = { forwarding: 1, rpFilter: 0, routeLocalnet: 0 };
export const ipv6 = { forwarding: 1, acceptRa: 2, disabled: false, heardRouter: false };

export function link(
  ifIndex: number,
  name: string,
  fields: Partial<ConfiguredLink> = {},
): ConfiguredLink {
  const flags = { up: true, running: true, loopback: name === 'lo', noArp: false };
  return { ifIndex: ifIndex as IfIndex, name, mtuBytes: 1500, ...flags, ipv4, ipv6, ...fields };
}

export function addressOn(
  ifIndex: number,
  text: string,
): ObservedKernel['host']['addresses'][number] {
  const flags = { noDad: false, noPrefixRoute: false, tentative: false, dadFailed: false };
  const where = { ifIndex: ifIndex as IfIndex, address: parseAddress(text), prefixLength: 24 };
  return { ...where, scope: 'global', ...flags };
}

export function route(destination: string, fields: Partial<RouteRecord> = {}): RouteRecord {
  const common = { type: 'unicast', protocol: 3, table: 254, ifIndex: eth0 } as const;
  return { destination: parsePrefix(destination), ...common, ...fields };
}

export const policyRules: readonly ListedRule[] = ([4, 6] as const).flatMap((family) =>
  [
    [0, 255],
    [32766, 254],
    [32767, 253],
  ].map(([priority = 0, table]) => ({ family, priority, action: 'lookup' as const, table })),
);

export const links: readonly ConfiguredLink[] = [
  link(1, 'lo'),
  link(2, 'eth0'),
  link(7, podName, { kind: 'veth' }),
];
export const gateway: Address = parseAddress('192.0.2.1');

export const kernel: ObservedKernel = {
  host: {
    links,
    addresses: [addressOn(1, '127.0.0.1'), addressOn(2, '192.0.2.11')],
    routes: [route('0.0.0.0/0', { gateway }), route('192.0.2.0/24', { protocol: 2 })],
    hasIpsec: false,
  },
  settings: new Map([
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/ipv4/ipfrag_high_thresh', '1000'],
    ['net/netfilter/nf_conntrack_count', '10'],
    ['net/netfilter/nf_conntrack_max', '100'],
  ]),
  ruleSets: [],
  legacyTables: { read: [], unread: [], trouble: undefined },
  policyRules,
  policyRoutes: [],
  isPolicyWhole: true,
  localRoutes: [],
  areLocalRoutesWhole: true,
  foreignNeighbours: [],
  foreignPrograms: [],
  cgroupPrograms: [],
  neighbourOverflows: 0,
  fragmentBytes: 0,
  failedInserts: 0,
};

export const sound: ObservedNode = { kernel, desired, nodeAddresses: [node4] };

export interface ObservedChange {
  readonly kernel?: Partial<ObservedKernel>;
  readonly host?: Partial<ObservedKernel['host']>;
  readonly desired?: Partial<DesiredState>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly nodeAddresses?: readonly Address[];
}

export function changed({
  kernel: more,
  host,
  desired: other,
  settings = {},
  nodeAddresses,
}: ObservedChange): ObservedNode {
  return {
    kernel: {
      ...kernel,
      ...more,
      host: { ...kernel.host, ...host },
      settings: new Map([...kernel.settings, ...Object.entries(settings)]),
    },
    desired: { ...desired, ...other },
    nodeAddresses: nodeAddresses ?? sound.nodeAddresses,
  };
}
