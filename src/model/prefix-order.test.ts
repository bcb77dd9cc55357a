import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Prefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixLength,
} from '../net/prefix.ts';
import { compact, orderedPrefix } from './prefix-order.ts';

test('prefixes within others, and repeated ones, are left out and the rest is sorted', () => {
  const prefixes = [
    '2001:db8::/32',
    '198.51.100.0/24',
    '192.0.2.8/32',
    '192.0.2.0/26',
    '2001:db8:1::/64',
    '192.0.2.64/26',
    '192.0.2.0/26',
  ].map((text) => orderedPrefix(parsePrefix(text)));
  assert.deepEqual(compact(prefixes), [
    '192.0.2.0/26',
    '192.0.2.64/26',
    '198.51.100.0/24',
    '2001:db8::/32',
  ]);
});

test('everything makes every other prefix of its family superfluous', () => {
  const prefixes = ['192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32'].map((text) =>
    orderedPrefix(parsePrefix(text)),
  );
  assert.deepEqual(compact(prefixes), ['0.0.0.0/0', '2001:db8::/32']);
});

test('what is left out is exactly what lies within another', () => {
  let state = 11;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 100; round++) {
    const all = Array.from({ length: 20 }, () =>
      parsePrefix(
        random(2) === 0
          ? `192.0.2.${random(256)}/${24 + random(9)}`
          : `2001:db8::${random(4_096).toString(16)}/${116 + random(13)}`,
      ),
    );
    const kept = compact(all.map(orderedPrefix));
    const isWithinAnother = (prefix: Prefix): boolean =>
      all.some(
        (other) =>
          other !== prefix &&
          prefixLength(other) < prefixLength(prefix) &&
          prefixContains(other, prefixAddress(prefix)),
      );
    const expected = new Set(all.filter((prefix) => !isWithinAnother(prefix)));
    assert.deepEqual([...kept].sort(), [...expected].sort());
  }
});
