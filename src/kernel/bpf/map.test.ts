import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { type Codec, u16, u32 } from '../codec.ts';
import { isKernelError } from '../errno.ts';
import { BpfMap, type MapSpec } from './map.ts';

const spec: MapSpec<number, number> = {
  name: 'numbers',
  type: 'hash',
  key: u32,
  value: u32,
  maxEntries: 8,
};

function made(options: { calls?: FakeMapCalls; spec?: MapSpec<number, number> } = {}) {
  const calls = options.calls ?? new FakeMapCalls();
  return { calls, map: BpfMap.create(options.spec ?? spec, { calls }) };
}

function pairs(count: number): [number, number][] {
  return Array.from({ length: count }, (_, index) => [index, index * 10]);
}

test('an entry that was set is found, and a deleted one is not', () => {
  const { map } = made();
  map.set(1, 10);
  map.set(2, 20);
  assert.equal(map.get(1), 10);
  assert.equal(map.get(3), undefined);
  assert.equal(map.delete(1), true);
  assert.equal(map.delete(1), false);
  assert.deepEqual([...map.entries()], [[2, 20]]);
  assert.equal(map.count(), 1);
});

test('an image stays the same until an entry changes', () => {
  const { map } = made();
  const empty = map.image();
  map.setBatch(pairs(6));
  const image = map.image();
  assert.ok(image !== undefined && empty !== undefined);
  assert.equal(empty.count, 0);
  assert.equal(image.count, 6);
  assert.ok(map.image()?.equals(image));
  map.set(3, 31);
  assert.ok(!map.image()?.equals(image), 'changed');
  map.set(3, 30);
  assert.ok(map.image()?.equals(image));
  map.delete(5);
  assert.ok(!map.image()?.equals(image), 'deleted');
});

test('an image knows where an earlier one has the same entries', () => {
  const { map } = made({ spec: { ...spec, maxEntries: 1000 } });
  map.setBatch(pairs(900));
  const earlier = map.image() ?? assert.fail();
  /** Keys of the new and changed entries. */
  const others = (): readonly number[] => {
    const image = map.image() ?? assert.fail();
    return Array.from(image.placesIn(earlier), (place, index) => {
      if (place < 0) return image.key(index);
      assert.equal(earlier.key(place), image.key(index));
      assert.equal(earlier.value(place), image.value(index));
      return [];
    }).flat();
  };
  assert.deepEqual(others(), []);
  map.set(7, 1);
  map.set(150, 1);
  for (const key of [100, 101, 102, 899]) map.delete(key);
  map.set(2000, 1);
  assert.deepEqual(others(), [7, 150, 2000]);
  for (let key = 8; key < 90; key++) map.delete(key);
  // The first entries behind a large gap are compared in vain.
  assert.deepEqual(others().length, 3 + 15);
  map.set(7, 70);
  for (let key = 200; key < 300; key++) map.set(key, 1);
  assert.deepEqual(others().length, 16 + 1 + 100 + 1);
});

test('the mode decides whether an entry may be created or replaced', () => {
  const { map } = made();
  map.set(1, 10, 'create');
  assert.throws(() => map.set(1, 11, 'create'), /bpf map update numbers: EEXIST/);
  assert.throws(() => map.set(2, 20, 'replace'), /ENOENT/);
  map.set(1, 12, 'replace');
  assert.equal(map.get(1), 12);
});

test('a full map is named with its size', () => {
  const { map } = made();
  map.setBatch(pairs(8));
  assert.throws(() => map.set(9, 0), {
    message: 'bpf map update numbers: E2BIG (the map is full: 8 entries)',
  });
  assert.throws(
    () =>
      map.setBatch([
        [1, 1],
        [9, 9],
        [2, 2],
      ]),
    /full: 8 entries; 1 of 3 entries were set/,
  );
});

test('a missing slot of an array is not reported as a full map', () => {
  const { map } = made({ spec: { ...spec, type: 'array', maxEntries: 0 } });
  assert.throws(() => map.set(9, 0), /E2BIG \(the index is beyond its 0 slots\)/);
});

