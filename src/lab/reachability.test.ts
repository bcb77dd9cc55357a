import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, type ProbeResult } from './programs/probe.ts';
import { type Pair, type Reachability, renderMatrix, summary, unreached } from './reachability.ts';

function pair(from: string, to: string, family: 4 | 6, result: ProbeResult): Pair {
  return { from, to, family, result };
}

const reached = (medianUs: number): ProbeResult => ({ ok: true, medianUs });
const matrix: Reachability = {
  pods: [
    { key: 'shop/a', node: 'node-1' },
    { key: 'shop/b', node: 'node-2' },
  ],
  pairs: [
    pair('shop/a', 'shop/b', 4, reached(58.4)),
    pair('shop/a', 'shop/b', 6, reached(61)),
    pair('shop/b', 'shop/a', 4, { ok: false, reason: 'timeout' }),
  ],
};

test('the matrix shows nodes, pods and both families, aligned', () => {
  assert.equal(
    renderMatrix(matrix),
    [
      '  from \\ to  node-1  node-2',
      '             shop/a  shop/b',
      '  shop/a     -       58/61',
      '  shop/b     FAIL    -',
    ].join('\n'),
  );
});

test('the last line names each failure with source, destination and reason', () => {
  assert.equal(summary(matrix), '1 of 3 pairs NOT reached:\n  shop/b -> shop/a over IPv4: timeout');
  assert.equal(unreached(matrix).length, 1);
  assert.equal(summary({ ...matrix, pairs: matrix.pairs.slice(0, 2) }), 'all 2 pairs reached.');
});

test('the median of an even number of values is the mean of the middle two', () => {
  assert.equal(median([9, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 9]), 3.5);
});
