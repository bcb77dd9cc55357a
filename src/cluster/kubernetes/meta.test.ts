import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metaOf } from './meta.ts';

const long: readonly (readonly [string, object])[] = [
  ['name of more than 253 characters', { name: 'x'.repeat(254) }],
  ['namespace of more than 63 characters', { namespace: 'x'.repeat(64), name: 'a' }],
];

for (const [title, metadata] of long)
  test(`an object with a ${title} is not an API server's`, () => {
    assert.throws(() => metaOf({ metadata }, 'Pod'), { name: 'AnswerError' });
  });
