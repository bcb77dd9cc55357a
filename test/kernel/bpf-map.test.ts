// The common contract of all map types; the table states where the kernel makes them differ.

import assert from 'node:assert/strict';
import { BpfMap, type MapSpec } from '../../src/kernel/bpf/map.ts';
import { MapOfMaps } from '../../src/kernel/bpf/map-of-maps.ts';
import type { MapType } from '../../src/kernel/bpf/map-type.ts';
import { PerCpuMap, type PerCpuMapSpec } from '../../src/kernel/bpf/per-cpu-map.ts';
import { type Codec, u32 } from '../../src/kernel/codec.ts';
import { structCodec } from '../../src/kernel/struct-codec.ts';
import { pinFolder } from '../support/bpf.ts';
import { rootTest } from '../support/root-test.ts';

interface LpmKey {
  readonly prefixLength: number;
  readonly bits: number;
}

const lpmKey: Codec<LpmKey> = structCodec(8, { prefixLength: [0, u32], bits: [4, u32] });

function numbers(type: MapType, maxEntries = 3000): MapSpec<number, number> {
  return { name: `test_${type}`, type, key: u32, value: u32, maxEntries };
}

function pairs(count: number): [number, number][] {
  return Array.from({ length: count }, (_, index) => [index, index + 7]);
}

for (const type of ['hash', 'lru_hash'] as const) {
  rootTest(`a ${type} map sets, finds, lists and deletes, one by one and in batches`, () => {
    using map = BpfMap.create(numbers(type));
    map.setBatch(pairs(1000));
    map.set(5000, 1);
    assert.equal(map.get(999), 1006);
    assert.equal(map.get(1000), undefined);
    assert.equal(map.count(), 1001);
    const listed = [...map.entries()].sort(([left], [right]) => left - right);
    assert.deepEqual(listed, [...pairs(1000), [5000, 1]]);
    assert.equal(map.delete(5000), true);
    assert.equal(map.delete(5000), false);
    assert.equal(map.deleteBatch([1, 9999, 2, 3]), 3);
    assert.equal(map.count(), 997);
  });
}

rootTest('a full hash reports it, an LRU hash makes room', () => {
  using hash = BpfMap.create(numbers('hash', 10));
  assert.throws(() => hash.setBatch(pairs(11)), /E2BIG \(the map is full: 10 entries; 10 of 11/);
  using lru = BpfMap.create(numbers('lru_hash', 500));
  for (const [key, value] of pairs(5000)) lru.set(key, value);
  assert.ok(lru.count() <= 500);
});

rootTest('an array has all its slots, and none beyond', () => {
  using map = BpfMap.create(numbers('array', 5));
  assert.deepEqual([map.count(), map.get(4), map.get(5)], [5, 0, undefined]);
  map.setBatch(pairs(5));
  assert.deepEqual([...map.entries()], pairs(5));
  assert.throws(() => map.set(5, 1), /E2BIG \(the index is beyond its 5 slots\)/);
  assert.throws(() => map.delete(1), /EINVAL/);
});

rootTest('an LPM trie returns the longest prefix', () => {
  const spec = {
    name: 'test_lpm',
    type: 'lpm_trie',
    key: lpmKey,
    value: u32,
    maxEntries: 3,
  } as const;
  using map = BpfMap.create(spec);
  const all = { prefixLength: 0, bits: 0 };
  const half = { prefixLength: 8, bits: 10 };
  map.setBatch([
    [all, 1],
    [half, 2],
  ]);
  assert.equal(map.get({ prefixLength: 32, bits: 10 }), 2);
  assert.equal(map.get({ prefixLength: 32, bits: 11 }), 1);
  assert.equal(map.count(), 2);
  assert.deepEqual(
    [...map.entries()].sort(([left], [right]) => left.prefixLength - right.prefixLength),
    [
      [all, 1],
      [half, 2],
    ],
  );
  map.set({ prefixLength: 9, bits: 10 }, 3);
  assert.throws(() => map.set({ prefixLength: 10, bits: 10 }, 4), /ENOSPC \(the map is full: 3/);
  assert.equal(map.deleteBatch([half, { prefixLength: 30, bits: 1 }, all]), 2);
  assert.throws(() => map.set({ prefixLength: 33, bits: 0 }, 4), /EINVAL/);
});

for (const type of ['percpu_array', 'percpu_hash', 'lru_percpu_hash'] as const) {
  rootTest(`a ${type} map has one value per CPU`, (context) => {
    const spec: PerCpuMapSpec<number, number> = { ...numbers(type, 16), type };
    using map = PerCpuMap.create(spec);
    const values = Array.from({ length: map.cpus }, (_, cpu) => cpu + 100);
    map.set(1, values);
    map.setAll(2, 9);
    assert.deepEqual(map.get(1), values);
    const found = new Map(map.entries());
    assert.deepEqual(found.get(1), values);
    assert.deepEqual(found.get(2), new Array(map.cpus).fill(9));
    const path = `${pinFolder(context)}/per-cpu`;
    map.pin(path);
    using again = PerCpuMap.openPinned(path, spec);
    assert.deepEqual(again.get(1), values);
  });
}

rootTest('a hash of maps replaces an inner map as a whole', () => {
  const inner = numbers('hash', 4);
  using outer = MapOfMaps.create({ name: 'test_outer', key: u32, maxEntries: 4, inner });
  using first = BpfMap.create(inner);
  using second = BpfMap.create(inner);
  first.set(1, 11);
  second.set(1, 22);
  outer.set(7, first);
  using found = outer.get(7);
  assert.equal(found?.get(1), 11);
  outer.set(7, second);
  using replaced = outer.get(7);
  assert.equal(replaced?.get(1), 22);
  assert.deepEqual([...outer.entries()], [[7, second.id]]);
  assert.equal(outer.get(8), undefined);
  assert.equal(outer.delete(7), true);
});

rootTest('a pinned map is opened again with its entries, and checked', (context) => {
  const path = `${pinFolder(context)}/numbers`;
  const spec = numbers('hash', 10);
  {
    using map = BpfMap.create(spec);
    map.set(1, 2);
    map.pin(path);
    assert.throws(() => map.pin(path), /bpf map pin \S+: EEXIST/);
  }
  using again = BpfMap.openPinned(path, spec);
  assert.deepEqual([again.get(1), again.maxEntries], [2, 10]);
  assert.throws(
    () => BpfMap.openPinned(path, { ...spec, type: 'array' }),
    /bpf map open test_hash: EINVAL \(its type is hash, expected array\)/,
  );
  assert.throws(() => BpfMap.openPinned(`${path}-not`, spec), /bpf map open \S+: ENOENT/);
});

rootTest('entries may be deleted while they are listed', () => {
  using map = BpfMap.create(numbers('hash'));
  map.setBatch(pairs(2000));
  let seen = 0;
  for (const [key] of map.entries()) {
    map.delete(key);
    seen++;
  }
  assert.equal(seen, 2000);
  assert.equal(map.count(), 0);
});
