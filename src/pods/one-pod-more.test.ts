// The requests of an ADD and a DEL to the kernel and to the tables are the same among any number of other pods.
// Counted, not timed.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { acknowledgement, FakeTransport } from '../../test/support/fake-netlink.ts';
import { GrowingNode, podRanges, watchedEndpoint } from '../../test/support/growing-node.ts';
import { silentLogger } from '../../test/support/silent-logger.ts';
import { Reader } from '../base/collections/mirror.ts';
import { BlockAttacher, isAtPod } from '../datapath/attach/pod-blocks.ts';
import { attachmentContents, attachmentTable } from '../datapath/attach/table.ts';
import { neighbourContents, neighbourTable } from '../datapath/host/neighbours.ts';
import { routeContents, routeTable } from '../datapath/host/routes.ts';
import { addressMapContents } from '../datapath/maps/addresses.ts';
import { endpointMapContents } from '../datapath/maps/endpoints.ts';
import type { BpfProgram } from '../kernel/bpf/program.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { IfIndex } from '../net/if-index.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import type { Table } from '../reconcile/table.ts';
import { trackTable } from '../reconcile/tracked-table.ts';
import type { TrackedTable, Tracking } from '../reconcile/tracking.ts';
import { Pods } from './pods.ts';
import { hostIfNameOf } from './records/record.ts';
import { EndpointStore } from './records/store.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-one-pod-more-'));
after(() => rmSync(root, { recursive: true }));

/** The requests to the kernel, and the steps between them. */
interface Counts {
  netlinkSends: number;
  netlinkMessages: number;
  mapEntries: number;
  comparisons: number;
  listings: number;
  /** Of other endpoints. */
  fieldReads: number;
}

const nothing: Counts = {
  netlinkSends: 0,
  netlinkMessages: 0,
  mapEntries: 0,
  comparisons: 0,
  listings: 0,
  fieldReads: 0,
};

function counted<Entry>(table: Table<Entry>, counts: Counts): Table<Entry> {
  return {
    ...table,
    equal: (left, right) => {
      counts.comparisons++;
      return table.equal(left, right);
    },
    list: () => {
      counts.listings++;
      return new Map();
    },
  };
}

function mapTable(name: string, counts: Counts): Table<object> {
  const write = (entries: readonly object[]): [] => {
    counts.mapEntries += entries.length;
    return [];
  };
  return {
    name,
    key: () => '',
    equal: () => false,
    list: () => new Map(),
    set: write,
    delete: write,
  };
}

function tables(counts: Counts): readonly ((tracking: Tracking) => TrackedTable<DesiredState>)[] {
  const transport = new FakeTransport((requests) => {
    counts.netlinkSends++;
    counts.netlinkMessages += requests.length;
    return requests.map((each) => acknowledgement(each));
  });
  const socket = NetlinkSocket.over(transport);
  const program = (): BpfProgram => ({ fd: 3, name: 'program' }) as BpfProgram;
  const attacher = new BlockAttacher({ socket, program });
  const attachments = attachmentTable({
    list: () => [],
    attachAll: (wanted) => attacher.attachAll(wanted.filter(isAtPod)),
    detach: () => {
      counts.netlinkSends++;
    },
  });
  return [
    trackTable(counted(mapTable('endpoints', counts), counts), endpointMapContents()),
    trackTable(counted(mapTable('addresses', counts), counts), addressMapContents()),
    trackTable(counted(routeTable(socket), counts), routeContents()),
    trackTable(counted(neighbourTable(socket), counts), neighbourContents()),
    trackTable(counted(attachments, counts), attachmentContents()),
  ];
}

function endpointOf(id: number, counts: Counts): LocalEndpoint {
  const hostIfName = hostIfNameOf({ containerId: `container-${id}`, ifName: 'eth0' });
  const onRead = (): void => {
    counts.fieldReads++;
  };
  return watchedEndpoint(id, { hostIfName, onRead });
}

/** Pods among `others`, and the requests since the last call. */
async function nodeWith(others: number) {
  const counts = { ...nothing };
  const node = new GrowingNode();
  for (let id = 1; id <= others; id++) node.endpoints.set(`staying-${id}`, endpointOf(id, counts));
  const store = EndpointStore.open(mkdtempSync(path.join(root, 'state-')), others + 8);
  const reconciler = new Reconciler<DesiredState>(tables(counts));
  let link = others + 100;
  const links = new Map<string, IfIndex>();
  const pods: Pods = new Pods({
    store,
    wiring: {
      open: () => ({
        hasInterface: () => false,
        wire: async ({ hostIfName }) => {
          links.set(hostIfName, ++link as IfIndex);
          return link as IfIndex;
        },
        differences: () => [],
        [Symbol.dispose]: () => undefined,
      }),
      hostIfIndex: (name) => links.get(name),
      interfaces: () => [],
      unwire: async (name) => void links.delete(name),
    },
    node: {
      podRanges: () => podRanges,
      podAnnotations: () => ({}),
      podMtuBytes: () => 1500,
      settle: () => settle(),
      differences: () => [],
      limits: () => [],
    },
    log: silentLogger,
  });
  const live = new Reader<string, LocalEndpoint>();
  const settle = async (): Promise<void> => {
    for (const { key, after } of live.read(pods.live)) {
      if (after === undefined) node.endpoints.delete(key);
      else node.endpoints.set(key, after);
    }
    await reconciler.settle(node.desired(), { relist: false, prune: true });
  };
  await settle();
  return {
    pods,
    look: (): Counts => {
      const seen = { ...counts };
      Object.assign(counts, nothing);
      return seen;
    },
  };
}

async function addAndDel(others: number): Promise<Record<'add' | 'del', Counts>> {
  const { pods, look } = await nodeWith(others);
  const request = (number: number) =>
    ({
      kind: 'add',
      version: '1.0.0',
      containerId: `new-${number}`,
      ifName: 'eth0',
      namespacePath: `/run/netns/new-${number}`,
      network: 'heddle',
    }) as const;
  // The first pod creates the tables' lists; an agent has created them long before.
  await pods.add(request(0));
  look();
  await pods.add(request(1));
  const add = look();
  await pods.del({ ...request(1), kind: 'del' });
  return { add, del: look() };
}

test('an ADD and a DEL make the same requests among 0, 200, 1,000 and 5,000 other pods', async () => {
  const alone = await addAndDel(0);
  // Routes, neighbours and programs; two of each, and one queueing discipline in addition to the programs.
  assert.deepEqual(alone.add, {
    ...nothing,
    netlinkSends: 3,
    netlinkMessages: 7,
    mapEntries: 3,
  });
  for (const others of [200, 1_000, 5_000]) {
    assert.deepEqual(await addAndDel(others), alone, `among ${others}`);
  }
});
