import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { compactPrefixes, orderedPrefix } from './prefix-order.ts';

test('contained and repeated prefixes are removed, halves are joined and the result is sorted', () => {
  const prefixes = [
    '2001:db8::/32',
    '198.51.100.0/24',
    '192.0.2.8/32',
    '192.0.2.0/26',
    '2001:db8:1::/64',
    '192.0.2.64/26',
    '192.0.2.0/26',
  ].map((text) => orderedPrefix(parsePrefix(text)));
  assert.deepEqual(compactPrefixes(prefixes), ['192.0.2.0/25', '198.51.100.0/24', '2001:db8::/32']);
});

test('0.0.0.0/0 subsumes every other IPv4 prefix, ::/0 every IPv6 prefix', () => {
  const prefixes = ['192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32'].map((text) =>
    orderedPrefix(parsePrefix(text)),
  );
  assert.deepEqual(compactPrefixes(prefixes), ['0.0.0.0/0', '2001:db8::/32']);
});

test('a thousand neighbouring prefixes become a handful', () => {
  const ranges = Array.from({ length: 1_000 }, (_, index) =>
    parsePrefix(`10.${220 + (index >> 8)}.${index & 255}.0/24`),
  );
  assert.deepEqual(compactPrefixes(ranges.map(orderedPrefix)), [
    '10.220.0.0/15',
    '10.222.0.0/16',
    '10.223.0.0/17',
    '10.223.128.0/18',
    '10.223.192.0/19',
    '10.223.224.0/21',
  ]);
});

test('the same addresses are covered by prefixes that neither overlap nor form halves', () => {
  let state = 11;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 100; round++) {
    const all = Array.from({ length: 40 }, () =>
      parsePrefix(
        random(2) === 0
          ? `192.0.2.${random(256)}/${24 + random(9)}`
          : `2001:db8::${random(4_096).toString(16)}/${116 + random(13)}`,
      ),
    );
    const kept = compactPrefixes(all.map(orderedPrefix));
    assert.equal(kept.length, new Set(kept).size);
    const before = timesCovered(all);
    const after = timesCovered(kept);
    for (const [place, count] of before.entries())
      if (after[place] !== Math.min(count, 1)) assert.fail(`place ${place} in ${kept}`);
    const again = compactPrefixes(kept.map(orderedPrefix));
    assert.deepEqual(again, kept);
  }
});

/**
 * How many of the prefixes contain each address of 192.0.2.0/24, then each of 2001:db8::/116; computed independently.
 */
function timesCovered(prefixes: readonly Prefix[]): readonly number[] {
  const counts = Array<number>(256 + 4_096).fill(0);
  for (const prefix of prefixes) {
    const [address = '', bits] = prefix.split('/');
    const isIpv4 = address.includes('.');
    const last = isIpv4
      ? Number(address.split('.').at(-1))
      : Number(`0x0${address.split(':').at(-1)}`);
    const size = 2 ** ((isIpv4 ? 32 : 128) - Number(bits));
    const first = (isIpv4 ? 0 : 256) + last;
    for (let place = first; place < first + size; place++) counts[place] = (counts[place] ?? 0) + 1;
  }
  assert.equal(counts.length, 256 + 4_096, 'nothing outside of both');
  return counts;
}
