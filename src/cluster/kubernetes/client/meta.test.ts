import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewer, listPage, metaOf } from './meta.ts';

const long: readonly (readonly [string, object])[] = [
  ['name of more than 253 characters', { name: 'x'.repeat(254) }],
  ['namespace of more than 63 characters', { namespace: 'x'.repeat(64), name: 'a' }],
];

for (const [title, metadata] of long)
  test(`an object with a ${title} is not an API server's`, () => {
    assert.throws(() => metaOf({ metadata }, 'Pod'), { name: 'AnswerError' });
  });

test("an object or list whose kind is nested too deeply is not an API server's", () => {
  const kind: unknown = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000));
  assert.throws(() => metaOf({ kind, metadata: { name: 'a' } }, 'Node'), { name: 'AnswerError' });
  const list = { kind, metadata: { resourceVersion: '10' }, items: [] };
  assert.throws(() => listPage(list, 'Node'), { name: 'AnswerError' });
});

const versions: readonly (readonly [string, string | undefined, boolean])[] = [
  ['10', '9', true],
  ['9', '10', false],
  ['10', '10', false],
  ['9223372036854775807', '9223372036854775806', true],
  ['x', '10', false],
  ['10', 'x', true],
  ['x', 'x', false],
  ['10', undefined, true],
];
for (const [left, right, expected] of versions)
  test(`version ${left} ${expected ? 'may be' : 'is not'} newer than ${right}`, () => {
    assert.equal(isNewer(left, right), expected);
  });

const scopes: readonly (readonly [string, object, string | undefined])[] = [
  ['Node', { name: 'a' }, 'a'],
  ['Node', { name: 'a', namespace: '' }, 'a'],
  ['Node', { name: 'a', namespace: 'x' }, undefined],
  ['ClusterNetworkPolicy', { name: 'a', namespace: 'x' }, undefined],
  ['Pod', { name: 'a', namespace: 'x' }, 'x/a'],
  ['Pod', { name: 'a' }, undefined],
  ['Pod', { resourceVersion: '5' }, ''],
];
for (const [kind, metadata, key] of scopes)
  test(`a ${kind} of ${JSON.stringify(metadata)} ${key === undefined ? 'is refused' : `has the key "${key}"`}`, () => {
    if (key === undefined) assert.throws(() => metaOf({ metadata }, kind), { name: 'AnswerError' });
    else assert.equal(metaOf({ metadata }, kind).key, key);
  });
