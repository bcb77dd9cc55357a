import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { trace } from '../../../test/support/rule-tracer.ts';
import { documentationNode, type TracedPacket } from '../../../test/support/traced-packet.ts';

const table = {
  entries: nftEntriesFor({ masquerade: true, tunnelTo: 1 }),
  node: documentationNode,
};

interface Family {
  readonly version: 4 | 6;
  readonly pod: string;
  readonly farPod: string;
  readonly world: string;
  readonly node: string;
}

const families: readonly Family[] = [
  {
    version: 4,
    pod: '192.0.2.5',
    farPod: '10.9.2.7',
    world: '203.0.113.9',
    node: '198.51.100.1',
  },
  {
    version: 6,
    pod: '2001:db8:1::5',
    farPod: '2001:db8:2::7',
    world: '2001:db8:9::9',
    node: '2001:db8:ffff::1',
  },
];

type Case = readonly [
  what: string,
  packet: (family: Family) => Partial<TracedPacket>,
  outcome: (family: Family) => { readonly nat?: string; readonly rules: readonly string[] },
];

/** Rules of a chain, IPv4's first, then IPv6's. */
const rule =
  (chain: string, ofFour: number, ofSix: number) =>
  ({ version }: Family) => [`${chain} ${version === 4 ? ofFour : ofSix}`];

const cases: readonly Case[] = [
  [
    'to the world by the uplink: the InternalIP',
    () => ({}),
    (family) => ({ nat: `snat ${family.node}`, rules: rule('postrouting', 1, 3)(family) }),
  ],
  [
    'to the world by a VPN: the address there',
    () => ({ oif: 'wg0' }),
    (family) => ({ nat: 'masquerade', rules: rule('postrouting', 2, 4)(family) }),
  ],
  [
    'to a pod of another node: as it is',
    ({ farPod }) => ({ destination: farPod }),
    () => ({ rules: [] }),
  ],
  [
    'to a pod of this node: as it is',
    ({ pod }) => ({ destination: pod, oif: 'hd6' }),
    () => ({ rules: [] }),
  ],
  ['to the node itself: as it is', () => ({ oif: 'lo' }), () => ({ rules: [] })],
  ['of the node: as it is', ({ node }) => ({ source: node }), () => ({ rules: [] })],
  [
    'of the node, into the tunnel: the address there',
    ({ node, farPod }) => ({ source: node, destination: farPod, oif: 'heddle_vxlan' }),
    (family) => ({ nat: 'masquerade', rules: rule('postrouting', 5, 6)(family) }),
  ],
  [
    'of a pod, into the tunnel: as it is',
    ({ farPod }) => ({ destination: farPod, oif: 'heddle_vxlan' }),
    () => ({ rules: [] }),
  ],
  [
    'a later packet: what the first one got',
    () => ({ state: 'established' }),
    () => ({ rules: [] }),
  ],
];

for (const family of families) {
  const given = ({ pod, world }: Family) =>
    ({
      source: pod,
      destination: world,
      protocol: 'udp',
      destinationPort: 53,
      oif: 'up0',
    }) as const;
  for (const [what, packet, outcome] of cases) {
    test(`IPv${family.version}, a packet ${what}`, () => {
      const traced = trace(table, 'postrouting', { ...given(family), ...packet(family) });
      const { nat, rules, verdict } = traced;
      assert.deepEqual({ rules, ...(nat === undefined ? {} : { nat }) }, outcome(family));
      assert.equal(verdict, 'accept');
    });
  }

  for (const state of ['invalid', 'untracked'] as const) {
    test(`IPv${family.version}, a packet that cannot be translated does not leave: ${state}`, () => {
      const packet = { ...given(family), state };
      const dropped = trace(table, 'postrouting', packet);
      assert.deepEqual(
        [dropped.verdict, dropped.rules, dropped.counters],
        ['drop', rule('untranslated', 1, 2)(family), ['untranslated']],
      );
      for (const kept of [{ destination: family.farPod }, { oif: 'lo' }, { source: family.node }]) {
        assert.equal(trace(table, 'postrouting', { ...packet, ...kept }).verdict, 'accept');
      }
    });
  }
}
