import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costFigures, lateName } from './costs.ts';
import { arms, groups, metrics } from './names.ts';

test("costs are ratios to those of kube-proxy's nftables mode, by their medians", () => {
  const costs = new Map([
    [arms.heddle, { cold: [2], changeP50: [1, 2, 9] }],
    [arms.nftables, { cold: [20], changeP50: [4] }],
  ]);
  const figures = costFigures(10, costs).map(({ group, arm, metric, values, ratios }) => [
    ...[group, arm, metric, values.median, ratios?.median],
  ]);
  assert.deepEqual(figures, [
    [groups.sync(10), arms.heddle, metrics.cold, 2, 0.1],
    [groups.sync(10), arms.nftables, metrics.cold, 20, undefined],
    [groups.sync(10), arms.heddle, metrics.changeP50, 2, 0.5],
    [groups.sync(10), arms.nftables, metrics.changeP50, 4, undefined],
  ]);
});

test('a proxy that was too slow has a bound, to which the others are compared', () => {
  const late = lateName(arms.nftables);
  const costs = new Map([
    [arms.heddle, { cold: [6], resident: [100] }],
    [late, { cold: [120] }],
  ]);
  const [heddle, bound, memory, ...more] = costFigures(30_000, costs);
  assert.deepEqual([heddle?.ratios?.median, bound?.arm, bound?.values.median], [0.05, late, 120]);
  assert.deepEqual([memory?.metric, memory?.ratios, more], [metrics.resident, undefined, []]);
});
