import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryFailure, Table } from '../../reconcile/table.ts';
import { beginGeneration, countingChanges, type GenerationMap } from './generation.ts';

function numberMap(first: number): GenerationMap & { current(): number } {
  let number = first;
  return {
    get: () => number,
    set: (_key, value) => {
      number = value;
    },
    current: () => number,
  };
}

interface Told {
  readonly subject: Table<string>;
  /** The calls, each with the generation at that time. */
  readonly calls: string[];
}

function counted(map: ReturnType<typeof numberMap>, answer: () => readonly EntryFailure[]): Told {
  const calls: string[] = [];
  const note = (what: string): readonly EntryFailure[] => {
    calls.push(`${what} in ${map.current()}`);
    return answer();
  };
  const table: Table<string> = {
    name: 'words',
    key: (entry) => entry,
    equal: (left, right) => left === right,
    list: () => new Map([['a', 'a']]),
    set: (entries) => note(`set ${entries.join()}`),
    delete: (entries) => note(`delete ${entries.join()}`),
  };
  return { subject: countingChanges(table, map), calls };
}

test('a new generation starts after a write, not before it', () => {
  const map = numberMap(7);
  const { subject, calls } = counted(map, () => []);
  subject.set(['a', 'b']);
  subject.delete(['a']);
  assert.deepEqual(calls, ['set a,b in 7', 'delete a in 8']);
  assert.equal(map.current(), 9);
});

test('a write that failed partly or completely starts one, too', () => {
  const map = numberMap(1);
  const failure = { key: 'a', error: new Error('no room') };
  assert.deepEqual(counted(map, () => [failure]).subject.set(['a']), [failure]);
  assert.equal(map.current(), 2);
  const broken = counted(map, () => {
    throw new Error('no such map');
  });
  assert.throws(() => broken.subject.delete(['a']), /no such map/);
  assert.equal(map.current(), 3);
});

test('reading a table does not start a new generation', () => {
  const map = numberMap(1);
  const { subject } = counted(map, () => []);
  assert.deepEqual([...subject.list(new Map()).keys()], ['a']);
  assert.equal(subject.key('a'), 'a');
  assert.ok(subject.equal('a', 'a'));
  assert.equal(map.current(), 1);
});

test('the number reserved for programs is never reached', () => {
  const map = numberMap(0xffff_fffe);
  beginGeneration(map);
  assert.equal(map.current(), 1);
});
