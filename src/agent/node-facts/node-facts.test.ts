import assert from 'node:assert/strict';
import fs from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { emptyClusterState } from '../../cluster/state.ts';
import type { ConfiguredLink } from '../../kernel/netlink/devconf.ts';
import type { Route } from '../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../kernel/netlink/rule.ts';
import { computeDesired } from '../../model/compute-desired.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { parsePrefix } from '../../net/prefix.ts';
import type { NodeFact } from './fact.ts';
import { nodeFacts } from './node-facts.ts';
import type { ObservedKernel, ObservedNode } from './observed-node.ts';
import { readRuleSet } from './rule-set.ts';

const pod4 = parsePrefix('198.51.100.0/25');
const pod6 = parsePrefix('2001:db8:1::/64');
const remote4 = parsePrefix('198.51.100.128/25');
const node4 = parseAddress('192.0.2.11');
const eth0 = 2 as IfIndex;
const podIndex = 7 as IfIndex;
const podName = 'hd00000000001';

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
  endpoints: [endpoint],
  strayAddresses: [],
  problems: [],
};

const ipv4 = { forwarding: 1, rpFilter: 0 };
const ipv6 = { forwarding: 1, acceptRa: 2, disabled: false, heardRouter: false };

function link(ifIndex: number, name: string, fields: Partial<ConfiguredLink> = {}): ConfiguredLink {
  const flags = { up: true, running: true, loopback: name === 'lo', noArp: false };
  return { ifIndex: ifIndex as IfIndex, name, mtuBytes: 1500, ...flags, ipv4, ipv6, ...fields };
}

function address(ifIndex: number, text: string): ObservedKernel['host']['addresses'][number] {
  const flags = { noDad: false, noPrefixRoute: false, tentative: false, dadFailed: false };
  const where = { ifIndex: ifIndex as IfIndex, address: parseAddress(text), prefixLength: 24 };
  return { ...where, scope: 'global', ...flags };
}

function route(destination: string, fields: Partial<Route> = {}): Route {
  const common = { type: 'unicast', protocol: 3, table: 254, ifIndex: eth0 } as const;
  return { destination: parsePrefix(destination), ...common, ...fields };
}

const rules: readonly ListedRule[] = ([4, 6] as const).flatMap((family) =>
  [
    [0, 255],
    [32766, 254],
    [32767, 253],
  ].map(([priority = 0, table]) => ({ family, priority, action: 'lookup' as const, table })),
);

const links = [link(1, 'lo'), link(2, 'eth0'), link(7, podName, { kind: 'veth' })];
const gateway = parseAddress('192.0.2.1');

const kernel: ObservedKernel = {
  host: {
    links,
    addresses: [address(1, '127.0.0.1'), address(2, '192.0.2.11')],
    routes: [route('0.0.0.0/0', { gateway }), route('192.0.2.0/24', { protocol: 2 })],
    hasIpsec: false,
  },
  settings: new Map([
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/netfilter/nf_conntrack_count', '10'],
    ['net/netfilter/nf_conntrack_max', '100'],
  ]),
  ruleSets: [],
  legacyTables: [],
  policyRules: rules,
  policyRoutes: [],
  foreignPrograms: [],
  neighbourOverflows: 0,
};

const sound: ObservedNode = { kernel, desired, nodeAddresses: [node4] };

interface Change {
  readonly kernel?: Partial<ObservedKernel>;
  readonly host?: Partial<ObservedKernel['host']>;
  readonly desired?: Partial<DesiredState>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly nodeAddresses?: readonly Address[];
}

