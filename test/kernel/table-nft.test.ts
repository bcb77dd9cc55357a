import assert from 'node:assert/strict';
import type { NftEntry } from '../../src/datapath/nft/entries.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { type NftRunner, nftTable } from '../../src/datapath/nft/table.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import type { DesiredState, Masquerade, TunnelEnds } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { difference } from '../../src/reconcile/diff.ts';
import type { TransactedTable } from '../../src/reconcile/table.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { entriesOf } from '../support/entries-of.ts';
import { runIn } from '../support/namespaces.ts';
import { type NftOptions, nftEntriesFor } from '../support/nft-states.ts';
import { rootTest } from '../support/root-test.ts';
import { rulesetOf } from '../support/ruleset.ts';
import { applyEntries, assertContract, assertListed, place } from '../support/table-contract.ts';

const masquerade: Masquerade = {
  sources: ['192.0.2.0/26', '2001:db8:1::/64'].map((text) => parsePrefix(text)),
  // Adjacent ranges must stay apart in the kernel's listing, or the shape would never fit.
  exempt: [
    '192.0.2.0/26',
    '192.0.2.64/26',
    '198.51.100.2/32',
    '2001:db8:1::/64',
    '2001:db8:2::/64',
  ].map((text) => parsePrefix(text)),
  nodeSources: [{ address: parseAddress('198.51.100.1'), interfaces: ['up0', 'up1'] }],
};

const port = (number: number): Port => number as Port;
const mapped: Pick<LocalEndpoint, 'addresses' | 'portMappings'> = {
  addresses: [parseAddress('192.0.2.2'), parseAddress('2001:db8:1::2')],
  portMappings: [
    { protocol: 'tcp', hostPort: port(8080), containerPort: port(80) },
    { protocol: 'udp', hostPort: port(53), containerPort: port(5353) },
    {
      protocol: 'sctp',
      hostPort: port(3868),
      containerPort: port(3868),
      hostAddress: parseAddress('198.51.100.2'),
    },
  ],
};

const tunnelEnds: TunnelEnds = {
  port: 4789,
  own: [parseAddress('198.51.100.1')],
  peers: [parseAddress('198.51.100.2'), parseAddress('2001:db8:ffff::2')],
  uplinks: ['up0'],
};

function nftEntriesOf(value: Masquerade | undefined): ReadonlyMap<string, NftEntry> {
  const podRanges = [{ prefix: parsePrefix('192.0.2.0/26') }];
  const desired = {
    masquerade: value,
    tunnelEnds,
    endpoints: endpointCollection([mapped as LocalEndpoint]),
    podRanges,
    podSources: ['192.0.2.0/26', '2001:db8:1::/64'].map((text) => parsePrefix(text)),
  };
  return entriesOf(nftContents(), desired as unknown as DesiredState);
}

/** Keys of entries that are missing, other than desired, or too many. */
function wrong(
  table: TransactedTable<NftEntry>,
  desired: ReadonlyMap<string, NftEntry>,
): readonly string[] {
  const present = table.list(desired);
  const keys = new Set([...desired.keys(), ...present.keys()]);
  const { set, surplus } = difference(keys, { desired, present, equal: table.equal });
  return [...set.keys(), ...surplus.keys()];
}

rootTest('the nft table is written, listed as it was written, and deleted', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  runIn(namespace, 'nft', 'add table inet others; add chain inet others c');
  const entries = [...nftEntriesOf(masquerade).values()];
  assertContract(nftTable(nft), entries);
  applyEntries(nftTable(nft), nftEntriesOf(masquerade));
  const another = nftTable(nft);
  assertListed(another, nftEntriesOf(masquerade));
  const changed = nftEntriesOf({ ...masquerade, nodeSources: [] });
  assert.deepEqual(wrong(another, changed), ['chain postrouting']);
  assert.match(runIn(namespace, 'nft', 'list', 'ruleset'), /table inet others/);
});

const tamperings: readonly (readonly [deed: string, key: string])[] = [
  ['flush chain inet heddle postrouting', 'chain postrouting'],
  ['add rule inet heddle postrouting accept', 'chain postrouting'],
  ['add chain inet heddle postrouting { policy drop; }', 'chain postrouting'],
  ['delete element inet heddle exempt4 { 192.0.2.64/26 }', 'element exempt4 192.0.2.64/26'],
  ['add element inet heddle exempt4 { 203.0.113.0/24 }', 'element exempt4 203.0.113.0/24'],
  [
    'add element inet heddle exempt4 { 203.0.113.3-203.0.113.9 }',
    'element exempt4 {"range":["203.0.113.3","203.0.113.9"]}',
  ],
  ['add chain inet heddle other', 'chain other'],
  ['add set inet heddle other { type ipv4_addr; timeout 5s; }', 'set other'],
  ['add counter inet heddle other', 'counter other'],
  ['delete element inet heddle host_ports4 { tcp . 8080 }', 'element host_ports4 6 . 8080'],
  [
    'add element inet heddle host_ports_at6 { 2001:db8::1 . udp . 53 : 2001:db8:1::3 . 53 }',
    'element host_ports_at6 2001:db8::1 . 17 . 53',
  ],
  [
    'delete element inet heddle hairpin6 { 2001:db8:1::2 . 2001:db8:1::2 }',
    'element hairpin6 2001:db8:1::2 . 2001:db8:1::2',
  ],
  ['add table inet heddle { flags dormant; }', 'inet heddle'],
  ['add limit inet heddle other { rate 1/second; }', 'inet heddle'],
  ['delete table inet heddle', 'inet heddle'],
];

