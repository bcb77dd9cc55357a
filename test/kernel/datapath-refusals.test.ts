// What nobody may send: each kind of packet with its own drop reason, beside its honest neighbours.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { dropReason, dropReasonNames, type ProgramName } from '../../src/datapath/generated.ts';
import { type Address, addressFamily, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { protocols } from '../../src/net/protocol.ts';
import { giveExit, routeKeyOf, type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  db,
  gatewayMac,
  hostMac,
  places,
  tunnelDevice,
  tunnelEnds,
  tunnelPort,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import { clear, nativeRange, reroute, tunnelRange } from '../support/flow-packets.ts';
import { runIn } from '../support/namespaces.ts';
import { type OuterHeader, usualOuter } from '../support/out-of-tunnel.ts';
import {
  ethernet,
  etherTypes,
  extension,
  fragment,
  type IpHeader,
  icmpEcho,
  icmpError,
  icmpProtocol,
  ip,
  joined,
  nextHeaders,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const ports = { sourcePort: 40000, destinationPort: 53 };
const toTunnel = { sourcePort: 40000, destinationPort: tunnelPort };

type Body = readonly [protocol: number, payload: Uint8Array];

function datagram(to: { sourcePort: number; destinationPort: number } = ports): Body {
  return [protocols.udp, udp(to, new Uint8Array(8))];
}

interface Sent {
  readonly program?: ProgramName;
  readonly ifIndex?: IfIndex;
  readonly source: string;
  readonly destination: string;
  readonly body?: Body;
  readonly header?: Partial<IpHeader>;
  readonly outer?: OuterHeader;
}

/** The drop's reason, or what was done with it. */
function fate(datapath: TestDatapath, sent: Sent): string {
  const { program = 'from_pod', body: [protocol, payload] = datagram(), header = {} } = sent;
  const source = parseAddress(sent.source);
  const addresses = { source, destination: sent.destination as Address };
  const isIpv4 = addressFamily(source) === 4;
  const packet = ethernet(
    {
      source: program === 'from_pod' ? web.mac : gatewayMac,
      destination: program === 'from_pod' ? gatewayMac : hostMac,
      type: isIpv4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip({ ...addresses, protocol, ...header }, payload),
  );
  const ifIndex =
    sent.ifIndex ??
    { from_pod: web.ifIndex, from_network: uplink }[program as 'from_pod'] ??
    tunnelDevice;
  const outer = sent.outer ?? usualOuter;
  const { outcome } = observe(datapath, program, packet, { ifIndex, outer });
  return outcome.dropped[0] ?? outcome.verdict;
}

interface Case extends Sent {
  readonly what: string;
  readonly fate: string;
}

async function check(
  context: TestContext,
  datapath: TestDatapath,
  cases: readonly Case[],
): Promise<void> {
  for (const each of cases) {
    await context.test(`${each.what}: ${each.source} > ${each.destination}: ${each.fate}`, () => {
      clear(datapath);
      assert.equal(fate(datapath, each), each.fate);
    });
  }
}

const named = (reason: number): string => dropReasonNames[reason] ?? '';
const malformed = named(dropReason.malformed);
const martian = named(dropReason.martian);
const spoofed = named(dropReason.spoofedAddress);
const forTunnel = named(dropReason.tunnelPort);
const forgedError = named(dropReason.forgedError);
const neighbour = named(dropReason.neighbourDiscovery);
const sourceRoute = named(dropReason.sourceRoute);
const outside = named(dropReason.spoofedOutside);
const notTheNode = named(dropReason.spoofedTunnel);

const mappedDb = `::ffff:${db[4]}`;
const mappedWeb = `::ffff:${web[4]}`;

const addresses: readonly Case[] = [
  ...['127.0.0.1', '127.255.255.255', '0.0.0.0', '0.1.2.3'].map((destination) => ({
    ...{ what: 'never on a network', source: web[4], destination, fate: martian },
  })),
  ...['::', '::1'].map((destination) => ({
    ...{ what: 'never on a network', source: web[6], destination, fate: martian },
  })),
  ...[mappedDb, '::ffff:127.0.0.1', `::${db[4]}`, '::2'].map((destination) => ({
    ...{ what: 'IPv4 in an IPv6 header', source: web[6], destination, fate: malformed },
  })),
  ...[mappedWeb, mappedDb, `::${web[4]}`].map((source) => ({
    ...{ what: 'IPv4 in an IPv6 header', source, destination: mappedDb, fate: malformed },
  })),
  ...['127.0.0.1', '0.0.0.0', '224.0.0.1', '240.0.0.1', '255.255.255.255', places.node[4]].map(
    (source) => ({ what: 'not its own', source, destination: db[4], fate: spoofed }),
  ),
  ...['::', '::1', 'fe80::1', 'ff02::1', places.node[6]].map((source) => ({
    ...{ what: 'not its own', source, destination: db[6], fate: spoofed },
  })),
  { what: 'honest', source: web[4], destination: db[4], fate: 'redirect' },
  { what: 'honest', source: web[6], destination: db[6], fate: 'redirect' },
];

rootTest('addresses that no packet of a pod has', async (context) => {
  await check(context, testDatapath(context), addresses);
});

rootTest('a mapped address rides on no IPv4 flow, on whatever hook', (context) => {
  const datapath = testDatapath(context);
  const there = { source: db[4], destination: web[4] };
  for (const program of ['from_pod', 'to_pod', 'from_overlay'] as const) {
    fate(datapath, { source: web[4], destination: db[4] });
    fate(datapath, { program: 'to_pod', ifIndex: web.ifIndex, ...there });
    const sent = { source: mappedWeb, destination: mappedDb };
    assert.equal(fate(datapath, { program, ...sent }), malformed, program);
    clear(datapath);
  }
});

rootTest('an address of a family that the pod does not have is not its own', (context) => {
  const datapath = testDatapath(context);
  const endpoint = datapath.endpoints.get({ ifindex: web.ifIndex }) ?? assert.fail();
  const absent = parseAddress('::');
  datapath.endpoints.set({ ifindex: web.ifIndex }, { ...endpoint, ipv6: absent });
  for (const source of ['::', web[6]]) {
    for (const destination of [db[6], places.node[6], places.world[6]]) {
      assert.equal(fate(datapath, { source, destination }), spoofed, source);
    }
  }
  datapath.endpoints.set({ ifindex: web.ifIndex }, { ...endpoint, ipv4: absent });
  for (const source of ['0.0.0.0', web[4]]) {
    assert.equal(fate(datapath, { source, destination: db[4] }), spoofed, source);
  }
  assert.equal(fate(datapath, { source: web[6], destination: db[6] }), 'redirect');
});

const tunnelPorts: readonly Case[] = (
  [
    ['this node', places.node, forTunnel],
    ['another node', places.otherNode, forTunnel],
    ['another pod', db, 'redirect'],
    ['a remote pod', places.native, 'redirect'],
  ] as const
).flatMap(([what, place, expected]) =>
  ([4, 6] as const).flatMap((family): Case[] => {
    const sent = { source: web[family], destination: place[family] };
    const honest = expected === forTunnel ? 'pass' : expected;
    const lite: Body = [136, udp(toTunnel, new Uint8Array(8))];
    return [
      { what, ...sent, body: datagram(toTunnel), fate: expected },
      { what: `${what}, another port`, ...sent, body: datagram(), fate: honest },
      // The stack has what cannot be asked for, fragments among it (docs/datapath.md, "Who owns a flow").
      { what: `${what}, UDP-Lite`, ...sent, body: lite, fate: 'pass' },
      ...fragmentsOf(family).map(([which, fragmented, isFirst]) => ({
        ...{ what: `${what}, ${which}`, ...sent, ...fragmented },
        fate: isFirst && (which === 'only fragment' || expected === forTunnel) ? expected : 'pass',
      })),
    ];
  }),
);

/** Of a datagram to the tunnel's port. Only the first has the ports, and nothing comes of the others without it. */
function fragmentsOf(
  family: 4 | 6,
): readonly (readonly [string, Pick<Sent, 'body' | 'header'>, boolean])[] {
  const [protocol, first] = datagram(toTunnel);
  const rest = new Uint8Array(16);
  if (family === 4) {
    return [
      ['first fragment', { body: [protocol, first], header: { moreFragments: true } }, true],
      ['later fragment', { body: [protocol, rest], header: { fragmentOffset: 16 } }, false],
    ];
  }
  const wrap = (offset: number, more: boolean, payload: Uint8Array): Pick<Sent, 'body'> => ({
    body: [nextHeaders.fragment, fragment({ next: protocol, offset, more }, payload)],
  });
  return [
    ['first fragment', wrap(0, true, first), true],
    ['only fragment', wrap(0, false, first), true],
    ['later fragment', wrap(16, false, rest), false],
  ];
}

rootTest('a pod does not reach the port of the tunnels of any node', async (context) => {
  await check(context, testDatapath(context), tunnelPorts);
});

rootTest('whatever port it is, and at addresses that only the stack knows', (context) => {
  const datapath = testDatapath(context);
  giveExit(datapath);
  const { namespace, underlay } = datapath;
  const also = '10.88.0.1';
  runIn(namespace, 'ip', 'address', 'add', `${also}/24`, 'dev', `peer${uplink}`);
  runIn(namespace, 'sysctl', '-qw', `net.ipv4.conf.test${web.ifIndex}.forwarding=1`);
  const sent = { source: web[4], body: datagram(toTunnel) };
  assert.equal(fate(datapath, { ...sent, destination: also }), forTunnel);
  assert.equal(fate(datapath, { ...sent, destination: places.world[4] }), 'pass', 'the world');
  underlay.set(0, { address: places.node[4], ifindex: 0, port: 8472 });
  assert.equal(fate(datapath, { ...sent, destination: also }), 'pass');
  const other = datagram({ sourcePort: 1, destinationPort: 8472 });
  assert.equal(fate(datapath, { ...sent, body: other, destination: also }), forTunnel);
  underlay.set(0, { address: parseAddress('::'), ifindex: 0, port: 0 });
  assert.equal(fate(datapath, { ...sent, body: other, destination: also }), 'pass', 'mode native');
});

rootTest("a flow of a pod to a port that becomes the tunnels' is looked up again", (context) => {
  const datapath = testDatapath(context);
  const sent = { source: web[4], destination: places.node[4] };
  assert.equal(fate(datapath, sent), 'pass');
  assert.equal(fate(datapath, sent), 'pass');
  datapath.underlay.set(0, { address: places.node[4], ifindex: 0, port: ports.destinationPort });
  datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
  assert.equal(fate(datapath, sent), forTunnel);
});

/** An error about a packet of `about`. */
function error(family: 4 | 6, type: number, about: { from: string; to: string }): Body {
  const quoted = ip(
    {
      source: parseAddress(about.from),
      destination: parseAddress(about.to),
      protocol: protocols.udp,
    },
    udp(ports, new Uint8Array(8)),
  );
  return [icmpProtocol(family), icmpError(type, quoted)];
}

const errorTypes = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4, 100, 127] } as const;

const errors: readonly Case[] = ([4, 6] as const).flatMap((family) => {
  const [own, other, node] = [web[family], db[family], places.node[family]];
  const other2 = places.native[family];
  const sent = { source: own, destination: node };
  return [
    ...errorTypes[family].flatMap((type): Case[] => [
      {
        ...{ what: `type ${type}, about what the pod was sent`, ...sent },
        ...{ body: error(family, type, { from: node, to: own }), fate: 'pass' },
      },
      ...(
        [
          ['about what another was sent', node, other],
          ['about what the pod itself sent', own, node],
          ['about what somebody else sent the pod', other2, own],
          ['about the node and another node', node, places.otherNode[family]],
        ] as const
      ).map(([what, from, to]) => ({
        ...{ what: `type ${type}, ${what}`, ...sent },
        ...{ body: error(family, type, { from, to }), fate: forgedError },
      })),
    ]),
    {
      ...{ what: 'an error that quotes nothing', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array())],
    },
    {
      ...{ what: 'an error that quotes half a header', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array(12).fill(0x45))],
    },
    {
      ...{ what: 'an error about a packet of the other family', ...sent, fate: forgedError },
      body: [
        icmpProtocol(family),
        error(family === 4 ? 6 : 4, 3, {
          from: places.node[family === 4 ? 6 : 4],
          to: web[family === 4 ? 6 : 4],
        })[1],
      ],
    },
    {
      ...{ what: 'to a pod here, about what it sent', source: own, destination: other },
      ...{ body: error(family, 3, { from: other, to: own }), fate: 'redirect' },
    },
    {
      ...{ what: 'an echo request', ...sent, fate: 'pass' },
      body: [icmpProtocol(family), icmpEcho(family, { id: 1 })],
    },
  ];
});

