import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fuzzCall, fuzzers } from './fuzzers.ts';

test('every fuzzer is a test that takes its seed from HEDDLE_SEED', () => {
  for (const [name, { file }] of Object.entries(fuzzers)) {
    assert.ok(existsSync(file), `${name}: ${file}`);
    assert.match(readFileSync(file, 'utf8'), /process\.env\['HEDDLE_SEED'\]/, name);
  }
});

test('a name and numbers are accepted, everything else is refused', () => {
  assert.deepEqual(fuzzCall(['services']), { name: 'services', minutes: 1, seed: undefined });
  assert.deepEqual(fuzzCall(['packets', '--minutes', '0.5', '--seed', '7']), {
    ...{ name: 'packets', minutes: 0.5, seed: 7 },
  });
  const wrong = [[], ['other'], ['services', '--minutes'], ['services', '--minutes', 'all']];
  for (const words of [...wrong, ['services', '--hours', '1']])
    assert.equal(fuzzCall(words), undefined, words.join(' '));
});
