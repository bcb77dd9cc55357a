import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { BpfMap } from '../../kernel/bpf/map.ts';
import { u32 } from '../../kernel/codec.ts';
import { structCodec } from '../../kernel/struct-codec.ts';
import { bpfMapTable, type MapEntry } from './map-table.ts';

const value = structCodec<{ readonly port: number }>(4, { port: [0, u32] });

function table() {
  const calls = new FakeMapCalls();
  const spec = { name: 'ports', type: 'hash', key: u32, value, maxEntries: 8 } as const;
  const map = BpfMap.create(spec, { calls });
  const entry = (key: number, port: number): MapEntry<number, { readonly port: number }> => ({
    key,
    value: { port },
  });
  return {
    calls,
    map,
    entry,
    table: bpfMapTable({ name: 'ports', map, sizeKey: 'addressEntries', show: String }),
  };
}

test('an unchanged map gives the same listing', () => {
  const { table: subject, entry } = table();
  subject.set([entry(1, 80), entry(2, 443)]);
  const listed = subject.list(new Map());
  assert.deepEqual(Array.from(listed.keys()), ['1', '2']);
  assert.equal(subject.list(new Map()), listed);
});

test('entries that another process changed, added or deleted are in the next listing', () => {
  const { table: subject, entry, map } = table();
  subject.set([entry(1, 80), entry(2, 443)]);
  subject.list(new Map());
  map.set(1, { port: 81 });
  assert.deepEqual(subject.list(new Map()).get('1'), entry(1, 81));
  map.set(3, { port: 22 });
  assert.equal(subject.list(new Map()).size, 3);
  map.delete(2);
  assert.deepEqual(Array.from(subject.list(new Map()).keys()), ['1', '3']);
});

test('without batches in the kernel, every listing is read completely', () => {
  const { calls, table: subject, entry } = table();
  calls.batchesFail = 'ENOTSUPP';
  subject.set([entry(1, 80)]);
  const listed = subject.list(new Map());
  assert.notEqual(subject.list(new Map()), listed);
  assert.deepEqual(subject.list(new Map()), listed);
});
