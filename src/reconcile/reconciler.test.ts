import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  type FakeEntry,
  type FakeTable,
  fakeEntries,
  fakeTable,
  inOneGroup,
} from '../../test/support/fake-table.ts';
import { Reconciler } from './reconciler.ts';
import type { Restored } from './status.ts';
import { trackTable } from './tracked-table.ts';

type Desired = Readonly<Record<string, ReadonlyMap<string, FakeEntry>>>;

interface Setup {
  readonly reconciler: Reconciler<Desired>;
  readonly devices: FakeTable;
  readonly routes: FakeTable;
  readonly log: string[];
  readonly restored: Restored[];
  readonly clock: { now: number };
}

const none: ReadonlyMap<string, FakeEntry> = new Map();

function setup(batchSize = 100): Setup {
  const log: string[] = [];
  const restored: Restored[] = [];
  const clock = { now: 1_000_000 };
  const devices = fakeTable('devices', log);
  const routes = fakeTable('routes', log);
  const reconciler = new Reconciler<Desired>(
    [
      trackTable(
        devices,
        inOneGroup(({ devices = none }) => devices),
      ),
      trackTable(
        routes,
        inOneGroup(({ routes = none }) => routes),
      ),
    ],
    {
      backoff: { firstMs: 1_000, maxMs: 8_000, random: () => 1 },
      batchSize,
      now: () => clock.now,
      onRestored: (what) => restored.push(what),
    },
  );
  return { reconciler, devices, routes, log, restored, clock };
}

const steady = { relist: false, prune: true };
const relist = { relist: true, prune: true };

test('sets run in the order of the tables, deletes after them in reverse order', async () => {
  const { reconciler, log } = setup();
  const first = { devices: fakeEntries({ d1: 1 }), routes: fakeEntries({ r1: 1 }) };
  await reconciler.settle(first, steady);
  log.length = 0;
  const next = { devices: fakeEntries({ d2: 1 }), routes: fakeEntries({ r2: 1 }) };
  const report = await reconciler.settle(next, steady);
  assert.deepEqual(log, [
    'devices: set d2=1',
    'routes: set r2=1',
    'routes: delete r1',
    'devices: delete d1',
  ]);
  assert.deepEqual(report, {
    writes: { set: 2, deleted: 2, restored: 0 },
    written: ['devices', 'routes'],
    failures: [],
    retryAt: undefined,
  });
});

test('the first settle after a restart writes only differences', async () => {
  const { reconciler, routes, log, restored } = setup();
  for (const entry of fakeEntries({ right: 1, wrong: 2, gone: 3, other: 4 }).values())
    routes.kernel.set(entry.key, entry);
  const desired = { routes: fakeEntries({ right: 1, wrong: 20, missing: 5 }) };
  const { writes } = await reconciler.settle(desired, steady);
  assert.deepEqual(log, ['routes: set wrong=20', 'routes: set missing=5', 'routes: delete gone']);
  assert.deepEqual(writes, { set: 2, deleted: 1, restored: 0 });
  assert.deepEqual(restored, []);
  assert.ok(routes.kernel.has('other'));
});

test('foreign entries are not pruned before the sources are complete, but entries of this process may be deleted', async () => {
  const { reconciler, routes, log } = setup();
  routes.kernel.set('found', { key: 'found', value: 1 });
  const growing = { relist: true, prune: false };
  await reconciler.settle({ routes: fakeEntries({ mine: 1 }) }, growing);
  await reconciler.settle({ routes: none }, growing);
  assert.deepEqual(log, ['routes: set mine=1', 'routes: delete mine']);
  await reconciler.settle({ routes: none }, steady);
  assert.deepEqual(log.slice(2), ['routes: delete found']);
});

