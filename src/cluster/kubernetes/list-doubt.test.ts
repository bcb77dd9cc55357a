import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listDoubt } from './list-doubt.ts';

interface Row {
  readonly before: number;
  readonly now: number;
  readonly isOlder?: boolean;
  readonly missing?: string;
  readonly held?: number;
  /** Default 2. */
  readonly repetitions?: number;
  readonly doubt: RegExp | undefined;
}

const rows: readonly Row[] = [
  { before: 0, now: 0, doubt: undefined },
  { before: 1, now: 0, doubt: /is empty, but there were 1 before$/ },
  { before: 2, now: 0, missing: 'node-1', doubt: /is empty/ },
  { before: 0, now: 0, missing: 'node-1', doubt: /lacks node-1/ },
  { before: 2, now: 1, doubt: undefined },
  { before: 4, now: 1, doubt: undefined },
  { before: 10, now: 5, doubt: undefined },
  { before: 10, now: 4, doubt: /has 4, but there were 10/ },
  { before: 1_000, now: 501, doubt: undefined },
  { before: 1_000, now: 499, doubt: /has 499/ },
  { before: 5, now: 9, missing: 'node-1', doubt: /has 9 and lacks node-1/ },
  { before: 5, now: 9, isOlder: true, doubt: /older/ },
  { before: 0, now: 4, held: 3, doubt: undefined },
  {
    before: 0,
    now: 3,
    held: 3,
    doubt: /2 other nodes, but this node has routes to 3$/,
    repetitions: 1,
  },
  { before: 0, now: 1, held: 7, doubt: /0 other nodes, but this node has routes to 7$/ },
];

for (const { doubt, isOlder = false, repetitions = 2, ...facts } of rows)
  test(`a list of ${facts.now} after ${facts.before}${isOlder ? ', older' : ''}${facts.missing ? ', without our own' : ''}${facts.held ? `, with routes to ${facts.held} others` : ''} is ${doubt === undefined ? 'believed' : 'doubted'}`, () => {
    const found = listDoubt({ ...facts, isOlder });
    if (doubt === undefined) return assert.equal(found, undefined);
    assert.match(found?.text ?? '', doubt);
    assert.equal(found?.repetitions, repetitions);
  });
