import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Prefix, parsePrefix, prefixesOverlap, prefixLength } from '../net/prefix.ts';
import { PrefixIndex } from './prefix-index.ts';
import { orderedPrefix } from './prefix-order.ts';

function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

test('a match is found exactly if something meets the prefix, as in a comparison of all', () => {
  const random = randomFrom(9);
  const any = (): Prefix =>
    parsePrefix(
      random(4) === 0
        ? `fd00::${random(16).toString(16)}:${random(256).toString(16)}/${96 + random(33)}`
        : `10.0.${random(8)}.${random(256)}/${16 + random(17)}`,
    );
  for (let round = 0; round < 200; round++) {
    const all = Array.from({ length: random(12) }, any);
    const index = new PrefixIndex(all.map((prefix) => ({ ordered: orderedPrefix(prefix) })));
    for (let asked = 0; asked < 20; asked++) {
      const range = any();
      const found = index.meeting(orderedPrefix(range))?.ordered.prefix;
      const around = index.around(orderedPrefix(range))?.ordered.prefix;
      const outer = all.filter(
        (prefix) => prefixesOverlap(prefix, range) && prefixLength(prefix) <= prefixLength(range),
      );
      const innermost = Math.max(-1, ...outer.map(prefixLength));
      assert.equal(around === undefined ? -1 : prefixLength(around), innermost);
      const meeting = all.filter((prefix) => prefixesOverlap(prefix, range));
      assert.equal(found === undefined, meeting.length === 0, `${range} in ${all}`);
      if (found === undefined) continue;
      assert.ok(meeting.includes(found));
      const isInside = meeting.some((prefix) => prefixLength(prefix) >= prefixLength(range));
      assert.equal(prefixLength(found) >= prefixLength(range), isInside);
      if (isInside) continue;
      const longest = Math.max(...meeting.map(prefixLength));
      assert.equal(prefixLength(found), longest, 'the innermost');
    }
  }
});
