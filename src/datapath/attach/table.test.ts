import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IfIndex } from '../../net/if-index.ts';
import { type AttachedHook, type Attacher, attachmentKey } from '../attacher.ts';
import { attachmentTable } from './table.ts';

const entry = {
  target: 'interface',
  ifName: 'eth0',
  ifIndex: 2 as IfIndex,
  hook: 'from_network',
  current: true,
} as const;

function recording(listed: readonly AttachedHook[], calls: string[]): Attacher {
  return {
    list: () => listed,
    attachAll: (attachments) =>
      attachments.map((attachment) => {
        const key = attachmentKey(attachment);
        if (key.startsWith('gone0/')) return new Error('bpf link create gone0: ENODEV');
        calls.push(`attach ${key}`);
        return undefined;
      }),
    detach: (attachment) => void calls.push(`detach ${attachmentKey(attachment)}`),
  };
}

const stale: readonly { readonly name: string; readonly found: AttachedHook }[] = [
  { name: 'an earlier load', found: { ...entry, current: false } },
  { name: 'an interface that was replaced', found: { ...entry, ifIndex: 9 as IfIndex } },
];

for (const { name, found } of stale) {
  test(`a link that still belongs to ${name} differs from the desired one`, () => {
    const table = attachmentTable(recording([found], []));
    const listed = table.list(new Map()).get('eth0/from_network');
    assert.ok(listed !== undefined && !table.equal(entry, listed));
  });
}

test('links are attached and detached, and a failing one does not stop the others', () => {
  const calls: string[] = [];
  const table = attachmentTable(recording([entry], calls));
  const failures = table.set([{ ...entry, ifName: 'gone0' }, entry]);
  assert.deepEqual(
    failures.map(({ key, error }) => [key, error.message]),
    [['gone0/from_network', 'bpf link create gone0: ENODEV']],
  );
  assert.deepEqual(table.delete([entry]), []);
  assert.deepEqual(calls, ['attach eth0/from_network', 'detach eth0/from_network']);
});
