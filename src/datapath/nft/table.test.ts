import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeNft } from '../../../test/support/fake-nft.ts';
import type { FakeNftTable } from '../../../test/support/fake-nft-table.ts';
import { type NftOptions, nftDesired } from '../../../test/support/nft-states.ts';
import { seededRandom } from '../../../test/support/random.ts';
import type { DesiredState } from '../../model/desired.ts';
import { Reconciler } from '../../reconcile/reconciler.ts';
import type { Restored, SettleReport } from '../../reconcile/status.ts';
import { trackTable } from '../../reconcile/tracked-table.ts';
import { nftContents } from './rules.ts';
import { nftTable } from './table.ts';

interface Process {
  readonly restored: Restored[];
  settle(options: NftOptions, relist?: boolean): Promise<SettleReport>;
  /** While the cluster is not known completely. */
  settleInDoubt(options: NftOptions): Promise<SettleReport>;
}

/** A new process: it knows nothing about the previous one. */
function start(nft: FakeNft): Process {
  const restored: Restored[] = [];
  const reconciler = new Reconciler<DesiredState>([trackTable(nftTable(nft), nftContents())], {
    onRestored: (what) => restored.push(what),
    backoff: { firstMs: 0, maxMs: 0 },
  });
  return {
    restored,
    settle: (options, relist = false) =>
      reconciler.settle(nftDesired(options), { relist, prune: true }),
    settleInDoubt: (options) =>
      reconciler.settle(nftDesired(options), { relist: false, prune: false }),
  };
}

const full = { masquerade: true, tunnelTo: 2, mapped: [5, 6] } as const;

/** The parts of a table that matter: contents, and the order of chains at one place. Handles and marks do not. */
function contents(table: FakeNftTable | undefined): object | undefined {
  if (table === undefined) return undefined;
  const { counters, collections, chains } = table;
  return {
    counters: [...counters.keys()].filter((name) => !name.startsWith('as_written_')).sort(),
    collections: Array.from(collections, ([name, { kind, content, elements }]) => [
      ...[name, kind, content],
      ...Array.from(elements, (element) => element.join(' : ')).sort(),
    ]).sort(),
    chains: Array.from(chains, ([name, { place, rules }]) => [
      ...[name, place],
      ...rules.map(({ text, comment }) => `${text} # ${comment}`),
    ]).sort(),
    orders: [...byPlace(table)].sort(),
  };
}

function byPlace({ chains }: FakeNftTable): Map<string, string> {
  const found = new Map<string, string>();
  const made = [...chains].toSorted(([, left], [, right]) => left.handle - right.handle);
  for (const [name, { place }] of made) {
    if (place !== '') found.set(place, [found.get(place) ?? '', name].join(' '));
  }
  return found;
}

/** The state after writing everything at once. */
async function whole(options: NftOptions): Promise<object | undefined> {
  const nft = new FakeNft();
  await start(nft).settle(options);
  return contents(nft.table);
}

test('one pod with host ports more or less is a transaction of its elements alone', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  nft.calls.length = 0;
  const { writes } = await settle({ ...full, mapped: [5, 6, 7] });
  const added = [
    'add element inet heddle host_ports4 { 6 . 8007 : 192.0.2.7 . 80 }',
    'add element inet heddle host_ports_at4 { 203.0.113.50 . 17 . 5307 : 192.0.2.7 . 53 }',
    'add element inet heddle hairpin4 { 192.0.2.7 . 192.0.2.7 }',
    'add element inet heddle host_ports6 { 6 . 8007 : 2001:db8:1::7 . 80 }',
    'add element inet heddle hairpin6 { 2001:db8:1::7 . 2001:db8:1::7 }',
  ];
  assert.deepEqual(nft.calls, [added]);
  assert.deepEqual(writes, { set: 5, deleted: 0, restored: 0 });
  await settle(full);
  const deleted = added.map((line) => line.replace('add', 'delete').replace(/ : .*/, ' }'));
  assert.deepEqual(nft.calls, [added, deleted]);
  assert.deepEqual(contents(nft.table), await whole(full));
});

test('one node more is a transaction of elements, and what it does not change keeps its handle', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  const before = nft.table;
  await settle({ ...full, tunnelTo: 3 });
  assert.ok(nft.calls.at(-1)?.every((line) => line.startsWith('add element inet heddle ')));
  assert.deepEqual(nft.table?.chains, before?.chains);
  assert.deepEqual(nft.table?.counters, before?.counters);
});

