// The cost of one more endpoint among a thousand: its own entries are computed and written, others are not even read.
// Counted, not timed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf } from '../../test/support/entries-of.ts';
import { desiredWith, GrowingNode, watchedEndpoint } from '../../test/support/growing-node.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import type { Table } from '../reconcile/table.ts';
import { trackTable } from '../reconcile/tracked-table.ts';
import { attachmentContents } from './attach/table.ts';
import type { StateContents } from './contents.ts';
import { neighbourContents } from './host/neighbours.ts';
import { nextHopContents } from './host/next-hops.ts';
import { routeContents } from './host/routes.ts';
import { sysctlContents } from './host/sysctls.ts';
import { addressMapContents } from './maps/addresses.ts';
import { endpointMapContents } from './maps/endpoints.ts';
import { routeMapContents } from './maps/routes.ts';
import { nftContents } from './nft/rules.ts';
import { endpointEntryKeys } from './tables.ts';

const contentsByTable = {
  sysctls: sysctlContents,
  endpoints: endpointMapContents,
  addresses: addressMapContents,
  'routes-map': routeMapContents,
  routes: routeContents,
  neighbours: neighbourContents,
  'next-hops': nextHopContents,
  nft: nftContents,
  attachments: attachmentContents,
} as const satisfies Record<string, () => StateContents<object>>;

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
    Object.entries(contentsByTable).map(([name, contents]) =>
      trackTable<DesiredState, object, LocalEndpoint>(countingTable(name, counters), contents()),
    ),
  );
  const node = new GrowingNode();
  for (let id = 1; id <= 1_000; id++) node.endpoints.set(`hd${id}`, countedEndpoint(id, counter));
  await reconciler.settle(node.desired(), { relist: false, prune: true });
  assert.ok(counter.reads > 1_000 && counters.set.length > 9_000);

  counter.reads = 0;
  counters.set.length = 0;
  const own = { reads: 0 };
  node.endpoints.set('hd1001', countedEndpoint(1_001, own));
  const { writes } = await reconciler.settle(node.desired(), { relist: false, prune: true });
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
  const node = new GrowingNode();
  for (const name of ['sysctls', 'routes-map', 'next-hops', 'nft'] as const) {
    const contents = contentsByTable[name]();
    node.endpoints.delete('hd1');
    const [before] = contents.groups(node.desired());
    node.endpoints.set('hd1', countedEndpoint(1, counter));
    assert.equal(contents.groups(node.desired())[0], before, name);
  }
});

test('an endpoint knows its entry keys in the tables that hold them', () => {
  const endpoint = countedEndpoint(1, { reads: 0 });
  const desired = desiredWith([endpoint]);
  const byName: Record<string, () => StateContents<object>> = contentsByTable;
  const keys = endpointEntryKeys(endpoint);
  assert.equal(keys.length, 11);
  for (const { table, key } of keys) {
    const contents = byName[table]?.() ?? assert.fail(table);
    assert.ok(entriesOf(contents, desired).has(key), `${table} ${key}`);
  }
});
