import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { u16, u32 } from '../codec.ts';
import { PerCpuMap, type PerCpuMapSpec, possibleCpus } from './per-cpu-map.ts';

const spec: PerCpuMapSpec<number, number> = {
  name: 'counters',
  type: 'percpu_array',
  key: u32,
  value: u16,
  maxEntries: 2,
};

test('possible CPUs are counted from the kernel’s list', () => {
  const cases = [
    ['0\n', 1],
    ['0-3\n', 4],
    ['0-3,8,10-11\n', 7],
  ] as const;
  for (const [list, count] of cases) assert.equal(possibleCpus(list), count);
});

test('a value has one slot per CPU, while its reported size is one slot’s', () => {
  const calls = new FakeMapCalls();
  calls.cpus = 3;
  const map = PerCpuMap.create(spec, { calls, cpus: 3 });
  assert.equal(calls.info(map.fd).valueSize, 2);
  map.set(0, [1, 2, 3]);
  map.setAll(1, 7);
  assert.deepEqual(map.get(0), [1, 2, 3]);
  assert.deepEqual(
    [...map.entries()],
    [
      [0, [1, 2, 3]],
      [1, [7, 7, 7]],
    ],
  );
});

test('a value needs exactly one element per CPU', () => {
  const map = PerCpuMap.create(spec, { calls: new FakeMapCalls(), cpus: 2 });
  assert.throws(() => map.set(0, [1]), /1 values for 2 possible CPUs/);
});
