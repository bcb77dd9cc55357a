import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../net/address.ts';
import type { Port } from '../../../net/port.ts';
import type { Backend } from '../backends.ts';
import { BackendLists, type BackendListsOptions } from './backend-lists.ts';
import type { BackendList } from './desired-services.ts';

function made(options: Partial<BackendListsOptions> = {}) {
  const clock = { nowMs: 0 };
  const lists = new BackendLists({
    ...{ lists: [], mostBackends: 2 ** 20, lingerMs: 60_000 },
    ...{ now: () => clock.nowMs, isInKernel: () => false },
    ...options,
  });
  return { clock, lists };
}

function backendAt(index: number): Backend {
  const endpoint = { addresses: [], ready: true, serving: true, terminating: false };
  const address = parseAddress(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  return { address, port: 80 as Port, isLocal: false, endpoint };
}

function listAt(number: number, ...backends: readonly number[]): BackendList {
  return {
    number,
    backends: backends.map((each) => ({ ...backendAt(each), number: each })),
  };
}

test('a list is in the order of its backends, whatever order they come in', () => {
  const { lists } = made();
  assert.deepEqual(
    [3, 1, 2].map((index) => lists.take([backendAt(index)])?.number),
    [1, 2, 3],
  );
  const both = lists.take([backendAt(1), backendAt(3)]);
  assert.deepEqual(
    both?.backends.map(({ number, address }) => `${number} ${address}`),
    ['1 10.0.0.3', '2 10.0.0.1'],
  );
  assert.equal(lists.take([backendAt(3), backendAt(1)]), both);
});

test('lists of an earlier agent that contradict each other are not adopted', () => {
  const { lists } = made({
    lists: [
      listAt(7, 1, 2),
      listAt(8, 1, 2),
      listAt(7, 3),
      { number: 9, backends: [{ ...backendAt(4), number: 1 }] },
      { number: 10, backends: [{ ...backendAt(1), number: 5 }] },
    ],
  });
  assert.deepEqual(
    [...lists.backends].map(([number]) => number),
    ['1', '2'],
  );
  assert.equal(lists.take([backendAt(1), backendAt(2)])?.number, 7);
  assert.equal(lists.take([backendAt(1)])?.number, 11, 'not a number of those');
});

test('lists of an earlier agent wait for the first Services, and then a minute', () => {
  const { lists, clock } = made({ lists: [listAt(7, 1)] });
  clock.nowMs = 3_600_000;
  lists.expire();
  assert.equal(lists.backends.size, 1);
  clock.nowMs += 59_000;
  lists.expire();
  assert.equal(lists.backends.size, 1);
  clock.nowMs += 1_000;
  lists.expire();
  assert.equal(lists.backends.size, 0);
});

test('of a large Service that changes all the time not everything is remembered', () => {
  const { lists } = made();
  const all = Array.from({ length: 50_000 }, (_, index) => backendAt(index));
  for (let round = 0; round < 40; round++) {
    const list = lists.take(all.slice(round)) ?? assert.fail();
    lists.release(list.number);
    lists.expire();
  }
  assert.equal(lists.entries.size, 0);
  assert.equal(lists.take(all)?.number, 41, 'the first was forgotten');
  assert.equal(lists.take(all.slice(39))?.number, 40);
});

test('a list that needs more numbers than are free takes none', () => {
  const { lists } = made({ mostBackends: 3 });
  const [one, two, three, four] = [1, 2, 3, 4].map(backendAt) as [
    Backend,
    Backend,
    Backend,
    Backend,
  ];
  assert.equal(lists.take([one, two])?.number, 1);
  assert.equal(lists.take([two, three, four]), undefined);
  assert.equal(lists.freeBackends, 1);
  assert.equal(lists.take([one, two, three])?.number, 2);
});
