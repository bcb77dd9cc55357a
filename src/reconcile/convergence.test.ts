// After any failures and changes by others, the kernel ends in the desired state, and foreign entries are never
// changed. Seeds are printed; `HEDDLE_SEED=N` repeats one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type FakeEntry,
  type FakeTable,
  fakeTable,
  inOneGroup,
} from '../../test/support/fake-table.ts';
import { Reconciler } from './reconciler.ts';
import { trackTable } from './tracked-table.ts';

/** Park-Miller: small, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const notOurs = ['other-1', 'other-2'];

async function runOnce(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const table = fakeTable('table');
  for (const key of notOurs) table.kernel.set(key, { key, value: 7 });
  const clock = { now: 0 };
  const reconciler = new Reconciler<ReadonlyMap<string, FakeEntry>>(
    [
      trackTable(
        table,
        inOneGroup((entries) => entries),
      ),
    ],
    {
      now: () => clock.now,
      batchSize: 2,
      backoff: { firstMs: 10, maxMs: 80, random },
    },
  );
  let desired = randomEntries(random);
  for (let step = 0; step < 30; step++) {
    const failing = random() < 0.6;
    table.fails = () => failing && random() < 0.4;
    if (random() < 0.5) desired = randomEntries(random);
    if (random() < 0.3) tamper(table, random);
    await reconciler.settle(desired, { relist: random() < 0.3, prune: random() < 0.7 });
    clock.now += Math.floor(random() * 30);
  }
  table.fails = () => false;
  clock.now += 1_000;
  const report = await reconciler.settle(desired, { relist: true, prune: true });
  assert.deepEqual(report.failures, []);
  const expected = new Map([...desired.values()].map(({ key, value }) => [key, value]));
  for (const key of notOurs) expected.set(key, 7);
  const found = new Map([...table.kernel.values()].map(({ key, value }) => [key, value]));
  assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
  assert.deepEqual(
    table.log.filter((line) => line.includes('other')),
    [],
  );
}

function randomEntries(random: () => number): ReadonlyMap<string, FakeEntry> {
  const chosen = keys.filter(() => random() < 0.5);
  return new Map(chosen.map((key) => [key, { key, value: Math.floor(random() * 3) }]));
}

function tamper(table: FakeTable, random: () => number): void {
  const key = keys[Math.floor(random() * keys.length)] ?? 'a';
  if (random() < 0.5) table.kernel.delete(key);
  else table.kernel.set(key, { key, value: 100 });
}

test('any sequence of changes, failures and tampering converges to the desired state', async (context) => {
  const given = process.env['HEDDLE_SEED'];
  const first = given === undefined ? Math.floor(Math.random() * 1_000_000) : Number(given);
  const runs = given === undefined ? 300 : 1;
  context.diagnostic(`seeds ${first} to ${first + runs - 1}`);
  for (let seed = first; seed < first + runs; seed++) {
    try {
      await runOnce(seed);
    } catch (error) {
      throw new Error(`with HEDDLE_SEED=${seed}`, { cause: error });
    }
  }
});