rootTest('an ICMP error of a pod is about a packet that it was sent', async (context) => {
  await check(context, testDatapath(context), errors);
});

rootTest('a pod is neither router nor neighbour', async (context) => {
  const types = [133, 134, 135, 136, 137];
  const cases = types.flatMap((type) =>
    [places.node[6], db[6], places.native[6]].map((destination) => ({
      ...{ what: `type ${type}`, source: web[6], destination, fate: neighbour },
      body: [protocols.icmpv6, joined([type, 0], new Uint8Array(22))] as const,
    })),
  );
  await check(context, testDatapath(context), cases);
});

const options = (...bytes: number[]): Uint8Array => {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
};

const sourceRoutes: readonly Case[] = [
  ...([0x83, 0x89] as const).flatMap((kind) =>
    [
      options(kind, 7, 4, 127, 0, 0, 1),
      options(1, 1, 1, kind, 7, 4, 192, 0, 2, 11),
      options(7, 7, 4, 0, 0, 0, 0, kind, 7, 4, 192, 0, 2, 11),
      options(...Array.from({ length: 37 }, () => 1), kind, 3, 4),
    ].map((bytes) => ({
      ...{ what: `option ${kind} in ${bytes.length} bytes`, source: web[4], destination: db[4] },
      ...{ header: { options: bytes }, fate: sourceRoute },
    })),
  ),
  ...[
    options(7, 7, 4, 0, 0, 0, 0),
    options(0x94, 4, 0, 0),
    options(0, 0x83, 7, 4, 127, 0, 0, 1),
    options(7, 11, 4, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83),
  ].map((bytes) => ({
    ...{ what: 'other options', source: web[4], destination: db[4] },
    ...{ header: { options: bytes }, fate: 'redirect' },
  })),
  ...[0, 2, 3, 4, 200].flatMap((kind) =>
    ([0, 1, 255] as const).map((left) => {
      const routing = extension({ kind: 43, next: protocols.udp, length: 24 }, datagram()[1]);
      routing.set([kind, left], 2);
      const fate = left === 0 ? 'redirect' : sourceRoute;
      return {
        ...{ what: `routing type ${kind}, ${left} left`, source: web[6], destination: db[6], fate },
        body: [nextHeaders.routing, routing] as const,
      };
    }),
  ),
];

