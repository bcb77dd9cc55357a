import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf } from '../../../test/support/entries-of.ts';
import { nftDesired, nftEntriesFor } from '../../../test/support/nft-states.ts';
import { tcpFlags } from '../../../test/support/packets.ts';
import { type TracedHook, trace } from '../../../test/support/rule-tracer.ts';
import {
  documentationNode as node,
  type TracedPacket,
} from '../../../test/support/traced-packet.ts';
import { nftContents } from './rules.ts';

const table = { entries: nftEntriesFor({ masquerade: true, mapped: [5] }), node };
const withTunnels = {
  entries: nftEntriesFor({ masquerade: true, mapped: [5], tunnelTo: 1 }),
  node,
};

const families = {
  4: {
    pod: '192.0.2.5',
    own: '198.51.100.1',
    world: '203.0.113.9',
    exempt: '192.0.2.6',
    far: '10.9.2.5',
  },
  6: {
    pod: '2001:db8:1::5',
    own: '2001:db8:ffff::1',
    world: '2001:db8:9::9',
    exempt: '2001:db8:1::6',
    far: '2001:db8:2::5',
  },
} as const;
const ofPod = { iif: 'hd00000000005' } as const;
const { syn, ack, rst } = tcpFlags;

type Version = 4 | 6;
type Names = Record<'pod' | 'own' | 'world' | 'exempt' | 'far', string>;

function tooBig(version: Version): Pick<TracedPacket, 'protocol' | 'icmp' | 'state'> {
  return version === 4
    ? {
        ...{ protocol: 'icmp', state: 'related' },
        icmp: { type: 'destination-unreachable', code: 'frag-needed' },
      }
    : {
        ...{ protocol: 'icmpv6', state: 'related' },
        icmp: { type: 'packet-too-big', code: 'no-route' },
      };
}

/** An address of a container of another network. */
function inner(own: string): string {
  return own.includes(':') ? '2001:db8:77::2' : '198.18.0.2';
}

interface ErrorCase {
  readonly what: string;
  readonly at: TracedHook;
  readonly packet: (names: Names) => Partial<TracedPacket>;
  readonly isDropped?: true;
}

const errorCases: readonly ErrorCase[] = [
  {
    what: 'a pod about its masqueraded connection',
    at: 'forward',
    packet: () => ({ isSnat: true }),
    isDropped: true,
  },
  {
    what: 'a pod to a client of its host port',
    at: 'forward',
    packet: () => ({ isDnat: true }),
    isDropped: true,
  },
  {
    what: 'a pod to this node, a client of its host port',
    at: 'input',
    packet: ({ own }) => ({ isDnat: true, destination: own }),
    isDropped: true,
  },
  {
    what: 'a pod to a client of a Service that IPVS serves at an address of the node',
    at: 'forward',
    packet: ({ own }) => ({ source: own }),
    isDropped: true,
  },
  { what: 'a pod about an untranslated connection', at: 'forward', packet: () => ({}) },
  {
    what: 'a pod about an untranslated connection with this node',
    at: 'input',
    packet: ({ own }) => ({ destination: own }),
  },
  {
    what: 'a router about a masqueraded connection',
    at: 'forward',
    packet: ({ world, pod }) => ({
      ...{ iif: 'up0', source: world, destination: pod, isSnat: true, isReply: true },
    }),
  },
  {
    what: "another node's pod to a client of a node port here",
    at: 'forward',
    packet: ({ far }) => ({ iif: 'heddle_vxlan', source: far, isDnat: true, isReply: true }),
    isDropped: true,
  },
  {
    what: "another node's pod to a client of a node port that IPVS serves here",
    at: 'forward',
    packet: ({ own }) => ({ iif: 'heddle_vxlan', source: own }),
    isDropped: true,
  },
  {
    what: "another node's pod to this node, a client of a Service",
    at: 'input',
    packet: ({ far, own }) => ({
      ...{ iif: 'heddle_vxlan', source: far, destination: own, isDnat: true, isReply: true },
    }),
    isDropped: true,
  },
  {
    what: "another node's pod about an untranslated connection",
    at: 'forward',
    packet: ({ far }) => ({ iif: 'heddle_vxlan', source: far }),
  },
  {
    what: 'a masqueraded container about an answer',
    at: 'forward',
    packet: ({ world, own }) => ({
      ...{ iif: 'docker0', source: inner(own), destination: world, isSnat: true },
    }),
    isDropped: true,
  },
  {
    what: 'a container to a client of its published port',
    at: 'forward',
    packet: ({ world, own }) => ({
      ...{ iif: 'docker0', source: inner(own), destination: world, isDnat: true, isReply: true },
    }),
    isDropped: true,
  },
  {
    what: 'a router outside to a masqueraded container',
    at: 'forward',
    packet: ({ world, own }) => ({
      ...{ iif: 'up0', source: world, destination: inner(own), isSnat: true, isReply: true },
    }),
  },
  {
    what: 'a router outside to a container with a published port',
    at: 'forward',
    packet: ({ world, own }) => ({
      ...{ iif: 'up0', source: world, destination: inner(own), isDnat: true },
    }),
  },
  {
    what: "a router outside to another node's pod that serves a masqueraded client",
    at: 'forward',
    packet: ({ world, far }) => ({ iif: 'up0', source: world, destination: far, isSnat: true }),
  },
  {
    what: 'a router outside to this node, a client of a Service with a server outside',
    at: 'input',
    packet: ({ world, own }) => ({
      ...{ iif: 'up0', source: world, destination: own, isDnat: true, isReply: true },
    }),
  },
  {
    what: 'another error of a pod about its masqueraded connection',
    at: 'forward',
    packet: () => ({ isSnat: true, icmp: { type: 'time-exceeded', code: 'no-route' } }),
  },
];

