import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import { SnapshotMap } from '../../base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';
import { ServicePlan } from '../../model/services/plan/plan.ts';
import { ServicesModel } from '../../model/services/services.ts';
import type { Port } from '../../net/port.ts';
import type { Reconciler } from '../../reconcile/reconciler.ts';
import type { SettleReport } from '../../reconcile/status.ts';
import type { PlanOptions } from '../../reconcile/tracking.ts';
import { serviceLook } from './seen.ts';
import { ServiceProxy, type ServiceProxyOptions, type ServiceState } from './service-proxy.ts';

const done: SettleReport = {
  writes: { set: 0, deleted: 0, restored: 0 },
  written: [],
  failures: [],
};

/** A proxy whose settles are recorded and answered by `outcome`. */
function subject(options: Partial<ServiceProxyOptions> = {}) {
  const services = new SnapshotMap<ClusterService>();
  const slices = new SnapshotMap<ClusterEndpointSlice>();
  const see = serviceLook(new ServicesModel('n1'), {
    cluster: () => ({
      nodes: new Map(),
      services: services.snapshot(),
      endpointSlices: slices.snapshot(),
    }),
    nodes: () => new Map(),
    occupied: () => undefined,
    own: () => [],
    nodePorts: () => [],
  });
  const settles: (PlanOptions & { readonly frontends: number })[] = [];
  const calls: string[] = [];
  const outcome = { next: async (): Promise<SettleReport> => done };
  const reconciler = {
    settle: (desired: ServiceState, plan: PlanOptions) => {
      settles.push({ ...plan, frontends: desired.frontends.size });
      return outcome.next();
    },
    status: () => [],
  } as unknown as Reconciler<ServiceState>;
  const found = { lists: [], portNumbers: new Map<string, number>(), counts: new Map() };
  const proxy = new ServiceProxy({
    plan: new ServicePlan({ found, isInKernel: () => false, now: () => performance.now() }),
    ...{ reconciler, see, periodMs: 60_000 },
    rules: () => ({ nodeAddresses: [] }),
    completeness: () => 'complete',
    onDatagramsChanged: () => void calls.push('datagrams'),
    health: {
      queued: () => undefined,
      updated: () => void calls.push('updated'),
      follow: () => undefined,
    },
    syncs: { queued: () => undefined, settled: () => undefined },
    log: { error: () => void calls.push('error') },
    ...options,
  });
  const settled = async (): Promise<void> => {
    proxy.request();
    await pause(5);
  };
  return { ...{ services, slices, settles, calls, outcome, proxy, settled } };
}

const web = serviceOf('web');
const dns = serviceOf('dns', {
  clusterAddresses: ['10.96.0.10' as (typeof web)['clusterAddresses'][number]],
  ports: [{ protocol: 'UDP', port: 53 as Port, targetPort: 53 as Port }],
});

test('nothing is written before the cluster is known, and nothing is removed before all of it is', async () => {
  let known: ReturnType<ServiceProxyOptions['completeness']>;
  const { proxy, services, settles, settled } = subject({ completeness: () => known });
  services.set('shop/web', web);
  await settled();
  assert.deepEqual([settles, proxy.hasSettled], [[], false]);
  known = 'partial';
  await settled();
  known = 'complete';
  await settled();
  assert.deepEqual(settles, [
    { relist: false, prune: false, frontends: 2 },
    { relist: false, prune: true, frontends: 2 },
  ]);
  assert.equal(proxy.hasSettled, true);
  await proxy.stop();
});

test('requests during a settle are one more settle', async () => {
  const { proxy, settles, outcome } = subject();
  let finish = (): void => undefined;
  outcome.next = () => new Promise((resolve) => (finish = () => resolve(done)));
  proxy.request();
  await pause(5);
  for (let count = 0; count < 5; count++) proxy.request();
  outcome.next = async () => done;
  finish();
  await pause(5);
  assert.equal(settles.length, 2);
  await proxy.stop();
});

test('what failed is tried again, and only a complete settle counts for health', async () => {
  const { proxy, settles, calls, outcome, settled } = subject();
  outcome.next = async () => ({ ...done, retryAt: performance.now() + 20 });
  await settled();
  assert.deepEqual([proxy.hasSettled, calls], [false, []]);
  outcome.next = async () => done;
  await pause(60);
  assert.deepEqual([proxy.hasSettled, calls, settles.length], [true, ['updated'], 2]);
  assert.equal(settles[1]?.relist, true);
  await proxy.stop();
});

test('an error is told once, and the next settle removes it', async () => {
  const { proxy, calls, outcome, settled } = subject();
  outcome.next = () => Promise.reject(new Error('no memory'));
  await settled();
  await settled();
  assert.deepEqual(calls, ['error']);
  assert.match(proxy.problems[0] ?? '', /^Services cannot be written: no memory; the earlier/);
  outcome.next = async () => done;
  await settled();
  assert.deepEqual(proxy.problems, []);
  await proxy.stop();
});

test('UDP flows are looked at after changes of Services with UDP ports alone', async () => {
  const { proxy, services, slices, calls, settled } = subject();
  const looks = async (): Promise<number> => {
    const before = calls.filter((call) => call === 'datagrams').length;
    await settled();
    return calls.filter((call) => call === 'datagrams').length - before;
  };
  services.set('shop/web', web);
  assert.equal(await looks(), 0);
  services.set('shop/dns', dns);
  assert.equal(await looks(), 1);
  slices.set('shop/dns-1', sliceOf('dns-1', [endpointOf('192.0.2.2')]));
  assert.equal(await looks(), 1);
  slices.set('shop/web-1', sliceOf('web-1', [endpointOf('192.0.2.3')]));
  assert.equal(await looks(), 0);
  services.delete('shop/dns');
  assert.equal(await looks(), 1);
  assert.equal(await looks(), 0);
  await proxy.stop();
});
