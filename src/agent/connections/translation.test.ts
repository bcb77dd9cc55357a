import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { protocols } from '../../net/protocol.ts';
import { hostPortIndex } from './host-port-index.ts';
import { type Stale, staleness, type TranslationRules } from './translation.ts';

// pod 192.0.2.2 and 2001:db8:1::2 of node 198.51.100.1; 192.0.2.66 is a pod elsewhere, 203.0.113.9 the world.
const pod = '192.0.2.2';
const node = '198.51.100.1';
const formerly = '198.51.100.50';
const nobody = '198.51.100.99';
const world = '203.0.113.9';
const elsewhere = '192.0.2.66';
const router = '192.0.2.1';
const service = '192.0.2.200';
const ports = { from: 40000, to: 53 } as const;

const endpoint = (address: string, hostAddress?: string): LocalEndpoint =>
  ({
    addresses: [parseAddress(address), parseAddress('2001:db8:1::2')],
    portMappings: [
      {
        protocol: 'udp',
        hostPort: parsePort(5300),
        containerPort: parsePort(53),
        ...(hostAddress === undefined ? {} : { hostAddress: parseAddress(hostAddress) }),
      },
      { protocol: 'tcp', hostPort: parsePort(8080), containerPort: parsePort(80) },
    ],
  }) as unknown as LocalEndpoint;

const nodeAddresses = new Set([node, formerly, router, '127.0.0.1', '::1', '2001:db8:ffff::1']);

const rules: TranslationRules = {
  masquerade: {
    sources: [parsePrefix('192.0.2.0/26'), parsePrefix('2001:db8:1::/64')],
    exempt: [parsePrefix('192.0.2.0/25'), parsePrefix('2001:db8:1::/64')],
    nodeSources: [{ address: parseAddress(node), interfaces: ['eth0'] }],
  },
  isNode: (address) => nodeAddresses.has(address),
  hostPorts: hostPortIndex([endpoint(pod)]),
  formerPorts: hostPortIndex([]),
  formerSources: new Set([formerly, nobody].map((text) => parseAddress(text))),
};

interface Ends {
  /** Source and port, destination and port, of the first packet. */
  readonly original: readonly [string, number, string, number];
  /** The same of the reply; absent: no translation. */
  readonly reply?: readonly [string, number, string, number];
}

function entry(
  { original, reply = [original[2], original[3], original[0], original[1]] }: Ends,
  fields: Partial<ConntrackEntry> = {},
): ConntrackEntry {
  const tuple = ([source, sourcePort, destination, destinationPort]: Ends['original']) => ({
    source: source as Address,
    destination: destination as Address,
    sourcePort: parsePort(sourcePort),
    destinationPort: parsePort(destinationPort),
  });
  return {
    family: original[0].includes(':') ? 6 : 4,
    protocol: protocols.udp,
    original: tuple(original),
    reply: tuple(reply),
    mark: 0,
    id: 1,
    ...fields,
    status: {
      ...{ seenReply: true, assured: false, dying: false },
      sourceNat: reply[2] !== original[0],
      destinationNat: reply[0] !== original[2],
      ...fields.status,
    },
  };
}

const { from, to } = ports;
const established = {
  protocol: protocols.tcp,
  tcpState: 'established',
  status: { assured: true, seenReply: true, dying: false } as ConntrackEntry['status'],
} as const;
const sctp = { ...established, protocol: protocols.sctp };
const leaving = (as: string): Ends => ({
  original: [pod, from, world, to],
  reply: [world, to, as, 2000],
});
const untranslated: Ends = { original: [pod, from, world, to] };

