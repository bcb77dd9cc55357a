import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figure } from '../experiment.ts';
import { ratios, series } from '../statistics.ts';
import { flatMetric, flatness, withBaseline } from './derived.ts';
import { arms, groups, metrics, sizesOf } from './names.ts';

function rate(
  group: string,
  arm: string,
  samples: readonly number[],
  base?: readonly number[],
): Figure {
  return {
    ...{ group, arm, metric: metrics.rate, unit: '/s', better: 'higher', values: series(samples) },
    ...(base !== undefined && { ratios: ratios(samples, base) }),
  };
}

test('another baseline divides the values of the same rounds', () => {
  const figures = [
    rate('g', 'first', [100, 200]),
    rate('g', 'bare', [200, 100], [100, 200]),
    rate('g', 'heddle', [50, 100], [100, 200]),
  ];
  const wanted = { from: 'g', group: 'h', arms: ['heddle'], metrics: [metrics.rate] };
  const [base, heddle, ...more] = withBaseline(figures, { ...wanted, baseline: 'bare' });
  assert.deepEqual(more, []);
  assert.deepEqual([base?.group, base?.arm, base?.ratios], ['h', 'bare', undefined]);
  assert.deepEqual([heddle?.group, heddle?.arm], ['h', 'heddle']);
  assert.deepEqual(heddle?.ratios?.samples, [0.25, 1]);
  assert.deepEqual(withBaseline(figures, { ...wanted, baseline: 'missing' }), []);
});

test('flatness divides the share at each size by the share at the smallest one', () => {
  const figures = [1, 100, 1_000].map((size, index) =>
    rate(groups.clusterIp(size), arms.socket, [90 - 9 * index], [100]),
  );
  const found = flatness(figures, [1, 100, 1_000]);
  assert.deepEqual(
    found.map(({ arm, metric, ratios: share }) => [arm, metric, share?.median.toFixed(2)]),
    [
      [arms.socket, flatMetric(100), '0.90'],
      [arms.socket, flatMetric(1_000), '0.80'],
    ],
  );
  assert.deepEqual(flatness(figures.slice(0, 1), [1]), []);
});

test('the sizes of a run are in the names of its groups', () => {
  const names = [groups.sync(30_000), groups.nodePort(1), groups.clusterIp(1), groups.flat];
  assert.deepEqual(sizesOf(names), [1, 30_000]);
});
