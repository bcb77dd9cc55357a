import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../../../kernel/errno.ts';
import type { NftSet } from '../../../kernel/netfilter/nft-sets.ts';
import { listTables, type TableListing } from './table-listing.ts';

const name = { family: 'ip', table: 'crowdsec' } as const;
const other = { family: 'ip', table: 'other' } as const;
const set = (of: typeof name | typeof other, setName: string): NftSet => ({
  ...of,
  name: setName,
  isMap: setName === 'zones',
  isAnonymous: setName.startsWith('__'),
});
const daddr = { payload: { protocol: 'ip', field: 'daddr' } };
const rule = (table: string, right: unknown): object => ({
  rule: { family: 'ip', table, chain: 'c', expr: [{ match: { op: '==', left: daddr, right } }] },
});
const chain = (table: string): object => ({ chain: { family: 'ip', table, name: 'c' } });

// As `nft -j -t list ruleset` prints it: named sets without elements, anonymous ones with theirs.
const terse = [
  { table: { family: 'ip', name: 'crowdsec' } },
  { set: { family: 'ip', table: 'crowdsec', name: 'blacklist' } },
  { set: { family: 'ip', table: 'crowdsec', name: 'allowed' } },
  chain('crowdsec'),
  rule('crowdsec', '@blacklist'),
  rule('crowdsec', '@allowed'),
  rule('crowdsec', { set: ['192.0.2.7'] }),
  chain('other'),
  rule('other', '192.0.2.9'),
];

interface FakeTables {
  /** Numbers of elements. */
  readonly sets: ReadonlyMap<NftSet, number>;
  readonly tablesOfManyRules?: readonly (string | undefined)[];
}

function fakeNft({ sets, tablesOfManyRules = [] }: FakeTables): {
  readonly nft: TableListing;
  readonly listed: readonly string[];
} {
  const listed: string[] = [];
  const nft: TableListing = {
    hasMoreRules: (_, of) => tablesOfManyRules.includes(of?.table),
    listSets: (_, of) => ({
      sets: [...sets.keys()].filter(({ table }) => of === undefined || table === of.table),
      isWhole: true,
    }),
    countElements: (each, most) => Math.min(sets.get(each) ?? 0, most + 1),
    listTable: (_, table) => {
      listed.push(`table ${table}`);
      return terse.filter((item) => JSON.stringify(item).includes(`"${table}"`));
    },
    listTerse: () => {
      listed.push('terse');
      return terse;
    },
    listSet: (each) => {
      listed.push(`set ${each.name}`);
      return [{ set: { ...each, elem: ['192.0.2.8'] } }];
    },
    listXtables: () => new Map(),
  };
  return { nft, listed };
}

test('elements of a large set are not listed, and its rules cannot be judged; small sets are', () => {
  const { nft, listed } = fakeNft({
    sets: new Map([
      [set(name, 'blacklist'), 200_000],
      [set(name, 'allowed'), 1],
      [set(name, '__set0'), 1],
    ]),
  });
  const [crowdsec, beside] = listTables(nft, [name, other]);
  assert.deepEqual(listed, ['terse', 'set allowed', 'table other']);
  const rights = crowdsec?.chains.get('c')?.rules.map(([each]) => each?.['match']);
  assert.deepEqual(rights, [
    { op: '==', left: daddr, right: '@blacklist' },
    { op: '==', left: daddr, right: { set: ['192.0.2.8'], name: '@allowed' } },
    { op: '==', left: daddr, right: { set: ['192.0.2.7'] } },
  ]);
  assert.equal(beside?.chains.get('c')?.rules.length, 1);
});

test('sets of all tables share the maximum, the smallest first', () => {
  const { nft, listed } = fakeNft({
    sets: new Map([
      [set(name, 'blacklist'), 6_000],
      [set(name, 'allowed'), 10],
      [set(other, 'more'), 5_000],
    ]),
  });
  listTables(nft, [name, other]);
  assert.deepEqual(listed, ['terse', 'set allowed', 'table other']);
});

test('tables that cannot be listed without their many elements are passed over, with the reason', () => {
  const blacklist = set(name, 'blacklist');
  const cases: readonly (readonly [FakeTables, string])[] = [
    [{ sets: new Map([[set(name, '__set0'), 10_001]]) }, 'rules with more than 10000 values'],
    [
      { sets: new Map([[blacklist, 20_000]]), tablesOfManyRules: [undefined] },
      'a set with many elements beside tables with more than 10000 rules',
    ],
    [
      {
        sets: new Map([
          [blacklist, 20_000],
          [set(other, '__set0'), 20_000],
        ]),
      },
      'a set with many elements beside tables with more than 10000 values in their rules',
    ],
  ];
  for (const [tables, reason] of cases) {
    const { nft, listed } = fakeNft(tables);
    assert.equal(listTables(nft, [name])[0]?.tooLarge, reason);
    assert.deepEqual(listed, []);
  }
});

test('a set that is deleted between two listings is no error', () => {
  const { nft, listed } = fakeNft({ sets: new Map([[set(name, 'blacklist'), 1]]) });
  const countElements = (): never => {
    throw new KernelError({ call: 'nft element list', subject: '', code: 'ENOENT' });
  };
  listTables({ ...nft, countElements }, [name]);
  assert.deepEqual(listed, ['table crowdsec']);
});