rootTest(
  'tampering with rules, elements, chains or the whole nft table shows, and is put right',
  (context) => {
    const { namespace } = place(context);
    using nft = Nftables.open(namespace);
    const desired = nftEntriesOf(masquerade);
    const table = nftTable(nft);
    applyEntries(table, desired);
    const right = rulesetOf(namespace);
    for (const [tampering, key] of tamperings) {
      runIn(namespace, 'nft', tampering);
      // A process that did not write it itself sees it as well.
      for (const observer of [table, nftTable(nft)]) {
        assert.ok(wrong(observer, desired).includes(key), tampering);
      }
      applyEntries(table, desired);
      assert.deepEqual(wrong(nftTable(nft), desired), [], tampering);
      assert.deepEqual(blocks(rulesetOf(namespace)), blocks(right), tampering);
    }
  },
);

/** Chains and sets of a ruleset as text, in no order. */
function blocks(ruleset: string): readonly string[] {
  return ruleset.split(/^\t\}$/m).sort();
}

rootTest('a rule or an element replaced by another is visible', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const desired = nftEntriesOf(masquerade);
  const table = nftTable(nft);
  const isRight = (observer: typeof table): boolean => wrong(observer, desired).length === 0;
  const chain = ['inet', 'heddle', 'postrouting'];
  for (const isCommented of [false, true]) {
    applyEntries(table, desired);
    assert.deepEqual([isRight(table), isRight(nftTable(nft))], [true, true]);
    const listing = runIn(namespace, 'nft', '-a', 'list', 'chain', ...chain);
    const [, comment = '', handle = ''] =
      /masquerade fully-random comment ("heddle \w+") # handle (\d+)/.exec(listing) ?? [];
    const rule = ['accept', ...(isCommented ? ['comment', comment] : [])];
    runIn(namespace, 'nft', 'replace', 'rule', ...chain, 'handle', handle, ...rule);
    assert.deepEqual(wrong(table, desired), ['chain postrouting']);
    assert.equal(isRight(nftTable(nft)), false);
  }
  applyEntries(table, desired);
  runIn(
    namespace,
    'nft',
    'delete element inet heddle exempt4 { 192.0.2.64/26 }; add element inet heddle exempt4 { 203.0.113.0/26 }',
  );
  assert.deepEqual([isRight(table), isRight(nftTable(nft))], [false, false]);
});

/** Remembers what is asked of it. */
function watched(nft: Nftables): { readonly runner: NftRunner; readonly calls: string[] } {
  const calls: string[] = [];
  const runner: NftRunner = {
    apply: (commands) => {
      calls.push(...String(commands).split('\n'));
      nft.apply(commands);
    },
    replaceTable: (...args) => {
      calls.push('replace');
      nft.replaceTable(...args);
    },
    deleteTable: (...args) => nft.deleteTable(...args),
    listTable: (...args) => nft.listTable(...args),
    ruleBytes: (table) => nft.ruleBytes(table),
  };
  return { runner, calls };
}