rootTest('a packet does not say which way it wants to take', async (context) => {
  const datapath = testDatapath(context);
  await check(context, datapath, sourceRoutes);
  const [first] = sourceRoutes;
  const plain = { source: web[4], destination: db[4] };
  assert.equal(fate(datapath, plain), 'redirect');
  assert.equal(first && fate(datapath, first), sourceRoute, 'nor on an established flow');
});

const fromOutside: readonly Case[] = ([4, 6] as const).flatMap((family): Case[] => {
  const sent = { program: 'from_network', destination: db[family] } as const;
  const cases = [
    ['a pod of a neighbour', places.native, 'redirect'],
    ['a pod of this node', web, outside],
    ['the receiver itself', db, outside],
    ["an address of this node's range", places.nobody, outside],
    ['this node', places.node, outside],
    ['a pod behind a tunnel', places.tunnelled, outside],
    ['a pod behind a tunnel over IPv6', places.tunnelledOverIpv6, outside],
    ['another node', places.otherNode, 'next'],
    ['the world', places.world, 'next'],
  ] as const;
  return [
    ...cases.map(([what, place, expected]) => ({
      ...{ what, ...sent, source: place[family], fate: expected },
    })),
    {
      ...{ what: "a neighbour's pod by another interface", ...sent, ifIndex: tunnelDevice },
      ...{ source: places.native[family], fate: outside },
    },
  ];
});

