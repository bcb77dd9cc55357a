// The cost of one more endpoint among a thousand: its own entries are computed and written, others are not even read.
// Counted, not timed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf } from '../../test/support/entries-of.ts';
import { desiredWith, watchedEndpoint } from '../../test/support/growing-node.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import type { EntryGroup, Table } from '../reconcile/table.ts';
import { trackTable } from '../reconcile/tracked-table.ts';
import { attachmentEntries } from './attach/table.ts';
import { neighbourEntries } from './host/neighbours.ts';
import { nextHopEntries } from './host/next-hops.ts';
import { routeEntries } from './host/routes.ts';
import { sysctlEntries } from './host/sysctls.ts';
import { addressMapEntries } from './maps/addresses.ts';
import { endpointMapEntries } from './maps/endpoints.ts';
import { routeMapEntries } from './maps/routes.ts';
import { nftEntries } from './nft/rules.ts';
import { endpointEntryKeys } from './tables.ts';

const entriesByTable = {
  sysctls: sysctlEntries,
  endpoints: endpointMapEntries,
  addresses: addressMapEntries,
  'routes-map': routeMapEntries,
  routes: routeEntries,
  neighbours: neighbourEntries,
  'next-hops': nextHopEntries,
  nft: nftEntries,
  attachments: attachmentEntries,
} as const satisfies Record<string, (desired: DesiredState) => readonly EntryGroup<object>[]>;

/** An endpoint that counts reads of its fields. */
function countedEndpoint(id: number, counter: { reads: number }): LocalEndpoint {
  const onRead = (): void => {
    counter.reads++;
  };
  return watchedEndpoint(id, { hostIfName: `hd${id}`, onRead });
}

interface Counters {
  equal: number;
  readonly set: string[];
}

function countingTable(name: string, counters: Counters): Table<object> {
  const keys = new WeakMap<object, string>();
  return {
    name,
    key: (entry) => keys.get(entry) ?? '',
    equal: () => {
      counters.equal++;
      return false;
    },
    list: () => new Map(),
    set: (entries) => {
      for (const _ of entries) counters.set.push(name);
      return [];
    },
    delete: () => [],
  };
}

test('one new endpoint among a thousand reads no other endpoint, compares nothing and writes its own eleven entries', async () => {
  const counter = { reads: 0 };
  const counters: Counters = { equal: 0, set: [] };
  const reconciler = new Reconciler<DesiredState>(
    Object.entries(entriesByTable).map(([name, entries]) =>
      trackTable<DesiredState, object>(countingTable(name, counters), entries),
    ),
  );
  const thousand = Array.from({ length: 1_000 }, (_, index) => countedEndpoint(index + 1, counter));
  await reconciler.settle(desiredWith(thousand), { relist: false, prune: true });
  assert.ok(counter.reads > 1_000 && counters.set.length > 9_000);

  counter.reads = 0;
  counters.set.length = 0;
  const own = { reads: 0 };
  const grown = desiredWith([...thousand, countedEndpoint(1_001, own)]);
  const { writes } = await reconciler.settle(grown, { relist: false, prune: true });
  assert.equal(counter.reads, 0, 'fields of other endpoints that were read');
  assert.ok(own.reads < 30, `${own.reads} fields of the new endpoint were read`);
  assert.equal(counters.equal, 0, 'entries that were compared');
  assert.deepEqual(writes, { set: 11, deleted: 0, restored: 0 });
  assert.deepEqual(counters.set, [
    'sysctls',
    'sysctls',
    'endpoints',
    'addresses',
    'addresses',
    'routes',
    'routes',
    'neighbours',
    'neighbours',
    'attachments',
    'attachments',
  ]);
});

test('tables without endpoints keep their groups when an endpoint is added', () => {
  const counter = { reads: 0 };
  const before = desiredWith([]);
  const after = desiredWith([countedEndpoint(1, counter)]);
  for (const name of ['sysctls', 'routes-map', 'next-hops', 'nft'] as const) {
    assert.equal(entriesByTable[name](after)[0], entriesByTable[name](before)[0], name);
  }
});

test('an endpoint knows its entry keys in the tables that hold them', () => {
  const endpoint = countedEndpoint(1, { reads: 0 });
  const desired = desiredWith([endpoint]);
  const byName: Record<string, (desired: DesiredState) => readonly EntryGroup<object>[]> =
    entriesByTable;
  const keys = endpointEntryKeys(endpoint);
  assert.equal(keys.length, 11);
  for (const { table, key } of keys)
    assert.ok(entriesOf(byName[table]?.(desired) ?? []).has(key), `${table} ${key}`);
});
