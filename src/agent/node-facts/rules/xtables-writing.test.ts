import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accept,
  drop,
  match,
  meta,
  outcome,
  request,
} from '../../../../test/support/walked-rules.ts';

const words = (...values: readonly number[]): Buffer => {
  const info = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) info.writeUInt32LE(value, index * 4);
  return info;
};
const prefixes = Buffer.alloc(40);

// Each before `meta mark 5 drop`; the packet's mark is 1 and the connection's 0 before it.
for (const [name, revision, info, expected] of [
  ['MARK', 2, words(5, 0xffffffff), 'drops by rule 3'],
  ['MARK', 2, words(4, 4), 'drops by rule 3'],
  ['MARK', 2, words(4, 0), 'drops by rule 3'],
  ['MARK', 2, words(4, 0xffffffff), 'passes'],
  ['MARK', 1, words(5, 0), 'may drop by rule 3: meta mark 5 drop'],
  ['CONNMARK', 1, words(5, 0xffffffff, 0, 0), 'passes'],
  ['CONNMARK', 1, words(0, 0xffffffff, 0xffffffff, 2), 'passes'],
  ['CONNMARK', 1, words(0, 0xffffffff, 0, 1), 'passes'],
  ['CONNMARK', 1, words(0, 0, 0, 9), 'may drop by rule 3: meta mark 5 drop'],
  ['CONNMARK', 2, words(0, 0, 0, 2), 'may drop by rule 3: meta mark 5 drop'],
  ['TTL', 0, Buffer.from([0, 64]), 'passes'],
  ['TTL', 0, Buffer.from([0, 1]), 'passes, ip ttl set 1'],
  ['TTL', 0, Buffer.from([1, 1]), 'passes'],
  ['DNPT', 0, prefixes, 'passes, dnpt'],
  ['SNPT', 0, prefixes, 'passes, snpt'],
  ['LOG', 0, Buffer.alloc(0), 'passes'],
] as const) {
  test(`${name} ${revision} ${info.toString('hex')}: ${expected}`, () => {
    const rules = [
      [{ mangle: { key: meta('mark'), value: 1 } }],
      [{ xt: { type: 'target', name } }],
      [match(meta('mark'), 5), drop],
      [accept],
    ];
    const xtables = new Map([[2, [{ kind: 'target', name, revision, info } as const]]]);
    assert.equal(outcome({ rules, chains: {}, policy: 'accept' }, request, xtables), expected);
  });
}