function changed({
  kernel: more,
  host,
  desired: other,
  settings = {},
  nodeAddresses,
}: Change): ObservedNode {
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

const overlay = { name: 'heddle_vxlan', port: 4789, vni: 1, mtuBytes: 1450, underlay: 4 } as const;
const vxlan = { collectMetadata: false, port: 4789, id: 77 };
const vrf = [...links, link(9, 'red', { kind: 'vrf' })];

function withRule(rule: Partial<ListedRule>, routes: readonly Route[] = []): Change {
  const added = { family: 4, priority: 100, action: 'lookup', table: 52, ...rule } as const;
  const sorted = [...rules, added].sort((left, right) => left.priority - right.priority);
  return { kernel: { policyRules: sorted, policyRoutes: routes } };
}

/** A FORWARD chain that drops what these rules do not accept. */
function strictForward(...rules: readonly (readonly object[])[]): Change {
  const names = { family: 'ip', table: 'filter' } as const;
  const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'drop' };
  const listing = [
    { chain: { ...names, name: 'FORWARD', ...base } },
    ...rules.map((expr, handle) => ({ rule: { ...names, chain: 'FORWARD', handle, expr } })),
  ];
  return { kernel: { ruleSets: [readRuleSet(names, listing, new Map())] } };
}

function acceptAt(field: 'saddr' | 'daddr', addr: string, len: number): readonly object[] {
  const left = { payload: { protocol: 'ip', field } };
  return [{ match: { op: '==', left, right: { prefix: { addr, len } } } }, { accept: null }];
}

const ownAccepted = (['saddr', 'daddr'] as const).map((field) =>
  acceptAt(field, '198.51.100.0', 25),
);
const left = { '&': [{ meta: { key: 'mark' } }, 0x4000] };
const marked = [{ match: { op: '==', left, right: 0x4000 } }, { accept: null }];

const everywhere = route('0.0.0.0/0', { table: 52, ifIndex: 9 as IfIndex });

type Row = readonly [what: string, fact: string, change: Change, expected: RegExp | undefined];