rootTest('from outside, a pod comes by the interface of its route alone', async (context) => {
  const datapath = testDatapath(context);
  await check(context, datapath, fromOutside);
  for (const family of [4, 6] as const) {
    const sent: Sent = {
      ...{ program: 'from_network', source: places.native[family], destination: db[family] },
    };
    const elsewhere = { ...sent, ifIndex: tunnelDevice };
    clear(datapath);
    assert.equal(fate(datapath, sent), 'redirect');
    assert.equal(fate(datapath, sent), 'redirect');
    assert.equal(fate(datapath, elsewhere), outside, 'nor on an established flow');
    for (const otherIfindex of [
      [tunnelDevice, 0, 0],
      [7, tunnelDevice, 0],
      [7, 8, tunnelDevice],
    ]) {
      reroute(datapath, nativeRange[family], { otherIfindex });
      assert.equal(fate(datapath, elsewhere), 'redirect', 'two uplinks in one network');
    }
    reroute(datapath, nativeRange[family], { otherIfindex: [0, 0, 0] });
  }
});

const stranger = parseAddress('203.0.113.66');
const overIpv6: OuterHeader = {
  source: tunnelEnds.tunnelledOverIpv6,
  destination: places.node[6],
  vni: usualOuter.vni,
};

const fromTunnel: readonly Case[] = ([4, 6] as const).flatMap((family): Case[] => {
  const sent = { program: 'from_overlay', destination: db[family] } as const;
  const owned = { ...sent, source: places.tunnelled[family] };
  const sources = [
    ['a pod of that node', places.tunnelled, 'redirect'],
    ['that node itself', places.otherNode, 'next'],
    ['a pod of another node', places.tunnelledOverIpv6, notTheNode],
    ['a pod of a native route', places.native, notTheNode],
    ['a pod here', web, notTheNode],
    ['the receiver', db, notTheNode],
    ['nobody of our range', places.nobody, notTheNode],
    ['this node', places.node, notTheNode],
    ['the world', places.world, notTheNode],
  ] as const;
  const outers: readonly (readonly [string, Partial<OuterHeader>])[] = [
    ['from a stranger', { source: stranger }],
    [
      'from a stranger over IPv6',
      { source: parseAddress('2001:db8:ffff::66'), destination: places.node[6] },
    ],
    ['from this node', { source: places.node[4] }],
    ['to another address', { destination: parseAddress('203.0.113.9') }],
    ['in another VNI', { vni: 77 }],
    ['in VNI 0', { vni: 0 }],
    ['out of no tunnel', { absent: true }],
  ];
  return [
    ...sources.map(([what, place, expected]) => ({
      ...{ what, ...sent, source: place[family], fate: expected },
    })),
    ...outers.flatMap(([what, outer]) =>
      [db, places.node].map((to) => ({
        ...{ what, ...owned, destination: to[family] },
        ...{ outer: { ...usualOuter, ...outer }, fate: notTheNode },
      })),
    ),
    { what: 'to this node', ...owned, destination: places.node[family], fate: 'next' },
  ];
});

