import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dumps, Query } from './request.ts';
import { steadyListing } from './steady-listing.ts';

const headerBytes = 4;

/** A header with a number, one attribute of type 1 and one of type 3, four bytes each. */
function message(id: number, value: number, age: number): Buffer {
  const bytes = Buffer.alloc(headerBytes + 16);
  bytes.writeUInt32LE(id);
  for (const [start, type, content] of [
    [4, 1, value],
    [12, 3, age],
  ] as const) {
    bytes.writeUInt16LE(8, start);
    bytes.writeUInt16LE(type, start + 2);
    bytes.writeUInt32LE(content, start + 4);
  }
  return bytes;
}

/** Answers each dump with the current `messages`, and counts how many are parsed. */
function listingOf(volatile?: Query['volatile']) {
  const kernel = { messages: [] as Buffer[], parsed: 0 };
  const socket: Dumps = {
    dump: (_query, read) =>
      kernel.messages.flatMap((bytes) => {
        const result = read(Buffer.from(bytes));
        return result === undefined ? [] : [result];
      }),
  };
  const query = { call: 'list', subject: '', type: 1, volatile, write: () => undefined };
  const list = steadyListing(socket, (dumps) =>
    dumps.dump({ ...query }, (payload) => {
      kernel.parsed++;
      const value = payload.readUInt32LE(headerBytes + 4);
      return value === 0 ? undefined : { id: payload.readUInt32LE(0), value };
    }),
  );
  return { kernel, list };
}

test('an unchanged listing is the same object and is parsed once', () => {
  const { kernel, list } = listingOf();
  kernel.messages = [message(1, 10, 0), message(2, 0, 0), message(3, 30, 0)];
  const first = list();
  assert.deepEqual(first, [
    { id: 1, value: 10 },
    { id: 3, value: 30 },
  ]);
  assert.equal(list(), first);
  assert.equal(kernel.parsed, 3);
});

const changes: readonly (readonly [
  what: string,
  after: Buffer[],
  parsed: number,
  ids: number[],
])[] = [
  ['one that changed', [message(1, 10, 0), message(2, 21, 0), message(3, 30, 0)], 1, [1, 2, 3]],
  [
    'one that came',
    [message(1, 10, 0), message(2, 20, 0), message(3, 30, 0), message(4, 40, 0)],
    1,
    [1, 2, 3, 4],
  ],
  ['the last one gone', [message(1, 10, 0), message(2, 20, 0)], 0, [1, 2]],
  ['the first one gone', [message(2, 20, 0), message(3, 30, 0)], 0, [2, 3]],
  ['all gone', [], 0, []],
  [
    'one that came first',
    [message(4, 40, 0), message(1, 10, 0), message(2, 20, 0), message(3, 30, 0)],
    1,
    [4, 1, 2, 3],
  ],
  [
    'one in the place of another',
    [message(4, 40, 0), message(2, 20, 0), message(3, 30, 0)],
    1,
    [4, 2, 3],
  ],
  ['another order', [message(1, 10, 0), message(3, 30, 0), message(2, 20, 0)], 1, [1, 3, 2]],
];
for (const [what, after, parsed, ids] of changes) {
  test(`${what}: another listing, with at most ${parsed} parsed`, () => {
    const { kernel, list } = listingOf();
    kernel.messages = [message(1, 10, 0), message(2, 20, 0), message(3, 30, 0)];
    const first = list();
    kernel.parsed = 0;
    kernel.messages = after;
    const second = list();
    assert.notEqual(second, first);
    assert.deepEqual(
      second.map(({ id }) => id),
      ids,
    );
    assert.equal(kernel.parsed, parsed);
    assert.equal(list(), second);
  });
}

test('for an interrupted dump the second attempt is remembered', () => {
  const kernel = { messages: [message(1, 10, 0), message(2, 20, 0)], interrupted: [] as Buffer[] };
  const list = steadyListing(
    {
      dump: (_query, read) => {
        for (const bytes of kernel.interrupted) read(Buffer.from(bytes));
        return kernel.messages.flatMap((bytes) => read(Buffer.from(bytes)) ?? []);
      },
    },
    (dumps) =>
      dumps.dump({ call: 'list', subject: '', type: 1, write: () => undefined }, (payload) =>
        payload.readUInt32LE(0),
      ),
  );
  assert.deepEqual(list(), [1, 2]);
  kernel.interrupted = [message(1, 10, 0), message(3, 30, 0)];
  kernel.messages = [message(1, 10, 0), message(3, 30, 0), message(4, 40, 0)];
  assert.deepEqual(list(), [1, 3, 4]);
  kernel.interrupted = [];
  assert.deepEqual(list(), [1, 3, 4]);
});

test('an attribute marked as volatile in the query is not a change', () => {
  const volatile = { headerBytes, types: [3] };
  const { kernel, list } = listingOf(volatile);
  kernel.messages = [message(1, 10, 1)];
  const first = list();
  kernel.messages = [message(1, 10, 2)];
  assert.equal(list(), first);
  kernel.messages = [message(1, 11, 2)];
  assert.deepEqual(list(), [{ id: 1, value: 11 }]);
});

test('after a failed listing, answers changed meanwhile are not taken for old ones', () => {
  const kernel = { messages: [] as Buffer[] };
  let fails = false;
  const twice = steadyListing(
    {
      dump: (query, read) => {
        if (fails && query.type === 2) throw new Error('EAGAIN');
        return kernel.messages.flatMap((bytes) => read(Buffer.from(bytes)) ?? []);
      },
    },
    (dumps) =>
      [1, 2].flatMap((type) =>
        dumps.dump({ call: 'list', subject: '', type, write: () => undefined }, (payload) =>
          payload.readUInt32LE(headerBytes + 4),
        ),
      ),
  );
  kernel.messages = [message(1, 10, 0)];
  assert.deepEqual(twice(), [10, 10]);
  fails = true;
  kernel.messages = [message(1, 11, 0)];
  assert.throws(twice, /EAGAIN/);
  fails = false;
  assert.deepEqual(twice(), [11, 11]);
});
