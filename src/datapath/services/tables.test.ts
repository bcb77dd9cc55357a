import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { serviceMaps } from '../../../test/support/planned-services.ts';
import type { BackendList } from '../../model/services/plan/desired-services.ts';
import { parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { type Choice, choiceKind, type ServiceEntry, maps as specs } from '../generated.ts';
import type { MapEntry } from '../maps/map-table.ts';
import { type FrontendEntry, frontendTable } from './frontends.ts';
import { KernelLists } from './kernel-lists.ts';
import { blocksPerTable } from './lookups.ts';
import { slotTable } from './slots.ts';
import { sourceRangeTable } from './source-ranges.ts';
import { foundServices } from './tables.ts';

function made(slots = 8) {
  const maps = serviceMaps({ frontends: 3, slots, sourceRanges: 2 }, new FakeMapCalls());
  const kernelLists = new KernelLists();
  return {
    ...{ maps, kernelLists },
    slots: slotTable(maps.slots, kernelLists),
    frontends: frontendTable(maps.frontends, kernelLists),
  };
}

function listOf(number: number, ...backends: readonly number[]): BackendList {
  return {
    number,
    backends: backends.map((backend) => ({
      ...{ number: backend, address: parseAddress(`192.0.2.${backend}`), port: 80 as Port },
    })),
  };
}

function frontendOf(last: number, list: number, count: number): FrontendEntry {
  const key = { address: parseAddress(`10.96.0.${last}`), port: 80, protocol: 6 };
  const inside: Choice = { list, count, kind: choiceKind.backends, masquerade: 0 };
  const value: ServiceEntry = {
    ...{ key, service: last, inside, outside: { ...inside, masquerade: 1 } },
    ...{ affinitySeconds: 0, hasSourceRanges: 0, isConsistent: 0 },
  };
  return { key, value };
}

function texts(failures: readonly { readonly key: string; readonly error: Error }[]) {
  return failures.map(({ key, error }) => `${key}: ${error.message}`);
}

const wanted = (...lists: readonly BackendList[]): ReadonlyMap<string, BackendList> =>
  new Map(lists.map((list) => [String(list.number), list]));

test('an unchanged map gives the same listing, and a changed list alone is another object', () => {
  const { slots, maps } = made();
  const [one, two] = [listOf(1, 3, 7), listOf(2, 7)];
  slots.set([one, two]);
  const first = slots.list(wanted(one, two));
  assert.deepEqual([...first.values()], [one, two]);
  assert.equal(slots.list(wanted(one, two)), first);
  maps.slots.delete({ list: 2, index: 0 });
  const second = slots.list(wanted(one, two));
  assert.equal(second.get('1'), one);
  assert.equal(second.has('2'), false);
});

const tampered: readonly (readonly [string, (maps: ReturnType<typeof made>['maps']) => void])[] = [
  ['a slot is missing', ({ slots }) => void slots.delete({ list: 1, index: 0 })],
  [
    'a slot is there twice',
    ({ slots }) => slots.set({ list: 1, index: 2 }, slots.get({ list: 1, index: 1 }) ?? fail()),
  ],
  [
    'a slot is too much',
    ({ slots }) =>
      slots.set(
        { list: 1, index: 2 },
        { address: parseAddress('192.0.2.9'), port: 80, backend: 9, list: 1 },
      ),
  ],
  [
    'a slot is far away',
    ({ slots }) => slots.set({ list: 1, index: 900 }, slots.get({ list: 1, index: 1 }) ?? fail()),
  ],
  [
    'a slot has another address',
    ({ slots }) =>
      slots.set(
        { list: 1, index: 1 },
        { address: parseAddress('192.0.2.9'), port: 80, backend: 7, list: 1 },
      ),
  ],
];

function fail(): never {
  return assert.fail('no such slot');
}

for (const [what, change] of tampered) {
  test(`a list of which ${what} is restored or deleted as a whole`, () => {
    const { slots, maps } = made();
    const list = listOf(1, 3, 7);
    const [desired, found] = [wanted(list), () => slots.list(desired).get('1') ?? fail()];
    slots.set([list]);
    found();
    change(maps);
    assert.ok(!slots.equal(list, found()));
    slots.set([list]);
    assert.ok(slots.equal(list, found()));
    assert.equal(maps.slots.count(), 2);
    change(maps);
    slots.delete([found()]);
    assert.equal(maps.slots.count(), 0);
  });
}

test('a list that does not fit leaves no slot, and the key of the size is named', () => {
  const { slots, maps } = made(4);
  assert.deepEqual(texts(slots.set([listOf(1, 1, 2, 3), listOf(2, 1, 2), listOf(3, 4)])), [
    '2: bpf map update batch slots: E2BIG (the map is full: 4 entries; 1 of 2 entries were set): raise services.slotEntries in the configuration',
  ]);
  assert.deepEqual([...slots.list(new Map()).keys()], ['1', '3']);
  assert.equal(maps.slots.count(), 4);
});

test('a frontend waits for its list, and a list for the frontends that still refer to it', () => {
  const { slots, frontends, maps } = made();
  const [one, two] = [listOf(1, 1), listOf(2, 1, 2)];
  slots.set([one]);
  assert.deepEqual(frontends.set([frontendOf(1, 1, 1)]), []);
  assert.deepEqual(texts(frontends.set([frontendOf(1, 2, 2), frontendOf(2, 1, 1)])), [
    '10.96.0.1:80/tcp: its backends, list 2 of service-slots, are not written',
  ]);
  assert.equal(maps.frontends.get(frontendOf(1, 0, 0).key)?.inside.list, 1);
  assert.deepEqual(texts(slots.delete([one])), [
    '1: list 1: a frontend that could not be changed still refers to it',
  ]);
  slots.set([two]);
  assert.deepEqual(frontends.set([frontendOf(1, 2, 2)]), []);
  assert.deepEqual(slots.delete([one]).length, 1, 'the second frontend has it');
  frontends.delete([frontendOf(2, 1, 1)]);
  assert.deepEqual(slots.delete([one]), []);
});

test('a frontend that another process has removed does not hold its list', () => {
  const { slots, frontends, maps, kernelLists } = made();
  slots.set([listOf(1, 1)]);
  frontends.set([frontendOf(1, 1, 1), frontendOf(2, 1, 1)]);
  frontends.list(new Map());
  maps.frontends.delete(frontendOf(1, 1, 1).key);
  frontends.list(new Map());
  assert.ok(kernelLists.isUsed(1));
  maps.frontends.delete(frontendOf(2, 1, 1).key);
  frontends.list(new Map());
  assert.ok(!kernelLists.isUsed(1));
});

test('full maps of frontends and ranges are named with the keys of their sizes', () => {
  const { slots, frontends, maps } = made();
  slots.set([listOf(1, 1)]);
  const full = frontends.set([1, 2, 3, 4].map((last) => frontendOf(last, 1, 1)));
  assert.match(texts(full).join(), /^10\.96\.0\.4:80\/tcp: .*raise services\.frontendEntries/);
  const ranges = sourceRangeTable(maps.sourceRanges);
  const value = { allowed: 1 };
  const entries = [1, 2, 3].map((last) => ({
    ...{ key: { prefixLength: 152, service: 7, address: parseAddress(`192.0.${last}.0`) }, value },
  })) satisfies readonly MapEntry<object, object>[];
  assert.match(texts(ranges.set(entries)).join(), /^7 192\.0\.3\.0\/24: .*raise services\.range/);
});

test('an agent finds intact lists, and the numbers of ports by their frontends', () => {
  const { slots, frontends, maps } = made();
  slots.set([listOf(5, 1, 2), listOf(6, 4, 9)]);
  maps.slots.delete({ list: 6, index: 0 });
  const atNode = frontendOf(1, 5, 2);
  const key = { address: parseAddress('0.0.0.0'), port: 30_080, protocol: 17 };
  frontends.set([frontendOf(7, 5, 2), { key, value: { ...atNode.value, key } }]);
  const { lists, portNumbers } = foundServices(maps);
  assert.deepEqual(
    Array.from(lists, ({ number, backends }) => ({ number, backends })),
    [listOf(5, 1, 2)],
  );
  assert.deepEqual(
    [...portNumbers],
    [
      ['10.96.0.7 80 TCP', 7],
      ['node4 30080 UDP', 1],
    ],
  );
});

test("the object's map of lookups has room for 256 tables and those that replace them", () => {
  assert.equal(specs.lookups.maxEntries, 256 * 2 * blocksPerTable);
});