const cases: readonly [string, ConntrackEntry, Stale | undefined][] = [
  ['masqueraded to the node', entry(leaving(node)), undefined],
  [
    "the node's own, masqueraded on its way into the tunnel",
    entry({ original: [node, from, elsewhere, to], reply: [elsewhere, to, router, 2000] }),
    undefined,
  ],
  [
    "the node's own to a Service, masqueraded on its way into the tunnel",
    entry({ original: [node, from, service, 80], reply: [elsewhere, to, router, 2000] }),
    undefined,
  ],
  [
    'routed by way of this node, masqueraded on its way into the tunnel',
    entry({ original: [world, from, elsewhere, to], reply: [elsewhere, to, router, 2000] }),
    undefined,
  ],
  ['left as it came', entry(untranslated), 'not masqueraded'],
  ['left as it came, established', entry(untranslated, established), 'not masqueraded'],
  [
    'left as it came, IPv6',
    entry({ original: ['2001:db8:1::2', from, '2001:db8:9::9', to] }),
    'not masqueraded',
  ],
  [
    'a ping that left as it came',
    entry({ original: [pod, 1, world, 1] }, { protocol: protocols.icmp }),
    'not masqueraded',
  ],
  [
    'to a Service whose backend is outside, as it came',
    entry({ original: [pod, from, '192.0.2.200', 80], reply: [world, 80, pod, from] }),
    'not masqueraded',
  ],
  ['in another zone', entry(untranslated, { zone: 7 }), undefined],
  ['to a former address that is gone', entry(leaving(nobody)), 'masqueraded to a former address'],
  [
    'established, to a former address that is gone',
    entry(leaving(nobody), established),
    'masqueraded to a former address',
  ],
  ['to a former address', entry(leaving(formerly)), 'masqueraded to a former address'],
  [
    'established, to a former address that is still here',
    entry(leaving(formerly), established),
    undefined,
  ],
  ["to an administrator's own address", entry(leaving('198.51.100.77')), undefined],
  ['to a pod elsewhere', entry({ original: [pod, from, '192.0.2.66', to] }), undefined],
  [
    'to a pod elsewhere, masqueraded',
    entry({ original: [pod, from, '192.0.2.66', to], reply: ['192.0.2.66', to, node, 2000] }),
    'masqueraded unnecessarily',
  ],
  [
    'to a pod elsewhere, masqueraded and working',
    entry({ original: [pod, from, '192.0.2.66', 80], reply: ['192.0.2.66', 80, node, 2000] }, sctp),
    undefined,
  ],
  [
    "masqueraded by kube-proxy on a Service's way to a pod",
    entry({ original: [pod, from, '192.0.2.200', 80], reply: [pod, 80, node, 2000] }),
    undefined,
  ],
  ['to the node', entry({ original: [pod, from, node, to] }), undefined],
  [
    'to a Service whose backend is the node',
    entry({ original: [pod, from, '192.0.2.200', 443], reply: [node, 6443, pod, from] }),
    undefined,
  ],
  ['of the node', entry({ original: [node, from, world, to] }), undefined],
  ['of others that the node forwards', entry({ original: [nobody, from, world, to] }), undefined],
  [
    'to a host port',
    entry({ original: [world, from, node, 5300], reply: [pod, 53, world, from] }),
    undefined,
  ],
  [
    'to a host port, not translated',
    entry({ original: [world, from, node, 5300] }),
    'host port changed',
  ],
  [
    "to a Service with the node's address and a host port's port, at a pod elsewhere",
    entry({ original: [world, from, node, 8080], reply: ['192.0.2.66', 80, node, 2000] }),
    undefined,
  ],
  [
    'to such a Service, established, at another port of this very pod',
    entry({ original: [world, from, node, 8080], reply: [pod, 8443, world, from] }, established),
    undefined,
  ],
  [
    "to a published port of a container that is no pod, with a host port's port",
    entry({ original: [world, from, node, 5300], reply: ['172.17.0.2', 53, world, from] }),
    undefined,
  ],
  [
    'to a host port at loopback',
    entry({ original: ['127.0.0.1', from, '127.0.0.1', 5300] }),
    'host port changed',
  ],
  ['to a host port at ::1', entry({ original: ['::1', from, '::1', 5300] }), undefined],
  ['to another port of the node', entry({ original: [world, from, node, 22] }), undefined],
  [
    "to a NodePort of kube-proxy's",
    entry({ original: [world, from, node, 30080], reply: [pod, 80, world, from] }),
    undefined,
  ],
  [
    'an reply from a host port that began a connection',
    entry(
      { original: [pod, 53, world, from], reply: [world, from, node, 2000] },
      {
        status: { seenReply: false } as ConntrackEntry['status'],
      },
    ),
    'reply from a host port',
  ],
  ['from the world to a pod', entry({ original: [world, to, pod, from] }), undefined],
];

for (const [what, given, expected] of cases) {
  test(`${what}: ${expected ?? 'right'}`, () => {
    assert.equal(staleness(rules)(given), expected);
  });
}

test('a connection that the outside seems to have begun, but a pod did, is reversed', () => {
  const given = entry({ original: [world, to, pod, from] });
  for (const [beganByPod, expected] of [
    [true, 'reversed'],
    [false, undefined],
    [undefined, undefined],
  ] as const) {
    assert.equal(staleness({ ...rules, beganByPod: () => beganByPod })(given), expected);
  }
});

test('a masquerade towards a destination that was exempt before belongs to an administrator', () => {
  const given = entry({
    original: [pod, from, '192.0.2.66', to],
    reply: ['192.0.2.66', to, node, 2000],
  });
  for (const [exemptBefore, expected] of [
    [[], 'masqueraded unnecessarily'],
    [[parsePrefix('192.0.2.128/25')], 'masqueraded unnecessarily'],
    [[parsePrefix('192.0.2.0/25')], undefined],
  ] as const) {
    assert.equal(staleness({ ...rules, exemptBefore })(given), expected);
  }
});

