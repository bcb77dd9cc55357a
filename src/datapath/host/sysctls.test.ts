import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IfIndex } from '../../net/if-index.ts';
import { type ListedSettings, type SysctlEntry, sysctlTable } from './sysctls.ts';

function entry(ifIndex: number): SysctlEntry {
  const name = `net/ipv4/conf/hd${ifIndex}/forwarding`;
  const listed = { ifIndex: ifIndex as IfIndex, setting: 'forwarding4' } as const;
  return { name, value: '1', alsoFine: [], isOurs: true, listed };
}

test('unchanged settings are the same listing, which is not compared again', () => {
  const settings = new Map<number, ListedSettings>();
  const memory = { remember: () => undefined, recall: () => undefined, forget: () => undefined };
  const table = sysctlTable(memory, (ifIndex) => settings.get(ifIndex));
  const desired = new Map([1, 2].map((ifIndex) => [entry(ifIndex).name, entry(ifIndex)]));
  for (const ifIndex of [1, 2]) settings.set(ifIndex, { forwarding4: '1' });
  const first = table.list(desired);
  assert.deepEqual(first, desired);
  assert.equal(table.list(desired), first);
  settings.set(2, { forwarding4: '0' });
  const changed = table.list(desired);
  assert.notEqual(changed, first);
  assert.equal(changed.get(entry(2).name)?.value, '0');
  settings.set(2, { forwarding4: '1' });
  assert.deepEqual(table.list(desired), desired);
  desired.delete(entry(1).name);
  assert.deepEqual(table.list(desired), desired);
});