test('the chain that differs gets its rules again, the others keep theirs', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle({ masquerade: true, mapped: [5] });
  const before = nft.table?.chains;
  nft.calls.length = 0;
  await settle({ masquerade: true, mapped: [5], hasServices: true });
  const flushed = nft.calls.flat().filter((line) => line.startsWith('flush'));
  assert.deepEqual(flushed.sort(), [
    'flush chain inet heddle host_ports_in',
    'flush chain inet heddle host_ports_local',
  ]);
  for (const name of ['postrouting', 'untranslated', 'host_ports_back', 'direct']) {
    assert.deepEqual(nft.table?.chains.get(name), before?.get(name), name);
  }
});

const choices: readonly NftOptions[] = [false, true].flatMap((masquerade) =>
  [0, 1, 3].flatMap((tunnelTo) =>
    [false, true].flatMap((hasServices) =>
      [[], [5], [6, 7]].flatMap((mapped) =>
        ([[4, 6], [6]] as const).map((families) => ({
          masquerade,
          tunnelTo,
          hasServices,
          mapped,
          families,
        })),
      ),
    ),
  ),
);

test('from any state to any other, the table is what one write of everything makes it', async () => {
  const random = seededRandom(7);
  const nft = new FakeNft();
  let process = start(nft);
  let pieces = 0;
  for (let step = 0; step < 100; step++) {
    const options = random.pick(choices);
    if (random.oneIn(10)) process = start(nft);
    nft.calls.length = 0;
    const report = await process.settle(
      { ...options, hasPods: !random.oneIn(10) },
      random.oneIn(3),
    );
    assert.deepEqual(report.failures, []);
    if (nft.calls.every(([first]) => first !== 'replace')) pieces++;
    await process.settle(options);
    assert.deepEqual(contents(nft.table), await whole(options), JSON.stringify(options));
  }
  assert.ok(pieces > 60, `${pieces} of 100 steps needed no replacement`);
});

test('a later process finds everything right and writes nothing', async () => {
  const nft = new FakeNft();
  const first = start(nft);
  await first.settle(full);
  await first.settle({ ...full, mapped: [5], hasServices: true });
  nft.calls.length = 0;
  const { writes } = await start(nft).settle({ ...full, mapped: [5], hasServices: true }, true);
  assert.deepEqual([writes, nft.calls], [{ set: 0, deleted: 0, restored: 0 }, []]);
});

const tamperings: readonly (readonly [what: string, deed: string, key: string, was: string])[] = [
  ['a rule more', 'add rule inet heddle postrouting accept', 'chain postrouting', 'changed'],
  ['a chain without rules', 'flush chain inet heddle direct', 'chain direct', 'changed'],
  ['a chain more', 'add chain inet heddle other', 'chain other', 'extra'],
  [
    'an element less',
    'delete element inet heddle exempt4 { 10.9.2.0/24 }',
    'element exempt4 10.9.2.0/24',
    'missing',
  ],
  [
    'an element more',
    'add element inet heddle exempt4 { 203.0.113.0/24 }',
    'element exempt4 203.0.113.0/24',
    'extra',
  ],
];
for (const [what, deed, key, was] of tamperings) {
  test(`what another process changed is found, put right by itself, and named: ${what}`, async () => {
    const nft = new FakeNft();
    const { settle, restored } = start(nft);
    await settle(full);
    nft.apply(deed);
    nft.calls.length = 0;
    await settle(full, true);
    assert.deepEqual(restored, [{ table: 'nft', key, was }]);
    assert.deepEqual(contents(nft.table), await whole(full));
    assert.ok(nft.calls.every(([first]) => first !== 'replace'));
    await settle(full, true);
    assert.equal(restored.length, 1);
  });
}

test('a table that is gone is one thing that was missing, and written as a whole', async () => {
  const nft = new FakeNft();
  const { settle, restored } = start(nft);
  await settle(full);
  nft.deleteTable();
  await settle(full, true);
  assert.deepEqual(restored, [{ table: 'nft', key: 'inet heddle', was: 'missing' }]);
  assert.deepEqual(contents(nft.table), await whole(full));
});

test('an element that another process had deleted makes its change a replacement', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  nft.apply('delete element inet heddle hairpin4 { 192.0.2.6 . 192.0.2.6 }');
  await settle({ ...full, mapped: [5] });
  assert.deepEqual(nft.calls.at(-2), ['replace']);
  assert.deepEqual(contents(nft.table), await whole({ ...full, mapped: [5] }));
});