test('a relist restores what another process changed, removed or added, and names it', async () => {
  const { reconciler, routes, restored } = setup();
  const desired = { routes: fakeEntries({ a: 1, b: 2, c: 3 }) };
  await reconciler.settle(desired, steady);
  routes.kernel.delete('a');
  routes.kernel.set('b', { key: 'b', value: 99 });
  routes.kernel.set('x', { key: 'x', value: 1 });
  assert.deepEqual((await reconciler.settle(desired, steady)).written, []);
  const { writes } = await reconciler.settle(desired, relist);
  assert.deepEqual(writes, { set: 2, deleted: 1, restored: 2 });
  assert.deepEqual(restored, [
    { table: 'routes', key: 'a', was: 'missing' },
    { table: 'routes', key: 'b', was: 'changed' },
    { table: 'routes', key: 'x', was: 'extra' },
  ]);
  assert.deepEqual(
    [...routes.kernel.values()],
    [...desired.routes.values()].sort(byKernel(routes)),
  );
});

// The fake kernel keeps insertion order; only the contents matter.
function byKernel(table: FakeTable): (left: FakeEntry, right: FakeEntry) => number {
  const order = [...table.kernel.keys()];
  return (left, right) => order.indexOf(left.key) - order.indexOf(right.key);
}

test('setting the wall clock does not affect when a failed entry is retried', async (context) => {
  const routes = fakeTable('routes', []);
  const reconciler = new Reconciler<Desired>(
    [
      trackTable(
        routes,
        inOneGroup(({ routes = none }) => routes),
      ),
    ],
    { backoff: { firstMs: 2, maxMs: 2 } },
  );
  const desired = { routes: fakeEntries({ a: 1 }) };
  for (const jumpMs of [-86_400_000, 86_400_000]) {
    routes.fails = () => true;
    const { retryAt } = await reconciler.settle(desired, steady);
    const wall = Date.now() + jumpMs;
    context.mock.method(Date, 'now', () => wall);
    assert.ok(retryAt !== undefined && retryAt - performance.now() <= 2);
    await setTimeout(3);
    routes.fails = () => false;
    assert.deepEqual((await reconciler.settle(desired, steady)).failures, []);
    routes.kernel.clear();
    desired.routes = fakeEntries({ a: jumpMs });
  }
});

test('a failed entry waits, longer after each failure, while the rest is applied', async () => {
  const { reconciler, routes, log, clock } = setup();
  const desired = { routes: fakeEntries({ a: 1, b: 2 }) };
  routes.fails = (call) => call === 'set a';
  const report = await reconciler.settle(desired, steady);
  assert.deepEqual(report.failures, [
    { table: 'routes', key: 'a', text: 'set a: EBUSY', retryAt: clock.now + 1_000 },
  ]);
  assert.equal(report.retryAt, clock.now + 1_000);
  assert.deepEqual(log, ['routes: set b=2']);
  clock.now += 999;
  assert.equal((await reconciler.settle(desired, steady)).retryAt, clock.now + 1);
  clock.now += 1;
  assert.equal((await reconciler.settle(desired, steady)).retryAt, clock.now + 2_000);
  clock.now += 2_000;
  routes.fails = () => false;
  const mended = await reconciler.settle(desired, steady);
  assert.deepEqual(mended.failures, []);
  assert.deepEqual(routes.kernel.get('a'), { key: 'a', value: 1 });
});

test('an entry that changed after it failed is tried immediately', async () => {
  const { reconciler, routes } = setup();
  routes.fails = (call) => call === 'set a';
  await reconciler.settle({ routes: fakeEntries({ a: 1 }) }, steady);
  routes.fails = () => false;
  const report = await reconciler.settle({ routes: fakeEntries({ a: 2 }) }, steady);
  assert.deepEqual(report.failures, []);
  assert.equal(routes.kernel.get('a')?.value, 2);
});

test('a set refused by a full table is retried after the deletes', async () => {
  const { reconciler, routes } = setup();
  routes.capacity = 1;
  await reconciler.settle({ routes: fakeEntries({ old: 1 }) }, steady);
  const report = await reconciler.settle({ routes: fakeEntries({ new: 1 }) }, steady);
  assert.deepEqual(report.failures, []);
  assert.deepEqual([...routes.kernel.keys()], ['new']);
});