test('a connection that leaves by a different interface does not keep the address of the former one', () => {
  const judge = staleness({
    ...rules,
    hasMoved: (destination, interfaces) => destination === world && interfaces.includes('eth0'),
  });
  const another = 'masqueraded for another interface';
  assert.equal(judge(entry(leaving(node))), another);
  assert.equal(judge(entry(leaving(node), established)), another);
  assert.equal(judge(entry(leaving('198.51.100.77'))), undefined, "not the node's source");
  const elsewhere: Ends = {
    original: [pod, from, '203.0.113.7', to],
    reply: ['203.0.113.7', to, node, 2000],
  };
  assert.equal(judge(entry(elsewhere)), undefined, 'its way is as it was');
  assert.equal(judge(entry({ original: [node, from, world, to] })), undefined, "the node's own");
});

test('without masquerading only host ports are checked', () => {
  const judge = staleness({ ...rules, masquerade: undefined });
  assert.equal(judge(entry(untranslated)), undefined);
  assert.equal(judge(entry({ original: [world, from, node, 5300] })), 'host port changed');
});

test('a removed host port invalidates connections to its pod and no others', () => {
  const judge = staleness({
    ...rules,
    hostPorts: hostPortIndex([endpoint('192.0.2.3', node)].map(onlyTcp)),
    formerPorts: hostPortIndex([endpoint(pod)]),
  });
  const toPod = entry({ original: [world, from, node, 5300], reply: [pod, 53, world, from] });
  assert.equal(judge(toPod), 'host port removed');
  assert.equal(judge(entry({ original: [world, from, node, 5300] })), undefined);
  // The port belongs to another pod now.
  const taken = { original: [world, from, node, 8080], reply: [pod, 80, world, from] } as const;
  assert.equal(judge(entry(taken, established)), 'host port changed');
});

test('a host port does not match at the address of a Service that is local', () => {
  const judge = staleness({
    ...rules,
    hostPorts: hostPortIndex([endpoint(pod, formerly)]),
    hostPortAddresses: [parsePrefix('127.0.0.0/8'), parsePrefix(`${node}/32`)],
  });
  const to = (address: string, port: number, server: string): ConntrackEntry =>
    entry(
      { original: [world, from, address, 8080], reply: [server, port, world, from] },
      established,
    );
  assert.equal(judge(to(formerly, 80, elsewhere)), undefined, "another proxy's");
  assert.equal(judge(to(formerly, 8080, formerly)), undefined);
  assert.equal(judge(to(formerly, 80, pod)), 'host port removed', 'captured before');
  const byIpvs = to(formerly, 80, pod);
  const status = { ...byIpvs.status, destinationNat: false };
  assert.equal(judge({ ...byIpvs, status }), undefined, 'IPVS leads there itself');
  assert.equal(judge(to(node, 80, pod)), undefined);
  assert.equal(judge(to(node, 8080, node)), 'host port changed');
  assert.equal(judge(to('127.0.0.1', 8080, '127.0.0.1')), 'host port changed');
  const asked = entry({ original: [world, from, formerly, 5300] });
  assert.equal(judge(asked), undefined, 'a mapping that names that address');
});

test('connections of a deleted pod are invalidated; those of the next pod at its address and of the node stay', () => {
  const isPod = new Set(['192.0.2.3']);
  const judge = staleness({ ...rules, hasPod: (address) => isPod.has(address) });
  const from3 = [['192.0.2.3', from, world, to] as const, [world, to, node, 2000] as const];
  const [original, reply] = from3;
  assert(original !== undefined && reply !== undefined);
  assert.equal(judge(entry(leaving(node), established)), 'pod deleted');
  assert.equal(judge(entry({ original: [pod, from, '192.0.2.66', to] })), 'pod deleted');
  const toPod = { original: [world, from, node, 30080], reply: [pod, 80, world, from] } as const;
  assert.equal(judge(entry(toPod, established)), 'pod deleted');
  assert.equal(judge(entry({ original: [world, from, pod, 80] }, established)), 'pod deleted');
  assert.equal(judge(entry({ original, reply }, established)), undefined);
  assert.equal(judge(entry({ original: ['192.0.2.3', from, '192.0.2.66', to] })), undefined);
  assert.equal(judge(entry({ original: [node, from, world, to] }, established)), undefined);
  const formerPods = new Set([parseAddress('192.0.2.3')]);
  const atOnce = staleness({ ...rules, formerPods, hasPod: (address) => isPod.has(address) });
  assert.equal(
    atOnce(entry({ original, reply }, established)),
    'pod deleted',
    'of who had it before',
  );
});

function onlyTcp({ portMappings = [], ...rest }: LocalEndpoint): LocalEndpoint {
  return { ...rest, portMappings: portMappings.filter(({ protocol }) => protocol === 'tcp') };
}
