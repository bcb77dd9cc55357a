import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrefix } from '../net/prefix.ts';
import { compact } from './masquerade.ts';

test('prefixes within others, and repeated ones, are left out and the rest is sorted', () => {
  const prefixes = [
    '2001:db8::/32',
    '198.51.100.0/24',
    '192.0.2.8/32',
    '192.0.2.0/26',
    '2001:db8:1::/64',
    '192.0.2.64/26',
    '192.0.2.0/26',
  ].map((text) => parsePrefix(text));
  assert.deepEqual(compact(prefixes), [
    '192.0.2.0/26',
    '192.0.2.64/26',
    '198.51.100.0/24',
    '2001:db8::/32',
  ]);
});

test('everything makes every other prefix of its family superfluous', () => {
  const prefixes = ['192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32'].map((text) => parsePrefix(text));
  assert.deepEqual(compact(prefixes), ['0.0.0.0/0', '2001:db8::/32']);
});
