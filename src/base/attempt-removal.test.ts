import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { attemptRemoval } from './attempt-removal.ts';

const unexpected = (text: string): void => assert.fail(text);

test('a refused removal is reported with its path and the reason', () => {
  const texts: string[] = [];
  const refused = (text: string): void => void texts.push(text);
  const remove = (): unknown => readFileSync('/dev/null/none');
  assert.equal(attemptRemoval('/opt/cni/bin', refused, remove), undefined);
  assert.deepEqual(texts, [
    "/opt/cni/bin could not be removed: ENOTDIR: not a directory, open '/dev/null/none'",
  ]);
});

test('a successful removal returns its result; a bug is thrown', () => {
  assert.equal(
    attemptRemoval('x', unexpected, () => 3),
    3,
  );
  const bugs = [
    () => readFileSync('a\0b'),
    (): never => {
      throw new Error('no errno');
    },
  ];
  for (const bug of bugs) assert.throws(() => attemptRemoval('x', unexpected, bug));
});
