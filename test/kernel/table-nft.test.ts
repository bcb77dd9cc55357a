import assert from 'node:assert/strict';
import type { NftEntry } from '../../src/datapath/nft/rule-text.ts';
import { nftEntries } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import type { DesiredState, Masquerade, TunnelEnds } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { entriesOf } from '../support/entries-of.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { assertContract, assertListed, place } from '../support/table-contract.ts';

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
  const desired = { masquerade: value, tunnelEnds, endpoints: [mapped], podRanges };
  return entriesOf(nftEntries(desired as unknown as DesiredState));
}

rootTest('the nft table is replaced as a whole, listed as created, and deleted', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  runIn(namespace, 'nft', 'add table inet others; add chain inet others c');
  const entries = [...nftEntriesOf(masquerade).values()];
  assertContract(nftTable(nft), entries);
  nftTable(nft).set(entries);
  const another = nftTable(nft);
  assertListed(another, nftEntriesOf(masquerade));
  const changed = nftEntriesOf({ ...masquerade, nodeSources: [] });
  const [found] = another.list(changed).values();
  const [wanted] = changed.values();
  assert.ok(found !== undefined && wanted !== undefined && !another.equal(found, wanted));
  assert.match(runIn(namespace, 'nft', 'list', 'ruleset'), /table inet others/);
});

rootTest('tampering with rules, elements, chains or the whole nft table is visible', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const desired = nftEntriesOf(masquerade);
  const [entry] = desired.values();
  assert.ok(entry !== undefined);
  const tamperings = [
    'flush chain inet heddle postrouting',
    'add rule inet heddle postrouting accept',
    'delete element inet heddle exempt4 { 192.0.2.64/26 }',
    'add element inet heddle exempt4 { 203.0.113.0/24 }',
    'add chain inet heddle other',
    'delete element inet heddle host_ports4 { tcp . 8080 }',
    'add element inet heddle host_ports_at6 { 2001:db8::1 . udp . 53 : 2001:db8:1::3 . 53 }',
    'delete element inet heddle hairpin6 { 2001:db8:1::2 . 2001:db8:1::2 }',
    'add table inet heddle { flags dormant; }',
    'delete table inet heddle',
  ];
  const table = nftTable(nft);
  for (const tampering of tamperings) {
    table.set([entry]);
    runIn(namespace, 'nft', tampering);
    // A process that did not write it itself sees it as well.
    for (const observer of [table, nftTable(nft)]) {
      const [found] = observer.list(desired).values();
      assert.ok(found === undefined || !observer.equal(found, entry), tampering);
    }
  }
});

rootTest('a rule or an element replaced by another is visible', (context) => {
  const { namespace } = place(context);
  using nft = Nftables.open(namespace);
  const desired = nftEntriesOf(masquerade);
  const [entry] = desired.values();
  assert.ok(entry !== undefined);
  const table = nftTable(nft);
  const isRight = (observer: typeof table): boolean => {
    const [found] = observer.list(desired).values();
    return found !== undefined && observer.equal(found, entry);
  };
  const chain = ['inet', 'heddle', 'postrouting'];
  for (const isCommented of [false, true]) {
    table.set([entry]);
    assert.deepEqual([isRight(table), isRight(nftTable(nft))], [true, true]);
    const listing = runIn(namespace, 'nft', '-a', 'list', 'chain', ...chain);
    const [, comment = '', handle = ''] =
      /masquerade fully-random comment ("heddle \w+") # handle (\d+)/.exec(listing) ?? [];
    const rule = ['accept', ...(isCommented ? ['comment', comment] : [])];
    runIn(namespace, 'nft', 'replace', 'rule', ...chain, 'handle', handle, ...rule);
    assert.deepEqual([isRight(table), isRight(nftTable(nft))], [false, false]);
  }
  table.set([entry]);
  runIn(
    namespace,
    'nft',
    'delete element inet heddle exempt4 { 192.0.2.64/26 }; add element inet heddle exempt4 { 203.0.113.0/26 }',
  );
  assert.deepEqual([isRight(table), isRight(nftTable(nft))], [false, false]);
});