function laterFragment(family: 4 | 6): Pick<Sent, 'body' | 'header'> {
  const later = fragmentsOf(family).at(-1);
  assert(later !== undefined);
  return later[1];
}

rootTest('the tunnel brings only what its sender has', async (context) => {
  await check(context, testDatapath(context), fromTunnel);
});

rootTest('each packet without a flow shows who it is, too', (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const sent = { program: 'from_overlay', source: places.tunnelled[family] } as const;
    const shapes: readonly (readonly [string, Pick<Sent, 'body' | 'header'>])[] = [
      ['next', laterFragment(family)],
      ['next', { body: [47, new Uint8Array(24)] }],
      ['redirect', { body: error(family, 3, { from: db[family], to: places.tunnelled[family] }) }],
    ];
    for (const [toPod, shape] of shapes) {
      for (const destination of [db[family], places.node[family]]) {
        const honest = fate(datapath, { ...sent, ...shape, destination });
        assert.equal(honest, destination === db[family] ? toPod : 'next');
        const outer = { ...usualOuter, source: stranger };
        assert.equal(fate(datapath, { ...sent, ...shape, destination, outer }), notTheNode);
      }
    }
  }
});

rootTest('no entry vouches for a sender that it does not know', async (context) => {
  const datapath = testDatapath(context);
  for (const family of [4, 6] as const) {
    const there = { source: web[family], destination: places.tunnelled[family] };
    const back: Sent = {
      ...{ program: 'from_overlay', source: there.destination, destination: there.source },
      body: datagram({ sourcePort: 53, destinationPort: 40000 }),
    };
    const forged: readonly Partial<OuterHeader>[] = [
      { source: stranger },
      { source: tunnelEnds.tunnelledOverIpv6, destination: places.node[6] },
      { vni: 77 },
      { destination: parseAddress('203.0.113.9') },
      { absent: true },
    ];
    await context.test(`IPv${family}: neither one that this end opened nor one of both`, () => {
      clear(datapath);
      fate(datapath, there);
      for (let round = 0; round < 3; round++) {
        for (const outer of forged) {
          const found = fate(datapath, { ...back, outer: { ...usualOuter, ...outer } });
          assert.equal(found, notTheNode, JSON.stringify(outer));
        }
        assert.equal(fate(datapath, back), 'redirect');
      }
    });
    await context.test(`IPv${family}: nor after the pod has moved to another node`, () => {
      clear(datapath);
      fate(datapath, back);
      assert.equal(fate(datapath, back), 'redirect');
      reroute(datapath, tunnelRange[family], { nextHop: stranger });
      datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
      assert.equal(fate(datapath, back), notTheNode);
      const outer = { ...usualOuter, source: stranger };
      assert.equal(fate(datapath, { ...back, outer }), 'redirect');
      assert.equal(fate(datapath, { ...back, outer }), 'redirect');
      reroute(datapath, tunnelRange[family], { nextHop: tunnelEnds.tunnelled });
      datapath.tableGeneration.set(0, (datapath.tableGeneration.get(0) ?? 0) + 1);
    });
  }
});