for (const version of [4, 6] as const) {
  for (const { what, at, packet, isDropped } of errorCases) {
    test(`IPv${version}, path-MTU error: ${what}`, () => {
      const names = families[version];
      const ends = { source: names.pod, destination: names.world };
      const given = { ...ends, ...ofPod, ...tooBig(version), ...packet(names) };
      const { verdict, counters } = trace(withTunnels, at, given);
      const expected = isDropped === true ? ['drop', ['path_mtu']] : ['accept', []];
      assert.deepEqual([verdict, counters], expected);
    });
  }
}

const segments: readonly {
  readonly what: string;
  readonly at: TracedHook;
  readonly packet: (names: Names) => Partial<TracedPacket>;
  readonly isDropped?: true;
}[] = [
  { what: 'a pod to an exempt client', at: 'forward', packet: () => ({}), isDropped: true },
  {
    what: 'to this node, for no socket of it',
    at: 'input',
    packet: ({ own, world }) => ({ iif: 'up0', source: world, destination: own }),
    isDropped: true,
  },
  {
    what: 'to this node, from a pod, for no socket of it',
    at: 'input',
    packet: ({ own }) => ({ destination: own }),
    isDropped: true,
  },
  {
    what: 'to a socket of this node',
    at: 'input',
    packet: ({ own, world }) => ({
      ...{ iif: 'up0', source: world, destination: own },
      isTransparent: false,
    }),
  },
  {
    what: 'to a transparent proxy of this node',
    at: 'input',
    packet: ({ own, world }) => ({
      ...{ iif: 'up0', source: world, destination: own },
      isTransparent: true,
    }),
  },
  { what: 'a reset by a pod', at: 'forward', packet: () => ({ tcpFlags: rst | ack }) },
  { what: 'of a direct flow', at: 'forward', packet: () => ({ state: 'untracked' }) },
  { what: 'of a connection', at: 'forward', packet: () => ({ state: 'established' }) },
  { what: 'that begins one', at: 'forward', packet: () => ({ state: 'new', tcpFlags: syn }) },
  {
    what: 'from the world to a pod',
    at: 'forward',
    packet: ({ pod, world }) => ({ iif: 'up0', source: world, destination: pod }),
  },
];

for (const version of [4, 6] as const) {
  for (const { what, at, packet, isDropped } of segments) {
    test(`IPv${version}, segment outside its connection: ${what}`, () => {
      const names = families[version];
      const { verdict, counters } = trace(table, at, {
        ...{ source: names.pod, destination: names.exempt, ...ofPod },
        ...{ protocol: 'tcp', tcpFlags: ack, state: 'invalid' },
        ...packet(names),
      });
      const expected = isDropped === true ? ['drop', ['stray_segment']] : ['accept', []];
      assert.deepEqual([verdict, counters], expected);
    });
  }
}

test('nothing is tracked on behalf of these rules alone, and no socket is matched without the expression', () => {
  const chains = (desired: ReturnType<typeof nftDesired>): readonly string[] =>
    [...entriesOf(nftContents(), desired).keys()].filter((key) => /translated|stray/.test(key));
  assert.deepEqual(chains(nftDesired({})), []);
  const native = nftDesired({ masquerade: true });
  const [all, without] = [chains(native), chains({ ...native, matchesSockets: false })];
  assert.deepEqual(
    all.filter((key) => !without.includes(key)),
    ['chain stray_segments'],
  );
  const keys = [...entriesOf(nftContents(), { ...native, matchesSockets: false }).keys()];
  assert.deepEqual(
    keys.filter((key) => /local_source|pods6|socket/.test(key)),
    ['set cluster_pods6', 'element cluster_pods6 2001:db8:1::/64'],
  );
});