const rows: readonly Row[] = [
  [
    'a FORWARD chain that drops',
    'forward-hooks',
    strictForward(),
    /^problem: chain FORWARD .* drops packets of pods to outside the cluster, answers/,
  ],
  [
    'a FORWARD chain that drops all but the own range, so node ports with backends elsewhere',
    'forward-hooks',
    strictForward(...ownAccepted),
    /^note: chain FORWARD .* drops connections from outside to node ports .* ranges of the other nodes$/,
  ],
  [
    'the same, and what kube-proxy marked',
    'forward-hooks',
    strictForward(...ownAccepted, marked),
    undefined,
  ],
  [
    'a FORWARD chain that drops all but the pods of every node',
    'forward-hooks',
    strictForward(...ownAccepted, acceptAt('daddr', '198.51.100.128', 25)),
    undefined,
  ],
  [
    'ip_forward off',
    'forwarding',
    { settings: { 'net/ipv4/ip_forward': '0' } },
    /^problem: net\.ipv4\.ip_forward is 0/,
  ],
  [
    'IPv6 forwarding off',
    'forwarding',
    { settings: { 'net/ipv6/conf/all/forwarding': '0' } },
    /^problem: net\.ipv6\.conf\.all/,
  ],
  [
    'forwarding off at an uplink and a pod',
    'forwarding',
    { host: { links: links.map((each) => ({ ...each, ipv4: { forwarding: 0, rpFilter: 0 } })) } },
    /^problem: .* for eth0, hd00000000001: /,
  ],
  [
    'forwarding off at a VPN with a route',
    'forwarding',
    {
      host: {
        links: [...links, link(8, 'wg0', { ipv4: { forwarding: 0, rpFilter: 0 } })],
        routes: [...kernel.host.routes, route('203.0.113.0/24', { ifIndex: 8 as IfIndex })],
      },
    },
    /^note: .* for wg0: /,
  ],
  [
    'forwarding off at an interface without a route',
    'forwarding',
    { host: { links: [...links, link(8, 'spare', { ipv4: { forwarding: 0, rpFilter: 0 } })] } },
    undefined,
  ],
  [
    'IPv6 off at a pod',
    'ipv6-enabled',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, disabled: each.name === podName },
        })),
      },
    },
    /^problem: .* for hd00000000001/,
  ],
  [
    'IPv6 off at an uplink',
    'ipv6-enabled',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, disabled: each.name === 'eth0' },
        })),
      },
    },
    /^note: .* for eth0/,
  ],
  [
    'an uplink that heard a router and forwards',
    'router-advertisements',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, acceptRa: 1, heardRouter: true },
        })),
      },
    },
    /^problem: .* for eth0, where/,
  ],
  [
    'an uplink without carrier',
    'links',
    { host: { links: links.map((each) => ({ ...each, running: each.name !== 'eth0' })) } },
    /^problem: uplink eth0 is without carrier/,
  ],
  [
    'a pod interface that is down',
    'links',
    { host: { links: links.map((each) => ({ ...each, up: each.name !== podName })) } },
    /^problem: interfaces of pods are down: hd00000000001 of shop\/web-1/,
  ],
  [
    'a pod interface with another MAC',
    'links',
    {
      host: {
        links: links.map((each) => ({ ...each, mac: parseMac('02:00:5e:10:00:01') })),
      },
    },
    /^problem: interface hd00000000001 of a pod has the address 02:00:5e:10:00:01: .*; ip link set dev/,
  ],
  [
    'an uplink in a VRF',
    'links',
    {
      host: {
        links: vrf.map((each) => (each.name === 'eth0' ? { ...each, master: 9 as IfIndex } : each)),
      },
    },
    /^problem: uplink eth0 belongs to vrf red/,
  ],
  [
    'iptables-legacy',
    'iptables-legacy',
    { kernel: { legacyTables: ['nat', 'filter', 'filter'] } },
    /^note: .*\(filter\)/,
  ],
  [
    'only nat of iptables-legacy',
    'iptables-legacy',
    { kernel: { legacyTables: ['nat'] } },
    undefined,
  ],
  ...(
    [
      [
        '198.51.100.64/26',
        /route 198\.51\.100\.64\/26 via 192\.0\.2\.1 dev eth0 takes it from pod range 198\.51\.100\.0\/25/,
      ],
      ['198.51.100.128/25', /from pod range 198\.51\.100\.128\/25/],
      ['198.51.100.0/24', undefined],
      ['0.0.0.0/0', undefined],
      ['2001:db8:1::/65', /2001:db8:1::\/65/],
    ] as const
  ).map(
    ([destination, expected]): Row => [
      `a route to ${destination}`,
      'routes',
      { host: { routes: [route(destination, { gateway })] } },
      expected,
    ],
  ),
  [
    'an address of another in the range of a node',
    'routes',
    { host: { addresses: [...kernel.host.addresses, address(1, '198.51.100.200')] } },
    /^problem: address 198\.51\.100\.200 of lo takes it from pod range 198\.51\.100\.128\/25/,
  ],
  [
    'a blackhole in a range',
    'routes',
    { host: { routes: [route('198.51.100.9/32', { type: 'blackhole' })] } },
    /route blackhole 198/,
  ],
  [
    'a rule for all to a table with a default route',
    'routing-rules',
    withRule({}, [everywhere]),
    /^problem: IPv4 packets to pod ranges 198\.51\.100\.0\/25, 198\.51\.100\.128\/25 are caught by rule 100 \(table 52: 0\.0\.0\.0\/0\)/,
  ],
  ['a rule for all to an empty table', 'routing-rules', withRule({}), undefined],
  [
    'a rule for marked packets',
    'routing-rules',
    withRule({ mark: { value: 1, mask: 1 } }, [everywhere]),
    undefined,
  ],
  [
    'a rule for packets without a mark',
    'routing-rules',
    withRule({ mark: { value: 1, mask: 1 }, isInverted: true }, [everywhere]),
    /rule 100/,
  ],
  [
    'a rule for one user',
    'routing-rules',
    withRule({ selectsMore: true }, [everywhere]),
    undefined,
  ],
  ['a rule after main', 'routing-rules', withRule({ priority: 32800 }, [everywhere]), undefined],
  [
    'a rule for other sources',
    'routing-rules',
    withRule({ from: parsePrefix('203.0.113.0/24') }, [everywhere]),
    undefined,
  ],
  [
    'a rule for another interface',
    'routing-rules',
    withRule({ inputInterface: 'eth1' }, [everywhere]),
    undefined,
  ],
  [
    "a rule for the node's own address, as clouds have it for each interface",
    'routing-rules',
    withRule({ from: parsePrefix('192.0.2.11/32') }, [everywhere]),
    /^problem: IPv4 packets of this node itself to pod ranges 198\.51\.100\.0\/25, .* are caught by rule 100 \(table 52: /,
  ],
  [
    'a rule for what the node itself sends',
    'routing-rules',
    withRule({ inputInterface: 'lo' }, [everywhere]),
    /^problem: IPv4 packets of this node itself to pod ranges/,
  ],
  [
    'a rule for another address of the node',
    'routing-rules',
    withRule({ from: parsePrefix('192.0.2.12/32') }, [everywhere]),
    undefined,
  ],
  [
    'a rule that forbids',
    'routing-rules',
    withRule({ action: 'prohibit', to: remote4 }),
    /pod ranges 198\.51\.100\.128\/25 are caught by rule 100 \(prohibit\)/,
  ],
  [
    'a rule that passes over default routes',
    'routing-rules',
    withRule({ suppressedPrefixLength: 0 }, [everywhere]),
    undefined,
  ],
  [
    'no rule for main',
    'routing-rules',
    { kernel: { policyRules: rules.filter(({ table }) => table !== 254) } },
    /caught by no rule that asks table main/,
  ],
  [
    'an InternalIP that the node does not have',
    'exit-address',
    { nodeAddresses: [parseAddress('203.0.113.7')] },
    /^note: .* InternalIP 203\.0\.113\.7, .* leave by eth0 as 192\.0\.2\.11/,
  ],
  [
    'a way out without an address',
    'exit-address',
    {
      host: { addresses: [] },
      desired: { masquerade: { sources: [pod4], exempt: [], nodeSources: [] } },
      nodeAddresses: [],
    },
    /^problem: eth0 leads out .* no IPv4 address/,
  ],
  [
    'nothing masqueraded',
    'exit-address',
    { desired: { masquerade: undefined }, nodeAddresses: [] },
    undefined,
  ],
  [
    'a strict filter at two uplinks',
    'reverse-path',
    {
      settings: { 'net/ipv4/conf/all/rp_filter': '1' },
      host: { links: [...links, link(3, 'eth1')] },
      desired: {
        uplinks: [2, 3].map((ifIndex) => ({
          ifIndex: ifIndex as IfIndex,
          name: `eth${ifIndex - 2}`,
          mtuBytes: 1500,
          addresses: [],
        })),
      },
    },
    /^note: .* for eth0, eth1/,
  ],
  [
    'a strict filter at one uplink',
    'reverse-path',
    { settings: { 'net/ipv4/conf/all/rp_filter': '1' } },
    undefined,
  ],
  [
    'a VXLAN device in the way',
    'tunnel-port',
    {
      desired: { overlay },
      host: { links: [...links, link(5, 'flannel.77', { kind: 'vxlan', vxlan })] },
    },
    /^problem: UDP port 4789, .* flannel\.77 \(VNI 77\)/,
  ],
  [
    'a VXLAN device with another port',
    'tunnel-port',
    {
      desired: { overlay },
      host: { links: [...links, link(5, 'flannel.77', { vxlan: { ...vxlan, port: 8472 } })] },
    },
    undefined,
  ],
  [
    'interfaces of others',
    'other-networks',
    {
      host: {
        links: [...links, link(5, 'cali0123456789a'), link(6, 'cni-podman0'), link(10, 'docker0')],
      },
    },
    /^note: interfaces of Calico are there \(cali0123456789a\)/,
  ],
  [
    'XDP at an uplink',
    'other-programs',
    { host: { links: links.map((each) => ({ ...each, xdpProgram: 17 })) } },
    /^note: .*XDP of eth0: program 17\)/,
  ],
  [
    'tcx before ours',
    'other-programs',
    { kernel: { foreignPrograms: [{ ifIndex: eth0, hook: 'tcx ingress', programId: 5 }] } },
    /tcx ingress of eth0: program 5/,
  ],
  ['policies of IPsec, native', 'ipsec', { host: { hasIpsec: true } }, /^note: policies of IPsec/],
  [
    'policies of IPsec, vxlan',
    'ipsec',
    { host: { hasIpsec: true }, desired: { mode: 'vxlan' } },
    undefined,
  ],
  [
    'a pod of before with a larger MTU',
    'mtu',
    { desired: { pathMtuBytes: 1450 } },
    /^note: .* 1450 bytes: shop\/web-1/,
  ],
  [
    'connections, nearly full',
    'connection-table',
    { settings: { 'net/netfilter/nf_conntrack_count': '95' } },
    /^note: 95 of 100/,
  ],
  [
    'connections, full',
    'connection-table',
    { settings: { 'net/netfilter/nf_conntrack_count': '100' } },
    /^problem: 100 of 100/,
  ],
  [
    'neighbours, overflown',
    'neighbour-table',
    { kernel: { neighbourOverflows: 3 } },
    /^problem: .* full 3 times/,
  ],
];