rootTest('tunnels over IPv6 are held to the same', (context) => {
  const datapath = testDatapath(context);
  datapath.underlay.set(0, { address: places.node[6], ifindex: 0, port: tunnelPort });
  for (const family of [4, 6] as const) {
    const sent: Sent = {
      ...{ program: 'from_overlay', source: places.tunnelledOverIpv6[family] },
      destination: db[family],
    };
    for (let round = 0; round < 3; round++) {
      assert.equal(fate(datapath, { ...sent, outer: overIpv6 }), 'redirect');
      for (const outer of [
        { source: parseAddress('2001:db8:ffff::5') },
        { vni: 77 },
        { destination: parseAddress('2001:db8:ffff::9') },
      ]) {
        const found = fate(datapath, { ...sent, outer: { ...overIpv6, ...outer } });
        assert.equal(found, notTheNode, JSON.stringify(outer));
      }
      assert.equal(fate(datapath, { ...sent, outer: usualOuter }), notTheNode);
    }
    clear(datapath);
  }
});

rootTest('a node may send by its tunnel as any of its addresses, and from any', (context) => {
  const datapath = testDatapath(context);
  const second = parseAddress('203.0.113.33');
  const key = routeKeyOf('203.0.113.33/32');
  const route = datapath.routes.get(routeKeyOf('203.0.113.3/32')) ?? assert.fail();
  datapath.routes.set(key, route);
  const outer = { ...usualOuter, source: second };
  for (const source of [places.tunnelled[4], places.otherNode[4], second]) {
    const sent = { program: 'from_overlay', source, destination: db[4] } as const;
    for (let round = 0; round < 3; round++) {
      const accepted = source === places.tunnelled[4] ? 'redirect' : 'next';
      assert.equal(fate(datapath, { ...sent, outer }), accepted, source);
      assert.equal(fate(datapath, sent), accepted, source);
    }
  }
});