test('a table that cannot be listed is still written, prunes nothing and is listed again', async () => {
  const { reconciler, routes, log } = setup();
  routes.kernel.set('found', { key: 'found', value: 1 });
  routes.fails = (call) => call === 'list';
  const desired = { routes: fakeEntries({ a: 1 }) };
  const report = await reconciler.settle(desired, steady);
  assert.deepEqual(
    report.failures.map(({ key, text }) => [key, text]),
    [[undefined, 'list routes: EPERM']],
  );
  assert.deepEqual(log, ['routes: set a=1']);
  routes.fails = () => false;
  assert.deepEqual((await reconciler.settle(desired, steady)).failures, []);
  assert.deepEqual([...routes.kernel.keys()], ['a']);
});

test('a failed delete is retried and counts as a failure until then', async () => {
  const { reconciler, routes, clock } = setup();
  await reconciler.settle({ routes: fakeEntries({ a: 1 }) }, steady);
  routes.fails = (call) => call === 'delete a';
  const report = await reconciler.settle({ routes: none }, steady);
  assert.equal(report.failures[0]?.text, 'delete a: EBUSY');
  routes.fails = () => false;
  clock.now += 1_000;
  assert.deepEqual((await reconciler.settle({ routes: none }, steady)).failures, []);
  assert.equal(routes.kernel.size, 0);
});

test('other work runs between the batches of a large settle', async () => {
  const { reconciler, routes } = setup(10);
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(routes.kernel.size), 0);
  const keys = Array.from({ length: 2_000 }, (_, index) => [`k${index}`, index] as const);
  await reconciler.settle({ routes: fakeEntries(Object.fromEntries(keys)) }, steady);
  clearInterval(timer);
  assert.equal(routes.kernel.size, 2_000);
  assert.ok(seen.some((size) => size > 0 && size < 2_000));
});

test('overlapping settles run one after the other, and the last one wins', async () => {
  const { reconciler, routes } = setup(1);
  const values = [1, 2, 3];
  await Promise.all(
    values.map((value) =>
      reconciler.settle({ routes: fakeEntries({ a: value, [`k${value}`]: value }) }, steady),
    ),
  );
  assert.deepEqual(
    [...routes.kernel.values()],
    [
      { key: 'a', value: 3 },
      { key: 'k3', value: 3 },
    ],
  );
});

test('the status shows what is desired, applied, failing and written', async () => {
  const { reconciler, routes, clock } = setup();
  routes.fails = (call) => call === 'set a';
  await reconciler.settle({ routes: fakeEntries({ a: 1, b: 2 }) }, steady);
  assert.deepEqual(reconciler.status()[1], {
    name: 'routes',
    desired: 2,
    applied: 1,
    failures: [{ key: 'a', text: 'set a: EBUSY', retryAt: clock.now + 1_000 }],
    writes: { set: 1, deleted: 0, restored: 0 },
  });
});

test('an inspection names missing and different entries, and changes nothing', async () => {
  const { reconciler, devices, routes, log } = setup();
  await reconciler.settle(
    { devices: fakeEntries({ d1: 1 }), routes: fakeEntries({ r1: 1, r2: 2, r3: 3 }) },
    steady,
  );
  log.length = 0;
  const names = [
    { table: 'devices', key: 'd1' },
    { table: 'routes', key: 'r1' },
    { table: 'routes', key: 'r2' },
    { table: 'routes', key: 'never wanted' },
  ];
  assert.deepEqual(reconciler.inspect(names.slice(0, 3)), []);
  devices.kernel.delete('d1');
  routes.kernel.set('r2', { key: 'r2', value: 7 });
  routes.kernel.delete('r3');
  assert.deepEqual(reconciler.inspect(names), [
    'devices d1 is missing',
    'routes r2 was changed',
    'routes never wanted is missing',
  ]);
  assert.deepEqual(log, []);
});
