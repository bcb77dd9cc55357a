import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRecent } from './go.ts';

const versions: readonly (readonly [string, boolean])[] = [
  ['go1.26.1 linux/amd64', true],
  ['go1.25 linux/arm64', true],
  ['go1.24.9 linux/amd64', false],
  ['go1.9 linux/amd64', false],
  ['go2.0 linux/amd64', true],
  ['devel +b7a85e0003 linux/amd64', false],
];

for (const [version, recent] of versions) {
  test(`${version} is ${recent ? 'new enough' : 'refused'}`, () => {
    assert.equal(isRecent(version), recent);
  });
}
