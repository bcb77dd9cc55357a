import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { trace } from '../../../test/support/rule-tracer.ts';
import { documentationNode, type TracedPacket } from '../../../test/support/traced-packet.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { masqueradeRules } from './masquerade.ts';

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

/** All but the tunnel's, which UDP may not get. */
const ports = ':4790-65535';

const cases: readonly Case[] = [
  [
    'to the world by the uplink: the InternalIP',
    () => ({}),
    (family) => ({
      nat: family.version === 4 ? `snat ${family.node}${ports}` : `snat [${family.node}]${ports}`,
      rules: rule('postrouting', 1, 5)(family),
    }),
  ],
  [
    'to the world by a VPN: the address there',
    () => ({ oif: 'wg0' }),
    (family) => ({ nat: `masquerade ${ports}`, rules: rule('postrouting', 3, 7)(family) }),
  ],
  [
    'of TCP, to the world by the uplink',
    () => ({ protocol: 'tcp' }),
    (family) => ({ nat: `snat ${family.node}`, rules: rule('postrouting', 2, 6)(family) }),
  ],
  [
    'from a privileged port',
    () => ({ sourcePort: 700 }),
    (family) => ({ nat: `snat ${family.node}`, rules: rule('postrouting', 2, 6)(family) }),
  ],
  [
    'of TCP, to the world by a VPN',
    () => ({ protocol: 'tcp', oif: 'wg0' }),
    (family) => ({ nat: 'masquerade', rules: rule('postrouting', 4, 8)(family) }),
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
    (family) => ({ nat: `masquerade ${ports}`, rules: rule('postrouting', 9, 11)(family) }),
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
      sourcePort: 40_000,
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

for (const [port, range] of [
  [53, '1024-65535'],
  [1024, '1025-65535'],
  [8472, '8473-65535'],
  [50_000, '1024-49999'],
  [65_535, '1024-65534'],
] as const) {
  test(`UDP never gets the tunnel's port ${port} as its source port`, () => {
    const { chains } = masqueradeRules(
      { sources: [parsePrefix('192.0.2.0/26')], exempt: [], nodeSources: [] },
      { name: 'heddle_vxlan', port },
    );
    const rules = chains.flatMap((chain) => chain.rules).filter((text) => text.includes('to :'));
    assert.equal(rules.length, 2);
    for (const text of rules)
      assert.match(text, new RegExp(`udp sport >= 1024 masquerade to :${range} fully-random$`));
  });
}

test('in mode native every port may be the source port', () => {
  const native = nftEntriesFor({ masquerade: true });
  const packet = { source: '192.0.2.5', destination: '203.0.113.9', protocol: 'udp' } as const;
  const traced = trace({ ...table, entries: native }, 'postrouting', { ...packet, oif: 'wg0' });
  assert.equal(traced.nat, 'masquerade');
});
