import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../../../test/support/service-objects.ts';
import { plannedServices } from '../../../../test/support/service-plan.ts';
import type { ClusterService } from '../../../cluster/objects.ts';
import type { Address } from '../../../net/address.ts';
import type { DesiredServices } from './desired-services.ts';
import { SlotBudget } from './slot-budget.ts';

/** 24 slots for backends, 8 of them for a namespace, and 8 for changes. */
const slotLimits = { slots: 32, perPort: 65_535 };

/** The Service `name` with the cluster address 10.96.0.`last`. */
function service(name: string, last: number, namespace = 'shop'): ClusterService {
  return serviceOf(name, { namespace, clusterAddresses: [`10.96.0.${last}` as Address] });
}

function backends(last: number, count: number, network = 2): readonly string[] {
  return Array.from({ length: count }, (_, index) => `10.${network}.${last}.${index + 1}`);
}

/** How many backends clients get at 10.96.0.`last`. */
function countAt({ frontends }: DesiredServices, last: number): number | string | undefined {
  const inside = frontends.get(`10.96.0.${last} 80 TCP`)?.inside;
  return inside?.kind === 'backends' ? inside.count : inside?.kind;
}

function full() {
  const subject = plannedServices({ slotLimits });
  for (const last of [1, 2, 3]) subject.add(service('web', last, `n${last}`), ...backends(last, 8));
  return subject;
}

const shortage = 'port 80/TCP (IPv4): services.slotEntries 32: all 24 slots for backends are used';

test('of a full table existing Services keep their backends and get others, and a new one is refused', () => {
  const subject = full();
  subject.add(service('new', 9), '10.9.9.9');
  const desired = subject.follow();
  assert.deepEqual(
    [1, 2, 3, 9].map((last) => countAt(desired, last)),
    [8, 8, 8, 'refuse'],
  );
  assert.deepEqual([...desired.problems], [['shop/new', [`${shortage}, clients are refused`]]]);
  assert.equal(subject.plan.fullProblem, `Service shop/new: ${shortage}, clients are refused`);
  subject.add(service('web', 1, 'n1'), ...backends(1, 8, 3));
  subject.follow();
  const list = desired.frontends.get('10.96.0.1 80 TCP')?.inside;
  assert.ok(list?.kind === 'backends');
  assert.deepEqual(
    desired.lists.get(String(list.list))?.backends.map(({ address }) => address),
    backends(1, 8, 3),
  );
});

test('a Service that grows beyond the table keeps its number of backends until there is room', () => {
  const subject = full();
  const desired = subject.follow();
  subject.add(service('web', 1, 'n1'), ...backends(1, 6));
  subject.add(service('api', 4, 'n4'), ...backends(4, 2));
  subject.follow();
  subject.add(service('api', 4, 'n4'), ...backends(4, 5, 3));
  subject.follow();
  assert.equal(countAt(desired, 4), 2);
  assert.deepEqual(desired.problems.get('n4/api'), [`${shortage}, 2 of 5 backends are used`]);
  subject.services.delete('n2/web');
  subject.follow();
  subject.follow();
  assert.equal(countAt(desired, 4), 5);
  assert.deepEqual([desired.problems.size, subject.plan.fullProblem], [0, undefined]);
});

test('one namespace gets a quarter of the table, and that is no problem of the node', () => {
  const subject = plannedServices({ slotLimits });
  for (const last of [1, 2, 3, 4, 5]) subject.add(service(`s${last}`, last), ...backends(last, 2));
  const desired = subject.follow();
  assert.equal(countAt(desired, 5), 'refuse');
  assert.deepEqual(desired.problems.get('shop/s5'), [
    'port 80/TCP (IPv4): services.slotEntries 32: namespace shop uses its share of 8 slots, clients are refused',
  ]);
  assert.equal(subject.plan.fullProblem, undefined);
  subject.add(service('web', 6, 'other'), ...backends(6, 8));
  subject.follow();
  assert.equal(countAt(desired, 6), 8);
});

test('Services that share a list count each for themselves, because each may change', () => {
  const subject = plannedServices({ slotLimits });
  for (const last of [1, 2, 3]) subject.add(service(`s${last}`, last), ...backends(1, 4));
  const desired = subject.follow();
  assert.deepEqual([countAt(desired, 1), countAt(desired, 3)], [4, 'refuse']);
});

test('a Service that refuses, goes and comes back leaves nothing in the count', () => {
  const subject = full();
  const { lists, frontends } = subject.follow();
  for (const last of [1, 2, 3]) subject.services.delete(`n${last}/web`);
  subject.add(service('web', 1, 'n1'), ...backends(1, 4));
  subject.follow();
  subject.services.delete('n1/web');
  subject.follow();
  assert.deepEqual([lists.size, frontends.size], [0, 0]);
  for (const last of [1, 2, 3]) subject.add(service('web', last, `n${last}`), ...backends(last, 8));
  const desired = subject.follow();
  assert.deepEqual([desired.lists.size, desired.problems.size], [3, 0]);
});

test('after a restart those that were served come first, with as many backends as before', () => {
  const subject = full();
  subject.add(service('web', 1, 'n1'), ...backends(1, 6));
  subject.add(service('a', 4, 'n4'), ...backends(4, 2));
  subject.follow();
  subject.add(service('web', 1, 'n1'), ...backends(1, 8));
  // In the order of names, this one would come first.
  subject.add(service('a', 9, 'n0'), ...backends(9, 2));
  const counts = (desired: DesiredServices) =>
    [1, 2, 3, 4, 9].map((last) => countAt(desired, last));
  const before = counts(subject.follow());
  assert.deepEqual(before, [6, 8, 8, 2, 'refuse']);
  subject.restart();
  assert.deepEqual(counts(subject.follow()), before);
  subject.services.delete('n4/a');
  subject.follow();
  assert.equal(countAt(subject.follow(), 1), 8);
});

test('no list is longer than configured, or than what a full table could replace', () => {
  const perPort = (slots: number, most: number) => new SlotBudget({ slots, perPort: most }).perPort;
  assert.deepEqual(
    [perPort(1_048_576, 65_535), perPort(1_048_576, 250), perPort(64, 250)],
    [65_535, 250, 16],
  );
  const subject = plannedServices({ slotLimits: { slots: 1024, perPort: 3 } });
  subject.add(service('web', 1), ...backends(1, 5));
  const { problems, lists } = subject.follow();
  assert.equal(lists.values()[0]?.backends.length, 3);
  assert.deepEqual(problems.get('shop/web'), [
    'port 80/TCP (IPv4): 5 backends: only 3 of them are used',
  ]);
});
