// The contract of every table with a real kernel, and the namespace for its test.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { difference } from '../../src/reconcile/diff.ts';
import type {
  EntryFailure,
  ListedTable,
  Table,
  TransactedTable,
} from '../../src/reconcile/table.ts';
import { runIn, testNamespace } from './namespaces.ts';

export interface TablePlace {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly ip: (...args: string[]) => string;
}

/** A namespace with one uplink-like interface, `up0` (index 7, 198.51.100.1/24, 2001:db8:ffff::1/64). */
export function place(context: TestContext): TablePlace {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  context.after(() => socket[Symbol.dispose]());
  const ip = (...args: string[]): string => runIn(namespace, 'ip', ...args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'up0', 'index', '7', 'type', 'veth', 'peer', 'name', 'far0');
  ip('link', 'set', 'far0', 'up');
  ip('link', 'set', 'up0', 'up');
  ip('address', 'add', '198.51.100.1/24', 'dev', 'up0');
  ip('address', 'add', '2001:db8:ffff::1/64', 'dev', 'up0', 'nodad');
  return { namespace, socket, ip };
}

export const up0: IfIndex = 7 as IfIndex;
export const podMac: Mac = parseMac('02:00:5e:10:00:01');

/** Set twice, listed as set, deleted twice: what the contract asks of every table. */
export function assertContract<Entry>(
  table: Table<Entry> | TransactedTable<Entry>,
  entries: readonly Entry[],
): void {
  const desired = new Map(entries.map((entry) => [table.key(entry), entry]));
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(set(table, entries), []);
    assertListed(table, desired);
  }
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(remove(table, entries), []);
    assert.deepEqual([...table.list(desired).keys()], []);
  }
}

/** Lists a table and writes the difference, as a settle does. */
export function applyEntries<Entry>(
  table: TransactedTable<Entry>,
  desired: ReadonlyMap<string, Entry>,
): void {
  const present = table.list(desired);
  const keys = new Set([...desired.keys(), ...present.keys()]);
  const { set, surplus } = difference(keys, { desired, present, equal: table.equal });
  if (set.size + surplus.size === 0) return;
  table.transact({ set: [...set.values()], remove: [...surplus.values()], desired });
}

function set<Entry>(
  table: Table<Entry> | TransactedTable<Entry>,
  entries: readonly Entry[],
): readonly EntryFailure[] {
  if (!('transact' in table)) return table.set(entries);
  const desired = new Map(entries.map((entry) => [table.key(entry), entry]));
  table.transact({ set: entries, remove: [], desired });
  return [];
}

function remove<Entry>(
  table: Table<Entry> | TransactedTable<Entry>,
  entries: readonly Entry[],
): readonly EntryFailure[] {
  if (!('transact' in table)) return table.delete(entries);
  table.transact({ set: [], remove: entries, desired: new Map() });
  return [];
}

export function assertListed<Entry>(
  table: ListedTable<Entry>,
  desired: ReadonlyMap<string, Entry>,
): void {
  const listed = table.list(desired);
  assert.deepEqual([...listed.keys()].sort(), [...desired.keys()].sort());
  for (const [key, entry] of desired) {
    const found = listed.get(key);
    assert.ok(found !== undefined && table.equal(entry, found), `${table.name} ${key}`);
  }
}
