import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../test/support/silent-logger.ts';
import type { SettleReport } from '../reconcile/status.ts';
import { DatapathApplier, type DatapathApplierParts } from './datapath-applier.ts';

const report: SettleReport = {
  writes: { set: 1, deleted: 0, restored: 0 },
  written: ['routes'],
  failures: [],
};

test('a listener that throws does not fail the settle or stop other listeners', async () => {
  const heard: string[] = [];
  const errors: string[] = [];
  const applier = new DatapathApplier({
    plan: { settle: async () => report },
    journal: { error: ({ text }: { text: string }) => void errors.push(text) },
    ...{ periodMs: 1000, log: silentLogger },
  } as unknown as DatapathApplierParts);
  applier.onSettled('facts', () => {
    throw new RangeError('not as expected');
  });
  applier.onSettled('names', ({ causes }) => void heard.push(...causes));
  assert.equal(await applier.settler.request('network'), report);
  assert.equal(await applier.settler.request('period'), report);
  assert.deepEqual(heard, ['network', 'period']);
  assert.deepEqual(errors, ['facts: not as expected']);
  await applier.settler.stop();
});
