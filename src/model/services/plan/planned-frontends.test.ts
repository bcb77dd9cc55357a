// Consistent selection in the plan: which Services get lookup tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../../../test/support/service-objects.ts';
import { plannedServices } from '../../../../test/support/service-plan.ts';
import type { ClusterService } from '../../../cluster/objects.ts';
import type { Address } from '../../../net/address.ts';
import type { DesiredServices } from './desired-services.ts';

function service(last: number, fields: Partial<ClusterService> = {}): ClusterService {
  return serviceOf(`s${last}`, {
    ...{ clusterAddresses: [`10.96.0.${last}` as Address], namespace: `n${last}` },
    ...{ selection: 'maglev', ...fields },
  });
}

function areConsistent({ frontends }: DesiredServices): readonly (boolean | undefined)[] {
  return [1, 2, 3].map((last) => frontends.get(`10.96.0.${last} 80 TCP`)?.isConsistent);
}

test('a Service with the annotation has a lookup table for each list, as long as it has the list', () => {
  const subject = plannedServices();
  subject.add(service(1, { internalPolicy: 'Local' }), '10.78.1.1', '10.78.2.1');
  subject.add(service(2, { selection: undefined }), '10.78.2.2');
  const { lookups, lists, frontends } = subject.follow();
  assert.deepEqual([lookups.size, lists.size], [1, 2]);
  assert.deepEqual(lookups.values()[0], lists.values()[0]);
  assert.equal(frontends.get('10.96.0.2 80 TCP')?.isConsistent, false);
  subject.add(service(1), '10.78.2.3');
  subject.follow();
  assert.deepEqual(
    lookups.values().map(({ backends }) => backends.map(({ address }) => address)),
    [['10.78.2.3']],
  );
  subject.add(service(1, { selection: undefined }), '10.78.2.3');
  subject.follow();
  assert.equal(lookups.size, 0);
  subject.add(service(1), '10.78.2.3');
  subject.follow();
  subject.services.delete('n1/s1');
  subject.follow();
  assert.equal(lookups.size, 0);
});

test('a Service for which no table is left is served by chance and named, until there is one', () => {
  const subject = plannedServices({ mostLookups: 2 });
  for (const last of [1, 2, 3]) subject.add(service(last), `10.78.2.${last}`);
  const desired = subject.follow();
  assert.deepEqual(areConsistent(desired), [true, true, false]);
  assert.deepEqual(
    [...desired.problems],
    [['n3/s3', ['port 80/TCP (IPv4): services.lookupTables 2: all are used, backends are random']]],
  );
  assert.equal(subject.plan.fullProblem, undefined);
  subject.add(service(1), '10.78.2.9');
  subject.follow();
  assert.deepEqual(areConsistent(desired), [true, true, false], 'a change keeps the table');
  subject.services.delete('n1/s1');
  subject.follow();
  assert.deepEqual(areConsistent(desired), [undefined, true, true]);
  assert.equal(desired.problems.size, 0);
});

test('one namespace gets a quarter of the tables', () => {
  const subject = plannedServices({ mostLookups: 8 });
  for (const last of [1, 2, 3])
    subject.add(service(last, { namespace: 'shop' }), `10.78.2.${last}`);
  const desired = subject.follow();
  assert.deepEqual(areConsistent(desired), [true, true, false]);
  assert.deepEqual(desired.problems.get('shop/s3'), [
    'port 80/TCP (IPv4): services.lookupTables 8: its namespace uses its share of 2, backends are random',
  ]);
});

test('a list of more than 2,000 backends is served by chance', () => {
  const subject = plannedServices();
  const backends = Array.from({ length: 2001 }, (_, index) => `10.9.${index >> 8}.${index & 255}`);
  subject.add(service(1), ...backends);
  const { lookups, problems } = subject.follow();
  assert.equal(lookups.size, 0);
  assert.deepEqual(problems.get('n1/s1'), [
    'port 80/TCP (IPv4): only up to 2000 backends can be consistent, backends are random',
  ]);
});
