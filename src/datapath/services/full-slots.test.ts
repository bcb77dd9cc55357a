// A small table of slots, and a namespace that asks for all of it: other Services still change completely.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { ServiceNode, serviceMaps } from '../../../test/support/planned-services.ts';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import { SnapshotMap } from '../../base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';
import { ServicesModel } from '../../model/services/services.ts';
import { takenAddresses } from '../../model/services/taken-addresses.ts';
import type { Address } from '../../net/address.ts';

const slots = 64;

function smallTable() {
  const services = new SnapshotMap<ClusterService>();
  const slices = new SnapshotMap<ClusterEndpointSlice>();
  const model = new ServicesModel('n1');
  const maps = serviceMaps({ slots, frontends: 1_000 }, new FakeMapCalls());
  const node = new ServiceNode(maps, { slotLimits: { slots, perPort: 65_535 } });
  let addresses = 0;
  const add = (namespace: string, name: string, endpoints: readonly string[]): void => {
    const key = `${namespace}/${name}`;
    const known = services.snapshot().get(key);
    const clusterAddresses = known?.clusterAddresses ?? [`10.96.0.${++addresses}` as Address];
    services.set(key, serviceOf(name, { namespace, clusterAddresses }));
    const all = endpoints.map((address) => endpointOf(address));
    slices.set(`${key}-a`, sliceOf(`${name}-a`, all, { namespace }));
  };
  const settle = async () => {
    const snapshot = { services: services.snapshot(), endpointSlices: slices.snapshot() };
    const tables = model.follow({ nodes: new Map(), ...snapshot });
    const desired = node.follow(tables, { taken: takenAddresses({ nodes: new Map() }) });
    // A failed entry is tried again after a while.
    node.nowMs += 60_000;
    const { failures } = await node.settle();
    return { desired, failures: failures.map(({ text }) => text) };
  };
  /** Addresses that the kernel's tables give clients of the Service. */
  const served = (key: string): readonly string[] => {
    const [address] = services.snapshot().get(key)?.clusterAddresses ?? [];
    const found = [...maps.frontends.entries()].find(([at]) => at.address === address && at.port);
    const list = found?.[1].inside.list;
    return [...maps.slots.entries()]
      .flatMap(([at, slot]) => (at.list === list ? [slot.address] : []))
      .sort();
  };
  return { add, settle, served, maps };
}

function ends(network: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `10.${network}.0.${index + 1}`);
}

test('while namespaces ask for far more than the table has, every Service that was there changes at once', async () => {
  const { add, settle, served, maps } = smallTable();
  // 48 slots are for backends; these Services have 44.
  for (let index = 0; index < 11; index++) add(`n${index % 4}`, `s${index}`, ends(index, 4));
  assert.deepEqual((await settle()).failures, []);
  for (let flood = 0; flood < 40; flood++) {
    add('hostile', `f${flood}`, ends(100 + flood, 1 + (flood % 20)));
    const { failures, desired } = await settle();
    assert.deepEqual(failures, []);
    assert.ok(flood < 4 || desired.problems.size > 0);
    const which = flood % 11;
    const changed = ends(50 + which + (flood % 2), 4);
    add(`n${which % 4}`, `s${which}`, changed);
    assert.deepEqual((await settle()).failures, []);
    assert.deepEqual(served(`n${which % 4}/s${which}`), changed);
    assert.ok(maps.slots.count() <= 48, `${maps.slots.count()} slots`);
  }
});

test('if all of them change together, the table has them after a few settles', async () => {
  const { add, settle, served } = smallTable();
  for (let index = 0; index < 12; index++) add(`n${index % 4}`, `s${index}`, ends(index, 4));
  assert.deepEqual((await settle()).failures, []);
  for (let index = 0; index < 12; index++) add(`n${index % 4}`, `s${index}`, ends(20 + index, 4));
  let rounds = 1;
  while ((await settle()).failures.length > 0) assert.ok(++rounds < 6, `${rounds} rounds`);
  for (let index = 0; index < 12; index++)
    assert.deepEqual(served(`n${index % 4}/s${index}`), ends(20 + index, 4));
});