for (const [what, id, change, expected] of rows) {
  test(`${what}: ${id} ${expected === undefined ? 'holds' : 'does not hold'}`, () => {
    const [finding] = factOf(id).check(changed(change));
    if (expected === undefined) assert.equal(finding, undefined);
    else
      assert.match(finding === undefined ? '' : `${finding.severity}: ${finding.text}`, expected);
  });
}

test('on a sound node every fact holds, and nothing is worth knowing', () => {
  for (const fact of nodeFacts) {
    assert.deepEqual(fact.check(sound), [], fact.id);
    assert.equal(fact.describe?.(sound), undefined);
  }
});

test('where pods leave with another address than the InternalIP, it is said which', () => {
  const wg0 = 8 as IfIndex;
  const node = changed({
    host: {
      links: [...links, link(8, 'wg0', { noArp: true })],
      addresses: [...kernel.host.addresses, address(8, '203.0.113.2')],
      routes: [...kernel.host.routes, route('203.0.113.0/24', { ifIndex: wg0 })],
    },
  });
  assert.equal(
    factOf('exit-address').describe?.(node),
    'pods leave by eth0 as 192.0.2.11, wg0 as 203.0.113.2',
  );
});

test('a node without pod ranges, uplinks or anything else has no problem of these', () => {
  const nothing = changed({
    desired: {
      podRanges: [],
      uplinks: [],
      remoteRanges: [],
      endpoints: [],
      hostAddresses: [],
      masquerade: undefined,
    },
    host: { links: [], addresses: [], routes: [] },
    kernel: { policyRules: [] },
  });
  for (const fact of nodeFacts) assert.deepEqual(fact.check(nothing), [], fact.id);
});

test('docs/troubleshooting.md has a row for each fact, in this order', () => {
  const file = resolve(import.meta.dirname, '../../../../docs/troubleshooting.md');
  const [, section = ''] = fs.readFileSync(file, 'utf8').split("## What this node's own state");
  const [rowsOfSection = ''] = section.split('\n## ');
  const ids = [...rowsOfSection.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, id]) => id);
  assert.deepEqual(
    ids,
    nodeFacts.map(({ id }) => id),
  );
});

function factOf(id: string): NodeFact {
  return nodeFacts.find((fact) => fact.id === id) ?? assert.fail(id);
}
