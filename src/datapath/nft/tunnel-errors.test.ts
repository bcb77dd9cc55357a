import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import {
  extension,
  icmpEcho,
  icmpTooBig,
  ip,
  nextHeaders,
  tcp,
  udp,
} from '../../../test/support/packets.ts';
import { trace } from '../../../test/support/rule-tracer.ts';
import {
  documentationNode as node,
  type TracedPacket,
} from '../../../test/support/traced-packet.ts';
import { parseAddress } from '../../net/address.ts';

const table = { entries: nftEntriesFor({ tunnelTo: 1 }), node };

const ends = {
  4: { own: '198.51.100.1', peer: '198.51.100.2', outsider: '203.0.113.9', other: '203.0.113.10' },
  6: {
    own: '2001:db8:ffff::1',
    peer: '2001:db8:ffff::2',
    outsider: '2001:db8:9::9',
    other: '2001:db8:9::10',
  },
} as const;

/** The error, and the packet of this node to another one that it is about. */
function about(
  version: 4 | 6,
  protocol: number,
  payload: Uint8Array,
  options?: Uint8Array,
): Uint8Array {
  const { own, peer } = ends[version];
  const between = { source: parseAddress(own), destination: parseAddress(peer) };
  const more = options === undefined ? {} : { options };
  return icmpTooBig(version, ip({ ...between, protocol, ...more }, payload));
}

const toTunnel = udp({ sourcePort: 40000, destinationPort: 4789 });
const ofDevice = udp({ sourcePort: 4789, destinationPort: 40000 });
const toOther = udp({ sourcePort: 40000, destinationPort: 53 });
const bytes = new Uint8Array(8);
const vxlanLikeTcp = tcp({ sourcePort: 4789, destinationPort: 4789, flags: 16 });

interface Case {
  readonly what: string;
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly options?: Uint8Array;
  readonly more?: Partial<TracedPacket>;
  /** Number of the matching rule, and whether it drops. */
  readonly rule?: number;
  readonly isDropped?: boolean;
}

const dropped = { isDropped: true } as const;

const cases: Readonly<Record<4 | 6, readonly Case[]>> = {
  4: [
    { what: 'a packet in the tunnel', protocol: 17, payload: toTunnel, rule: 7, ...dropped },
    {
      what: 'a packet in the tunnel with IP options',
      ...{ protocol: 17, payload: toTunnel, options: new Uint8Array(4).fill(1) },
      ...{ rule: 4, ...dropped },
    },
    { what: 'a packet of the device', protocol: 17, payload: ofDevice, rule: 6, ...dropped },
    {
      what: "the kernel's echo reply",
      ...{ protocol: 1, payload: icmpEcho(4, { id: 1, reply: true }), rule: 5, ...dropped },
    },
    {
      what: 'an echo request',
      ...{ protocol: 1, payload: icmpEcho(4, { id: 1 }), rule: 5, ...dropped },
    },
    {
      what: 'a packet in the tunnel, itself a first fragment',
      ...{ protocol: 17, payload: toTunnel, more: { fragment: 'first' }, rule: 2, ...dropped },
    },
    { what: 'VRRP', protocol: 112, payload: bytes, rule: 5, ...dropped },
    { what: 'OSPF', protocol: 89, payload: bytes, rule: 5, ...dropped },
    { what: 'GRE', protocol: 47, payload: bytes, rule: 5, ...dropped },
    { what: 'a packet to another port', protocol: 17, payload: toOther },
    { what: 'TCP', protocol: 6, payload: vxlanLikeTcp, rule: 3 },
    { what: 'IPsec', protocol: 50, payload: bytes, rule: 3 },
    {
      what: 'a packet of another host',
      ...{ protocol: 17, payload: toTunnel, more: { destination: ends[4].other }, rule: 1 },
    },
  ],
  6: [
    { what: 'a packet in the tunnel', protocol: 17, payload: toTunnel, rule: 6, ...dropped },
    { what: 'a packet of the device', protocol: 17, payload: ofDevice, rule: 5, ...dropped },
    {
      what: 'a packet in the tunnel behind an extension header',
      protocol: nextHeaders.destinationOptions,
      payload: extension({ kind: nextHeaders.destinationOptions, next: 17 }, toTunnel),
      ...{ rule: 4, ...dropped },
    },
    {
      what: "the kernel's echo reply",
      ...{ protocol: 58, payload: icmpEcho(6, { id: 1, reply: true }), rule: 4, ...dropped },
    },
    {
      what: 'a packet in the tunnel, itself a first fragment',
      ...{ protocol: 17, payload: toTunnel, more: { fragment: 'first' }, rule: 2, ...dropped },
    },
    { what: 'OSPF', protocol: 89, payload: bytes, rule: 4, ...dropped },
    { what: 'a packet to another port', protocol: 17, payload: toOther },
    { what: 'TCP', protocol: 6, payload: vxlanLikeTcp, rule: 3 },
    { what: 'IPsec', protocol: 50, payload: bytes, rule: 3 },
    {
      what: 'a packet of another host',
      ...{ protocol: 17, payload: toTunnel, more: { destination: ends[6].other }, rule: 1 },
    },
    {
      what: 'a packet in the tunnel, to all nodes',
      ...{ protocol: 17, payload: toTunnel, more: { destination: 'ff02::1' }, rule: 6, ...dropped },
    },
    {
      what: "a packet in the tunnel, to the routers' anycast address",
      ...{ protocol: 17, payload: toTunnel, more: { destination: '2001:db8:ffff::' } },
      ...{ rule: 6, ...dropped },
    },
  ],
};

