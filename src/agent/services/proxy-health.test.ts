import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../base/moment.ts';
import type { ClusterNode } from '../../cluster/objects.ts';
import { isEligibleNode, ProxyHealth } from './proxy-health.ts';

const at = (ms: number): Moment => ms as Moment;
const timeoutMs = 60_000;

test('a node is healthy until its first write has succeeded, however long that takes', () => {
  const health = new ProxyHealth({ timeoutMs });
  assert.ok(health.isHealthy(at(0)));
  health.queued(at(0));
  assert.ok(health.isHealthy(at(10 * timeoutMs)));
  assert.equal(health.lastUpdated, undefined);
  health.updated(at(5), at(9));
  assert.equal(health.lastUpdated, at(9));
  assert.ok(health.isHealthy(at(10 * timeoutMs)));
});

test('a change that waits for the timeout makes the node unhealthy, and its write healthy again', () => {
  const health = new ProxyHealth({ timeoutMs });
  health.updated(at(0), at(1));
  health.queued(at(1_000));
  // Later changes do not make the first one younger.
  health.queued(at(60_000));
  assert.ok(health.isHealthy(at(60_999)));
  assert.equal(health.reason(at(61_000)), 'a change of Services has waited for 60 s');
  assert.equal(health.lastUpdated, at(1));
  health.updated(at(61_000), at(61_100));
  assert.ok(health.isHealthy(at(10 * timeoutMs)));
});

test('a change that came during a write waits for the next one', () => {
  const health = new ProxyHealth({ timeoutMs });
  health.updated(at(0), at(1));
  health.queued(at(100));
  health.queued(at(250));
  health.updated(at(200), at(300));
  assert.ok(health.isHealthy(at(200 + timeoutMs - 1)));
  assert.ok(!health.isHealthy(at(200 + timeoutMs)));
  health.updated(at(400), at(500));
  assert.ok(health.isHealthy(at(10 * timeoutMs)));
});

test('an object of another thread, whose clock began elsewhere, takes over the state', () => {
  const health = new ProxyHealth({ timeoutMs });
  const copy = new ProxyHealth({ timeoutMs });
  copy.replace(health.ages(at(500)), at(5));
  assert.equal(copy.lastUpdated, undefined);
  assert.equal(copy.isWaiting, false);
  health.updated(at(0), at(100));
  health.queued(at(300));
  copy.replace(health.ages(at(500)), at(1_000_500));
  assert.equal(copy.lastUpdated, 1_000_100);
  assert.ok(copy.isHealthy(at(1_000_300 + timeoutMs - 1)));
  assert.ok(!copy.isHealthy(at(1_000_300 + timeoutMs)));
});

test('a problem makes the node unhealthy while it lasts', () => {
  let problem: string | undefined = 'table services is full (65,536 entries)';
  const health = new ProxyHealth({ timeoutMs, problem: () => problem });
  assert.equal(health.reason(at(0)), 'table services is full (65,536 entries)');
  assert.ok(!health.isHealthy(at(0)));
  problem = undefined;
  assert.ok(health.isHealthy(at(0)));
});

test('a node that is deleted, or that the cluster autoscaler removes, is not eligible', () => {
  const key = 'ToBeDeletedByClusterAutoscaler';
  const meta = { name: 'n1', labels: {}, annotations: {}, podCidrs: [], addresses: [] };
  const cases: readonly [eligible: boolean, fields: Partial<ClusterNode>][] = [
    [true, {}],
    [true, { taints: [{ key: 'other', effect: 'NoSchedule' }] }],
    [
      false,
      {
        taints: [
          { key: 'other', effect: 'NoSchedule' },
          { key, effect: 'NoSchedule' },
        ],
      },
    ],
    [false, { taints: [{ key, effect: 'PreferNoSchedule' }] }],
    [false, { isDeleting: true }],
  ];
  for (const [eligible, fields] of cases) {
    assert.equal(isEligibleNode({ ...meta, ...fields }), eligible, JSON.stringify(fields));
  }
  assert.equal(isEligibleNode(undefined), false);
});
