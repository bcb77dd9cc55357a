import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { type TracedHook, trace } from '../../../test/support/rule-tracer.ts';
import {
  documentationNode as node,
  type TracedPacket,
} from '../../../test/support/traced-packet.ts';

const tunnel = { tunnelTo: 1 } as const;
const plain = { entries: nftEntriesFor(tunnel), node };
const withServices = {
  entries: nftEntriesFor({ ...tunnel, hasServices: true }),
  node,
};

interface Family {
  readonly version: 4 | 6;
  readonly own: string;
  readonly router: string;
  readonly peer: string;
  readonly outsider: string;
  readonly pod: string;
  readonly all: string;
}

const families: readonly Family[] = [
  {
    version: 4,
    ...{ own: '198.51.100.1', router: '192.0.2.1', peer: '198.51.100.2' },
    ...{ outsider: '198.51.100.77', pod: '192.0.2.5', all: '224.0.0.1' },
  },
  {
    version: 6,
    ...{ own: '2001:db8:ffff::1', router: '2001:db8:1::1', peer: '2001:db8:ffff::2' },
    ...{ outsider: '2001:db8:ffff::77', pod: '2001:db8:1::5', all: 'ff02::1' },
  },
];

interface Case {
  readonly what: string;
  readonly table?: typeof plain;
  readonly at?: TracedHook;
  readonly packet: (family: Family) => Partial<TracedPacket>;
  /** `six`: names a rule of IPv6's; IPv4's is the one before. */
  readonly rules: (
    six: (chain: string, number: number) => string,
    version: 4 | 6,
  ) => readonly string[];
  readonly isDropped?: boolean;
  readonly isUntracked?: boolean;
}

/** Packets that `to_overlay` has let pass. */
const ofDevice = { priority: '6865:6464' } as const;
const ofPod = { iif: 'hd00000000005' } as const;
const refused = { isDropped: true } as const;