rootTest(
  'a changed host port writes its elements alone: counts and handles of the rest stay',
  (context) => {
    const { namespace, ip } = place(context);
    using nft = Nftables.open(namespace);
    const { runner, calls } = watched(nft);
    const table = nftTable(runner);
    const options = { masquerade: true, tunnelTo: 2 } as const;
    applyEntries(table, nftEntriesFor({ ...options, mapped: [5, 6] }));
    ip('link', 'set', 'lo', 'up');
    // To the tunnel's port of this node, by nobody that may.
    runIn(namespace, 'bash', '-c', 'echo > /dev/udp/198.51.100.1/4789');
    const state = (): string => {
      const listing = runIn(namespace, 'nft', '-a', 'list', 'table', 'inet', 'heddle');
      return listing.replaceAll(/elements = \{[^}]*\}/g, '');
    };
    const before = state();
    assert.match(before, /counter foreign_tunnel \{ # handle \d+\s+packets [1-9]/);
    calls.length = 0;
    applyEntries(table, nftEntriesFor({ ...options, mapped: [5, 7] }));
    assert.deepEqual(
      calls.map((line) => line.replace(/ \{.*/, '')),
      ['delete', 'add'].flatMap((verb) =>
        ['host_ports4', 'host_ports_at4', 'hairpin4', 'host_ports6', 'hairpin6'].map(
          (name) => `${verb} element inet heddle ${name}`,
        ),
      ),
    );
    assert.equal(state(), before);
    assert.deepEqual(wrong(nftTable(nft), nftEntriesFor({ ...options, mapped: [5, 7] })), []);
  },
);

const steps: readonly NftOptions[] = [
  { masquerade: true },
  { masquerade: true, mapped: [5] },
  { masquerade: true, mapped: [6], hasServices: true },
  { masquerade: true, tunnelTo: 3, mapped: [6], hasServices: true },
  { masquerade: true, tunnelTo: 1, mapped: [6, 7] },
  { masquerade: true, tunnelTo: 1 },
  { tunnelTo: 2 },
  { tunnelTo: 2, mapped: [5], families: [6] },
  { mapped: [5, 6], families: [4] },
  {},
];

rootTest(
  'from any state to any other, the kernel has what one write of everything makes',
  (context) => {
    const { namespace } = place(context);
    const { namespace: fresh } = place(context);
    using nft = Nftables.open(namespace);
    using other = Nftables.open(fresh);
    const { runner, calls } = watched(nft);
    const table = nftTable(runner);
    let replaced = 0;
    for (const [index, from] of steps.entries()) {
      for (const options of steps.slice(index + 1).flatMap((to) => [from, to])) {
        calls.length = 0;
        applyEntries(table, nftEntriesFor(options));
        if (calls.includes('replace')) replaced++;
        applyEntries(nftTable(other), nftEntriesFor(options));
        const [found, wanted] = [namespace, fresh].map((each) => blocks(rulesetOf(each)));
        assert.deepEqual(found, wanted, JSON.stringify(options));
      }
    }
    assert.ok(replaced < 30, `${replaced} of 90 steps needed a replacement`);
  },
);

rootTest('ranges are exchanged for others that overlap them in one transaction', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const { runner, calls } = watched(nft);
  const table = nftTable(runner);
  for (const ranges of [
    ['192.0.2.0/26', '192.0.2.64/26', '2001:db8:1::/64'],
    ['192.0.2.0/25', '2001:db8:1::/60'],
    ['192.0.2.0/27', '192.0.2.32/27', '2001:db8:1::/64', '2001:db8:1:1::/64'],
    ['192.0.2.0/24', '2001:db8::/32'],
  ]) {
    const exempt = ranges.map((text) => parsePrefix(text));
    const desired = nftEntriesOf({ ...masquerade, exempt });
    applyEntries(table, desired);
    assert.deepEqual(wrong(nftTable(nft), desired), [], ranges.join(', '));
  }
  assert.equal(calls.filter((call) => call === 'replace').length, 1);
});

rootTest('the kernel accepts kept ranges beside desired ones that overlap them', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const entriesWith = (...exempt: readonly string[]): ReadonlyMap<string, NftEntry> =>
    nftEntriesFor({ masquerade: true, tunnelTo: 2, exempt });
  const exempt = (name: string): readonly string[] =>
    [...nftTable(nft).list(new Map()).values()].flatMap((entry) =>
      entry.kind === 'element' && entry.of === name ? [entry.element] : [],
    );
  applyEntries(nftTable(nft), entriesWith('10.9.0.0/21', '10.7.0.0/25', '2001:db8::/32'));
  const { runner, calls } = watched(nft);
  const desired = new Map(
    [...entriesWith('10.9.2.0/24', '10.7.0.0/24', '2001:db8:8000::/34')].filter(
      ([key]) => !/^element tunnel_\w+ .*[:.]3\b/.test(key),
    ),
  );
  const table = nftTable(runner);
  const { set } = difference(desired.keys(), {
    ...{ desired, present: table.list(desired), equal: table.equal },
  });
  const change = { set: [...set.values()], remove: [], desired };
  assert.equal(table.transact(change), true, 'to be listed again');
  assert.ok(calls.includes('replace'));
  const kept4 = ['10.7.0.0/24', '10.9.0.0/23', '10.9.2.0/24', '10.9.3.0/24', '10.9.4.0/22'];
  assert.deepEqual(exempt('exempt4'), kept4);
  assert.deepEqual(exempt('exempt6'), [
    '2001:db8::/33',
    '2001:db8:8000::/34',
    '2001:db8:c000::/34',
  ]);
  assert.deepEqual(exempt('tunnel_peers4'), ['198.51.100.2/32', '198.51.100.3/32']);
  assert.equal(exempt('tunnel_ways6').length, 2);
  applyEntries(table, desired);
  assert.deepEqual(wrong(nftTable(nft), desired), []);
});
