// A table whose entries are written together or not at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type FakeEntry,
  fakeEntries,
  fakeTable,
  inOneGroup,
} from '../../test/support/fake-table.ts';
import { Reconciler } from './reconciler.ts';
import type { Restored } from './status.ts';
import type { TableChange, TransactedTable } from './table.ts';
import { trackTable } from './tracked-table.ts';

type Entries = ReadonlyMap<string, FakeEntry>;

interface Desired {
  readonly rules?: Entries;
  readonly devices?: Entries;
}

function setup() {
  const log: string[] = [];
  const kernel = new Map<string, FakeEntry>();
  const restored: Restored[] = [];
  const state = { refuses: false, changesOthers: false, now: 0 };
  const { key, equal } = fakeTable('rules');
  const rules: TransactedTable<FakeEntry> = {
    ...{ name: 'rules', whole: 'all', key, equal },
    list: () => new Map(kernel),
    transact: ({ set, remove, desired }: TableChange<FakeEntry>) => {
      const keys = (entries: readonly FakeEntry[]): string => entries.map(key).join(' ');
      log.push(`rules: set ${keys(set)}, remove ${keys(remove)}, of ${desired.size}`);
      if (state.refuses) throw new Error('transaction: EBUSY');
      for (const entry of remove) kernel.delete(entry.key);
      for (const entry of set) kernel.set(entry.key, entry);
      return state.changesOthers;
    },
  };
  const none: Entries = new Map();
  const reconciler = new Reconciler<Desired>(
    [
      trackTable(
        rules,
        inOneGroup(({ rules: wanted = none }) => wanted),
      ),
      trackTable(
        fakeTable('devices', log),
        inOneGroup(({ devices = none }) => devices),
      ),
    ],
    {
      now: () => state.now,
      backoff: { firstMs: 10, maxMs: 80, random: () => 1 },
      onRestored: (what) => restored.push(what),
    },
  );
  return { reconciler, kernel, log, restored, state };
}

const steady = { relist: false, prune: true };
const relist = { relist: true, prune: true };

test('differences and removals are one transaction', async () => {
  const { reconciler, log } = setup();
  await reconciler.settle({ rules: fakeEntries({ all: 1, a: 1, b: 1 }) }, steady);
  const { writes } = await reconciler.settle(
    { rules: fakeEntries({ all: 1, a: 2, c: 1 }), devices: fakeEntries({ d: 1 }) },
    steady,
  );
  assert.deepEqual(log, [
    'rules: set all a b, remove , of 3',
    'rules: set a c, remove b, of 3',
    'devices: set d=1',
  ]);
  assert.deepEqual(writes, { set: 3, deleted: 1, restored: 0 });
});

test('removals alone wait for the deletes of later tables', async () => {
  const { reconciler, log } = setup();
  const devices = fakeEntries({ d: 1 });
  await reconciler.settle({ rules: fakeEntries({ all: 1, a: 1 }), devices }, steady);
  await reconciler.settle({ rules: fakeEntries({ all: 1 }) }, steady);
  assert.deepEqual(log.slice(2), ['devices: delete d', 'rules: set , remove a, of 1']);
});

test('a refused transaction is one failure, and is retried with everything that is due then', async () => {
  const { reconciler, log, state } = setup();
  state.refuses = true;
  const wanted = { rules: fakeEntries({ all: 1, a: 1 }) };
  const { failures } = await reconciler.settle(wanted, steady);
  assert.deepEqual(failures, [
    { table: 'rules', key: 'all', text: 'transaction: EBUSY', retryAt: 10 },
  ]);
  await reconciler.settle(wanted, steady);
  assert.equal(log.length, 1, 'not before its time');
  const more = { rules: fakeEntries({ all: 1, a: 1, b: 1 }) };
  await reconciler.settle(more, steady);
  assert.equal(log.at(-1), 'rules: set all a b, remove , of 3', 'something else is due at once');
  state.refuses = false;
  state.now = 100;
  assert.deepEqual((await reconciler.settle(more, steady)).failures, []);
});

test('entries of a missing whole are not named, entries missing from an existing whole are', async () => {
  const { reconciler, kernel, restored } = setup();
  const wanted = { rules: fakeEntries({ all: 1, a: 1, b: 1 }) };
  await reconciler.settle(wanted, steady);
  kernel.clear();
  const { writes } = await reconciler.settle(wanted, relist);
  assert.deepEqual(restored, [{ table: 'rules', key: 'all', was: 'missing' }]);
  assert.deepEqual(writes, { set: 3, deleted: 0, restored: 1 });
  kernel.delete('b');
  await reconciler.settle(wanted, relist);
  assert.deepEqual(restored.slice(1), [{ table: 'rules', key: 'b', was: 'missing' }]);
});

test('a transaction that changes more than its entries is followed by a listing, and restores nothing', async () => {
  const { reconciler, kernel, restored, state } = setup();
  kernel.set('left', { key: 'left', value: 1 });
  const keeping = { relist: false, prune: false };
  state.changesOthers = true;
  await reconciler.settle({ rules: fakeEntries({ all: 1, a: 1 }) }, keeping);
  state.changesOthers = false;
  kernel.delete('left');
  kernel.set('part', { key: 'part', value: 1 });
  const { writes } = await reconciler.settle(
    { rules: fakeEntries({ all: 1, a: 1, left: 1 }) },
    steady,
  );
  assert.deepEqual(writes, { set: 1, deleted: 1, restored: 0 });
  assert.deepEqual(restored, []);
  assert.deepEqual([...kernel.keys()].sort(), ['a', 'all', 'left']);
});