test('rules that another process changed are not taken for ours when an element is written', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  nft.apply('add rule inet heddle postrouting accept');
  await settle({ ...full, mapped: [5] });
  assert.deepEqual(contents(nft.table), await whole({ ...full, mapped: [5] }));
});

test('a chain that belongs before one at its place is not made after it', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle({ mapped: [5] });
  await settle({ mapped: [5], masquerade: true });
  assert.deepEqual(contents(nft.table), await whole({ mapped: [5], masquerade: true }));
});

test('what the kernel refuses is one failure, and written when it no longer does', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  nft.refuses = () => true;
  const refused = await settle({ ...full, mapped: [5, 6, 7] });
  assert.deepEqual(
    refused.failures.map(({ table, key, text }) => [table, key, text]),
    [['nft', 'inet heddle', 'nft replace: EBUSY']],
  );
  nft.refuses = () => false;
  const { failures } = await settle({ ...full, mapped: [5, 6, 7] });
  assert.deepEqual(failures, []);
  assert.deepEqual(contents(nft.table), await whole({ ...full, mapped: [5, 6, 7] }));
});

test('with nothing to hold, the table is deleted', async () => {
  const nft = new FakeNft();
  const { settle } = start(nft);
  await settle(full);
  await settle({ hasPods: false });
  assert.equal(nft.table, undefined);
});

const elementsOf = (nft: FakeNft, name: string): readonly string[] =>
  [...(nft.table?.collections.get(name)?.elements.keys() ?? [])].sort();

test('elements of nodes that are not known yet stay, and no chain depends on them', async () => {
  const nft = new FakeNft();
  await start(nft).settle(full);
  const { chains } = nft.table ?? {};
  nft.calls.length = 0;
  const { settle, settleInDoubt, restored } = start(nft);
  await settleInDoubt({ ...full, isAlone: true });
  assert.deepEqual(nft.calls, []);
  assert.deepEqual(nft.table?.chains, chains);
  await settle({ ...full, isAlone: true });
  assert.deepEqual(contents(nft.table), await whole({ ...full, isAlone: true }));
  assert.deepEqual(restored, []);
});

test('a replacement of the table keeps elements of nodes that are not known yet', async () => {
  const nft = new FakeNft();
  await start(nft).settle(full);
  const ways = elementsOf(nft, 'tunnel_ways4');
  nft.calls.length = 0;
  nft.refuses = ([first]) => first !== 'replace' && nft.calls.length === 0;
  const { settle, settleInDoubt, restored } = start(nft);
  await settleInDoubt({ ...full, mapped: [5, 6, 7], isAlone: true });
  assert.deepEqual(nft.calls[0], ['replace']);
  for (const [name, all] of [
    ['tunnel_ways4', ways],
    ['tunnel_peers6', ['2001:db8:ffff::2/128', '2001:db8:ffff::3/128']],
    ['exempt4', ['10.9.2.0/24', '10.9.3.0/24', '192.0.2.0/26']],
  ] as const) {
    assert.deepEqual(elementsOf(nft, name), all, name);
  }
  await settle({ ...full, mapped: [5, 6, 7], tunnelTo: 1 });
  assert.deepEqual(contents(nft.table), await whole({ ...full, mapped: [5, 6, 7], tunnelTo: 1 }));
  assert.deepEqual(restored, []);
});

test('of a kept range that overlaps a desired one, the rest stays', async () => {
  const nft = new FakeNft();
  const wide = { ...full, exempt: ['10.9.0.0/21', '10.8.0.0/24', '10.7.0.0/25'] } as const;
  await start(nft).settle(wide);
  const { settle, settleInDoubt, restored } = start(nft);
  await settleInDoubt({ ...full, exempt: ['10.9.2.0/24', '10.7.0.0/24'] });
  assert.deepEqual(elementsOf(nft, 'exempt4'), [
    '10.7.0.0/24',
    '10.8.0.0/24',
    '10.9.0.0/23',
    '10.9.2.0/24',
    '10.9.3.0/24',
    '10.9.4.0/22',
  ]);
  await settleInDoubt({ ...full, exempt: ['10.9.0.0/22', '10.7.0.0/24'] });
  assert.deepEqual(elementsOf(nft, 'exempt4'), [
    '10.7.0.0/24',
    '10.8.0.0/24',
    '10.9.0.0/22',
    '10.9.4.0/22',
  ]);
  await settle(wide);
  assert.deepEqual(contents(nft.table), await whole(wide));
  assert.deepEqual(restored, []);
});