const kinds = {
  4: { type: 'destination-unreachable', code: 'frag-needed' },
  6: { type: 'packet-too-big', code: 'no-route' },
} as const;
const places = {
  4: ['tunnel_arrives 3', 'tunnel_errors'],
  6: ['tunnel_arrives 4', 'tunnel_errors6'],
};

for (const version of [4, 6] as const) {
  for (const { what, protocol, payload, options, more, rule, isDropped = false } of cases[
    version
  ]) {
    test(`IPv${version}, path-MTU error about ${what}: ${isDropped ? 'dropped' : 'passes'}`, () => {
      const { outsider: source, own: destination } = ends[version];
      const traced = trace(table, 'prerouting', {
        ...{ source, destination, iif: 'up0', protocol: version === 4 ? 'icmp' : 'icmpv6' },
        icmp: kinds[version],
        transport: about(version, protocol, payload, options),
        ...more,
      });
      const [jump, chain] = places[version];
      const inner = rule === undefined ? [] : [`${chain} ${rule}`];
      assert.deepEqual(traced.rules, [jump, ...inner, ...(isDropped ? [] : ['direct 3'])]);
      assert.deepEqual(
        [traced.verdict, traced.counters],
        isDropped ? ['drop', ['tunnel_error']] : ['accept', []],
      );
    });
  }
}

test('another ICMP error is not about path MTU', () => {
  const icmp = { type: 'destination-unreachable', code: 'port-unreachable' };
  const { outsider: source, own: destination } = ends[4];
  const transport = about(4, 17, toTunnel);
  const packet = { source, destination, protocol: 'icmp', icmp, transport } as const;
  assert.deepEqual(trace(table, 'prerouting', packet).rules, ['direct 3']);
});

const toNode: readonly {
  readonly what: string;
  readonly protocol?: number;
  readonly state?: TracedPacket['state'];
  readonly between?: readonly ['own' | 'peer' | 'outsider', 'own' | 'peer' | 'outsider'];
  readonly isDropped: boolean;
}[] = [
  { what: 'to another node', between: ['own', 'peer'], isDropped: true },
  { what: 'of another node', between: ['peer', 'own'], isDropped: true },
  { what: 'to the outside', between: ['own', 'outsider'], isDropped: false },
  { what: 'of the outside', between: ['outsider', 'own'], isDropped: false },
  { what: 'that is not known', state: 'invalid', isDropped: true },
  { what: 'that is not tracked', state: 'untracked', isDropped: true },
  { what: 'of IPsec', between: ['own', 'peer'], protocol: 50, isDropped: false },
];

for (const version of [4, 6] as const) {
  for (const { what, protocol = 6, state = 'related', between, isDropped } of toNode) {
    test(`IPv${version}, path-MTU error to this node about a connection ${what}: ${isDropped ? 'dropped' : 'passes'}`, () => {
      const { outsider: source, own: destination } = ends[version];
      const [original, reply] = (between ?? []).map((name) => ends[version][name]);
      const traced = trace(table, 'input', {
        ...{ source, destination, iif: 'up0', protocol: version === 4 ? 'icmp' : 'icmpv6' },
        ...{ icmp: kinds[version], state },
        ...(original === undefined || reply === undefined ? {} : { ends: { original, reply } }),
        transport: about(version, protocol, vxlanLikeTcp),
      });
      assert.deepEqual(
        [traced.verdict, traced.counters],
        isDropped ? ['drop', ['tunnel_error']] : ['accept', []],
      );
    });
  }
}