test('batches do in one call what single calls would do', () => {
  const { calls, map } = made();
  map.setBatch(pairs(6));
  assert.deepEqual([...map.entries()], pairs(6));
  assert.equal(map.count(), 6);
  assert.equal(map.deleteBatch([0, 77, 1, 78, 2]), 3);
  assert.deepEqual(
    [...map.entries()].map(([key]) => key),
    [3, 4, 5],
  );
  assert.equal(
    calls.asked.some((command) => !command.includes('Batch')),
    false,
  );
});

for (const code of ['ENOTSUPP', 'EINVAL']) {
  test(`if the kernel answers batches with ${code}, single calls are used`, () => {
    const { calls, map } = made();
    calls.batchesFail = code;
    map.setBatch(pairs(5));
    assert.deepEqual([...map.entries()], pairs(5));
    assert.equal(map.count(), 5);
    assert.equal(map.deleteBatch([0, 99, 1]), 2);
    assert.equal(calls.asked.filter((command) => command.includes('Batch')).length, 1);
  });
}

test('any other error of a batch is thrown', () => {
  const { calls, map } = made();
  calls.batchesFail = 'EPERM';
  assert.throws(() => map.setBatch(pairs(2)), /bpf map update batch numbers: EPERM \(0 of 2/);
  assert.throws(() => [...map.entries()], /bpf map lookup batch numbers: EPERM/);
  assert.throws(() => map.deleteBatch([1]), /bpf map delete batch numbers: EPERM/);
});

test('a bucket larger than the batch makes the batch grow', () => {
  const { calls, map } = made({ spec: { ...spec, maxEntries: 4 } });
  calls.bucketSize = 10;
  map.setBatch(pairs(4));
  assert.deepEqual([...map.entries()], pairs(4));
});

test('a loop over the entries may change the map and read others', () => {
  const calls = new FakeMapCalls();
  const { map } = made({ calls });
  const { map: other } = made({ calls });
  map.setBatch(pairs(5));
  for (const [key, value] of map.entries()) {
    other.set(key, value);
    map.delete(key);
    assert.equal(other.get(key), value);
  }
  assert.equal(map.count(), 0);
  assert.deepEqual([...other.entries()], pairs(5));
});

test('a pinned map is opened by its path and checked against the spec', () => {
  const { calls, map } = made();
  map.pin('/sys/fs/bpf/numbers');
  map.set(1, 10);
  assert.equal(BpfMap.openPinned('/sys/fs/bpf/numbers', spec, { calls }).get(1), 10);
  assert.throws(() => map.pin('/sys/fs/bpf/numbers'), /bpf map pin \S+numbers: EEXIST/);
  assert.throws(
    () => BpfMap.openPinned('/sys/fs/bpf/other', spec, { calls }),
    (error) => isKernelError(error, 'ENOENT'),
  );
});

test('a map with another type or size is refused with the difference, and its descriptor closed', () => {
  const narrow = u16 as Codec<number>;
  const cases: readonly (readonly [Partial<MapSpec<number, number>>, string])[] = [
    [{ key: narrow }, 'its key size is 4, expected 2'],
    [{ value: narrow }, 'its value size is 4, expected 2'],
    [{ type: 'lru_hash' }, 'its type is hash, expected lru_hash'],
  ];
  for (const [difference, detail] of cases) {
    const { calls, map } = made();
    assert.throws(() => BpfMap.fromFd(map.fd, { ...spec, ...difference }, { calls }), {
      message: `bpf map open numbers: EINVAL (${detail})`,
    });
    assert.deepEqual(calls.closed, [map.fd]);
  }
});

test('disposing twice closes the descriptor once', () => {
  const { calls, map } = made();
  map[Symbol.dispose]();
  map[Symbol.dispose]();
  assert.deepEqual(calls.closed, [map.fd]);
});