const cases: readonly Case[] = [
  {
    what: 'another node: looked up once and not tracked',
    packet: () => ({}),
    rules: (six) => ['direct 3', six('tunnel_arrives_whole', 2)],
    isUntracked: true,
  },
  {
    what: 'another node, the first fragment: looked up before it is put together, and then as a whole',
    packet: () => ({ fragment: 'first' }),
    rules: (six) => [
      ...[six('tunnel_arrives', 2), six('tunnel_check', 2)],
      ...['direct 3', six('tunnel_arrives_whole', 2)],
    ],
    isUntracked: true,
  },
  {
    what: 'a host outside, the first fragment',
    packet: ({ outsider }) => ({ source: outsider, fragment: 'first' }),
    rules: (six) => [six('tunnel_arrives', 2), 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'another node, a later fragment: has no port',
    packet: () => ({ fragment: 'later' }),
    rules: () => ['direct 3'],
  },
  { what: 'another port', packet: () => ({ destinationPort: 53 }), rules: () => ['direct 3'] },
  { what: 'another protocol', packet: () => ({ protocol: 'tcp' }), rules: () => ['direct 3'] },
  {
    what: 'another node, to an address that is no InternalIP',
    packet: ({ router }) => ({ destination: router }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'another node, to all',
    packet: ({ all }) => ({ destination: all }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'a host outside',
    packet: ({ outsider }) => ({ source: outsider }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'a host outside, to yet another: only forwarded',
    packet: ({ outsider }) => ({ source: outsider, destination: outsider }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3'],
  },
  {
    what: 'a pod to this node',
    packet: ({ pod }) => ({ ...ofPod, source: pod }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: "a pod to this node, with another node's address",
    packet: () => ofPod,
    rules: () => ['direct 3', 'tunnel_arrives_whole 3', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'a pod to another node',
    packet: ({ pod, peer }) => ({ ...ofPod, source: pod, destination: peer }),
    rules: (six) => ['direct 3', 'tunnel_arrives_whole 3', six('tunnel_check', 4)],
    ...refused,
  },
  {
    what: 'a pod to a host outside',
    packet: ({ pod, outsider }) => ({ ...ofPod, source: pod, destination: outsider }),
    rules: () => ['direct 3', 'tunnel_arrives_whole 3'],
  },
  {
    what: 'for a process of the node, from another node',
    at: 'input',
    packet: () => ({}),
    rules: (six) => ['tunnel_enters 2', six('tunnel_check', 2)],
  },
  {
    what: 'for a process of the node, from a pod, where a rule has led it',
    at: 'input',
    packet: ({ pod }) => ({ ...ofPod, source: pod }),
    rules: () => ['tunnel_enters 2', 'tunnel_check 5'],
    ...refused,
  },
  {
    what: 'for a process of the node, from another node, where a rule has led it',
    at: 'input',
    packet: () => ({ isDnat: true }),
    rules: () => ['tunnel_enters 1'],
    ...refused,
  },
  {
    what: 'for a process of the node, the first of a tracked connection',
    at: 'input',
    packet: () => ({}),
    rules: (six) => ['tunnel_enters 2', six('tunnel_check', 2)],
  },
  {
    what: 'for a process of the node, not tracked',
    at: 'input',
    packet: () => ({ state: 'untracked' }),
    rules: () => [],
  },
  {
    what: 'for a process of the node, on a node with Services',
    table: withServices,
    at: 'input',
    packet: () => ({ state: 'untracked' }),
    rules: () => ['tunnel_before_services 1', 'tunnel_after_services 2'],
  },
  {
    what: 'through this node, from a pod, where a rule has led it',
    at: 'forward',
    packet: ({ pod, peer }) => ({ ...ofPod, source: pod, destination: peer }),
    rules: (six) => ['tunnel_passes 1', six('tunnel_check', 4)],
    ...refused,
  },
  {
    what: 'through this node, of a host outside',
    at: 'forward',
    packet: ({ outsider, peer }) => ({ source: outsider, destination: peer }),
    rules: (_six, version) => [`tunnel_passes ${version === 4 ? 2 : 4}`],
    ...refused,
  },
  {
    what: 'through this node, of another node',
    at: 'forward',
    packet: ({ peer }) => ({ destination: peer }),
    rules: () => [],
  },
  {
    what: 'through this node, of another node, where a rule has led it',
    at: 'forward',
    packet: ({ peer }) => ({ destination: peer, isDnat: true }),
    rules: (_six, version) => [`tunnel_passes ${version === 4 ? 3 : 5}`],
    ...refused,
  },
  {
    what: "the VXLAN device's, to another node: not tracked",
    at: 'output',
    packet: ({ own, peer }) => ({ ...ofDevice, source: own, destination: peer }),
    rules: (six) => ['tunnel_leaves 1', 'tunnel_sent 3', six('tunnel_sent', 5)],
    isUntracked: true,
  },
  {
    what: "a process's of this node, to another node",
    at: 'output',
    packet: ({ own, peer }) => ({ source: own, destination: peer }),
    rules: (six) => ['tunnel_leaves 1', six('tunnel_sent', 2)],
    ...refused,
  },
  {
    what: "the VXLAN device's, of another address of this node",
    at: 'output',
    packet: ({ router, peer }) => ({ ...ofDevice, source: router, destination: peer }),
    rules: () => ['tunnel_leaves 1', 'tunnel_sent 3'],
  },
  {
    what: 'what a rule leads to another node',
    at: 'output',
    packet: ({ router, peer }) => ({
      ...ofDevice,
      source: router,
      destination: peer,
      isDnat: true,
    }),
    rules: (six) => ['tunnel_leaves 1', 'tunnel_sent 3', six('tunnel_led_out', 2)],
    ...refused,
  },
  {
    what: "of a pod's address: what IPVS leads to another node",
    at: 'output',
    packet: ({ pod, peer }) => ({ source: pod, destination: peer }),
    rules: (six) => ['tunnel_leaves 1', six('tunnel_sent', 2)],
    ...refused,
  },
  {
    what: "this node's own, to a host outside",
    at: 'output',
    packet: ({ own, outsider }) => ({ source: own, destination: outsider }),
    rules: () => ['tunnel_leaves 1'],
  },
];

for (const family of families) {
  for (const { what, table = plain, at = 'prerouting', packet, rules, ...wanted } of cases) {
    test(`IPv${family.version}, to the tunnel's port: ${what}`, () => {
      const { peer: source, own: destination, version } = family;
      const given = {
        source,
        destination,
        protocol: 'udp',
        destinationPort: 4789,
        iif: 'up0',
      } as const;
      const traced = trace(table, at, { ...given, ...packet(family) });
      const six = (chain: string, number: number): string =>
        `${chain} ${version === 4 ? number - 1 : number}`;
      const expected = rules(six, version);
      assert.deepEqual(traced.rules, expected);
      const { isDropped = false, isUntracked = false } = wanted;
      assert.equal(traced.verdict, isDropped ? 'drop' : 'accept');
      assert.deepEqual(traced.counters, isDropped ? ['foreign_tunnel'] : []);
      if (isUntracked) assert.equal(traced.packet.state, 'untracked');
      assert.equal(traced.packet.priority ?? 'none', 'none');
    });
  }
}
