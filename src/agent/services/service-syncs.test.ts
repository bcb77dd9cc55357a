import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import { KeyedCollection } from '../../base/collections/collection.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';
import { ServiceSyncs } from './service-syncs.ts';

function subject() {
  const clock = { ms: 1_000_000 };
  const services = new KeyedCollection<string, ClusterService>();
  const slices = new KeyedCollection<string, ClusterEndpointSlice>();
  return { clock, services, slices, syncs: new ServiceSyncs(() => clock.ms) };
}

test('changes are counted with the settle that writes them', () => {
  const { clock, services, slices, syncs } = subject();
  services.set('shop/web', serviceOf('web'));
  slices.set('shop/web-a', sliceOf('web', []));
  syncs.queued();
  clock.ms += 1000;
  syncs.settled({ services, slices }, 0.25, false);
  assert.deepEqual(syncs.take(), { seconds: 0.25, programmingSeconds: [] });
  assert.deepEqual(syncs.counts, {
    ...{ serviceChanges: 0, endpointChanges: 0, lastQueuedAt: 1000, lastSyncedAt: 0 },
  });
  syncs.settled({ services, slices }, 0.5, true);
  slices.delete('shop/web-a');
  syncs.settled({ services, slices }, 0.5, true);
  syncs.settled({ services, slices }, 0.5, true);
  assert.deepEqual(syncs.counts, {
    ...{ serviceChanges: 1, endpointChanges: 2, lastQueuedAt: 1000, lastSyncedAt: 1001 },
  });
  assert.deepEqual(syncs.take(), { seconds: 0.5, programmingSeconds: [] });
  assert.equal(syncs.take(), undefined);
});

test('a change of endpoints is as old as its cause, if the agent could have written it', () => {
  const { clock, services, slices, syncs } = subject();
  const causedAt = (changedAt: number | undefined): ClusterEndpointSlice => {
    return { ...sliceOf('web', []), ...(changedAt !== undefined && { changedAt }) };
  };
  slices.set('shop/before', causedAt(clock.ms - 60_000));
  slices.set('shop/unknown', causedAt(undefined));
  slices.set('shop/new', causedAt(clock.ms + 500));
  slices.set('shop/ahead', causedAt(clock.ms + 9000));
  clock.ms += 2000;
  syncs.settled({ services, slices }, 0.1, true);
  const times = syncs.take()?.programmingSeconds ?? [];
  assert.deepEqual([...times].sort(), [0, 1.5]);
});
