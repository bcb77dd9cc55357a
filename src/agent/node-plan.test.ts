import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointCollection } from '../../test/support/compute-desired.ts';
import type { ClusterEndpointSlice } from '../cluster/objects.ts';
import { type ClusterState, emptyClusterState } from '../cluster/state.ts';
import type { DesiredState, ModelConfig } from '../model/desired.ts';
import { parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { PlanOptions } from '../reconcile/tracking.ts';
import type { HostListing } from './host/facts.ts';
import { NodePlan } from './node-plan.ts';
import { waitingFor } from './readiness.ts';

const nodeAddress = parseAddress('192.0.2.1');
const eth0 = {
  ifIndex: 2 as IfIndex,
  name: 'eth0',
  mtuBytes: 1500,
  up: true,
  running: true,
  loopback: false,
  noArp: false,
};
const overlay = { ...eth0, ifIndex: 9 as IfIndex, name: 'heddle_vxlan', kind: 'vxlan' };
const eth0Address = {
  ifIndex: eth0.ifIndex,
  address: nodeAddress,
  prefixLength: 24,
  scope: 'global',
  noDad: false,
  noPrefixRoute: false,
  tentative: false,
  dadFailed: false,
} as const;

const state = {
  ...emptyClusterState,
  nodes: new Map([
    [
      'node-1',
      {
        name: 'node-1',
        labels: {},
        annotations: {},
        podCidrs: [parsePrefix('198.51.100.0/24')],
        addresses: [nodeAddress],
      },
    ],
  ]),
};

interface Fake {
  readonly network: NodePlan;
  readonly settles: { desired: DesiredState; options: PlanOptions }[];
  listings: number;
}

function fakeNetwork(mode: ModelConfig['mode'] = 'native', now?: () => number): Fake {
  const settles: Fake['settles'] = [];
  const vxlan = { port: 4789, vni: 1 };
  const model = { nodeName: 'node-1', mode, masquerade: true, nonMasqueradeCidrs: [], vxlan };
  const fake: Fake = {
    settles,
    listings: 0,
    network: new NodePlan({
      model,
      uplinks: 'auto',
      endpoints: () => endpointCollection([]),
      ...(now === undefined ? {} : { now }),
      listHost: (): HostListing => {
        fake.listings++;
        // The overlay device exists from the first settle on.
        const links = settles.length > 0 && mode === 'vxlan' ? [eth0, overlay] : [eth0];
        return { links, addresses: [eth0Address], routes: [], hasIpsec: false };
      },
      reconciler: {
        async settle(desired, options): Promise<SettleReport> {
          settles.push({ desired, options });
          const writes = { set: settles.length === 1 ? 3 : 1, deleted: 0, restored: 0 };
          return { writes, written: [`pass ${settles.length}`], failures: [] };
        },
      },
    }),
  };
  return fake;
}

test('nothing is pruned before the cluster was read completely', async () => {
  const { network, settles } = fakeNetwork();
  network.replaceSnapshot({ state, problems: [], complete: false });
  await network.settle(['start']);
  network.replaceSnapshot({ state, problems: [], complete: true });
  await network.settle(['cluster']);
  assert.deepEqual(
    settles.map(({ options }) => options.prune),
    [false, true],
  );
});

test("of endpoint slices only the API server's calls for a settle", () => {
  const { network } = fakeNetwork();
  const replace = (changed: Partial<ClusterState>): boolean =>
    network.replaceSnapshot({ state: { ...state, ...changed }, problems: [], complete: true });
  assert.equal(replace({}), true, 'the first one');
  assert.equal(replace({}), false);
  const slice = (name: string): ClusterEndpointSlice => ({
    ...{ namespace: 'default', name, service: name, addressType: 'IPv4', endpoints: [], ports: [] },
    ...{ labels: {}, annotations: {} },
  });
  const own = slice('kubernetes');
  const slices = (...all: readonly ClusterEndpointSlice[]) => ({
    endpointSlices: new Map(all.map((each) => [`default/${each.name}`, each])),
  });
  assert.equal(replace(slices(slice('web'))), false);
  assert.equal(replace(slices(slice('web'), own)), true);
  assert.equal(replace(slices(own)), false);
  assert.equal(replace(slices(slice('kubernetes'))), true);
  assert.equal(replace({ ...slices(own), pods: new Map() }), true);
});

const withoutOwn = { state: emptyClusterState, problems: [] };
const folderDoubt = {
  subject: 'demo',
  text: 'demo: has no objects',
  consequence: 'nothing is removed',
};

test('nothing is applied while the manifests lack the own Node and may be incomplete', async () => {
  const { network, settles } = fakeNetwork();
  assert.equal(waitingFor({ network }), 'the manifests are being read');
  network.replaceSnapshot({ ...withoutOwn, problems: [folderDoubt], complete: false });
  await network.settle(['start']);
  await network.settle(['endpoint']);
  assert.deepEqual(settles, []);
  assert.equal(waitingFor({ network }), 'the cluster has not been read yet: demo: has no objects');
  network.replaceSnapshot({ ...withoutOwn, complete: true });
  await network.settle(['cluster']);
  assert.equal(settles.length, 1, 'a Node that does not exist is not waited for');
  assert.equal(waitingFor({ network }), undefined);
});

test('an own Node that is deleted later is followed, complete or not', async () => {
  const { network, settles } = fakeNetwork();
  network.replaceSnapshot({ state, problems: [], complete: false });
  await network.settle(['start']);
  network.replaceSnapshot({ ...withoutOwn, complete: false });
  await network.settle(['cluster']);
  assert.deepEqual(
    settles.map(({ desired }) => desired.podRanges.length),
    [1, 0],
  );
});

test('adding or deleting a pod does not list the host or the tables', async () => {
  const fake = fakeNetwork();
  fake.network.replaceSnapshot({ state, problems: [], complete: true });
  await fake.network.settle(['start']);
  assert.equal(fake.listings, 1);
  await fake.network.settle(['endpoint']);
  assert.equal(fake.listings, 1);
  await fake.network.settle(['endpoint', 'network']);
  await fake.network.settle(['period']);
  assert.equal(fake.listings, 3);
  assert.deepEqual(
    fake.settles.map(({ options }) => options.relist),
    [false, false, true, true],
  );
});

test('a change of the cluster selects from known interfaces without listing the host', async () => {
  const fake = fakeNetwork();
  await fake.network.settle(['start']);
  assert.deepEqual(fake.network.host.uplinks, [], 'no address of the node is known');
  fake.network.replaceSnapshot({ state, problems: [], complete: true });
  await fake.network.settle(['cluster']);
  assert.deepEqual(
    fake.network.host.uplinks.map(({ name }) => name),
    ['eth0'],
  );
  assert.equal(fake.listings, 1);
});

test('entries that wait for the overlay device follow in the same settle', async () => {
  const { network, settles } = fakeNetwork('vxlan');
  network.replaceSnapshot({ state, problems: [], complete: true });
  const report = await network.settle(['start']);
  assert.deepEqual(
    settles.map(({ desired }) => desired.overlay?.ifIndex),
    [undefined, 9],
  );
  assert.deepEqual(report.writes, { set: 4, deleted: 0, restored: 0 });
  assert.deepEqual(report.written, ['pass 1', 'pass 2']);
  await network.settle(['period']);
  assert.equal(settles.length, 3, 'once it is there, once');
});

test('ranges of a deleted Node are withheld for 15 min from Nodes that claimed them in vain', async () => {
  let now = 5_000;
  const { network, settles } = fakeNetwork('native', () => now);
  const range = parsePrefix('203.0.113.0/24');
  const [own] = state.nodes.values();
  assert.ok(own);
  const claiming = (...names: readonly string[]): typeof state => {
    const nodes = new Map(state.nodes);
    for (const name of names) {
      const addresses = [parseAddress(name === 'a' ? '192.0.2.7' : '192.0.2.8')];
      nodes.set(name, { ...own, name, addresses, podCidrs: [range] });
    }
    return { ...state, nodes };
  };
  const ownerAfter = async (...names: readonly string[]): Promise<string | undefined> => {
    network.replaceSnapshot({ state: claiming(...names), problems: [], complete: true });
    await network.settle(['cluster']);
    const ranges = settles.at(-1)?.desired.remoteRanges ?? [];
    return ranges.find(({ prefix }) => prefix === range)?.node;
  };
  await network.settle(['start']);
  assert.equal(await ownerAfter('a', 'b'), 'a');
  assert.equal(await ownerAfter('b'), undefined);
  assert.equal(await ownerAfter('a', 'b'), 'a');
  assert.equal(await ownerAfter('b'), undefined);
  now += 15 * 60_000 - 1;
  assert.equal(await ownerAfter('b'), undefined);
  now += 1;
  await ownerAfter('b');
  assert.equal(await ownerAfter('b'), 'b', 'at the next look');
});

let isThrowing = false;
// A Node that no source creates: the model throws when it reads it.
const broken = {
  ...emptyClusterState,
  nodes: new Map([
    [
      'node-1',
      {
        ...{ name: 'node-1', labels: {}, annotations: {}, addresses: [nodeAddress] },
        get podCidrs(): readonly Prefix[] {
          if (isThrowing) throw new RangeError('not as expected');
          return [];
        },
      },
    ],
  ]),
};
const problem =
  'the desired state cannot be computed: not as expected; the earlier state stays in force';

test('unusable facts leave the previous ones in force and are a problem until they are usable', async () => {
  const { network, settles } = fakeNetwork();
  isThrowing = false;
  network.replaceSnapshot({ state, problems: [], complete: true });
  await network.settle(['start']);
  isThrowing = true;
  network.replaceSnapshot({ state: broken, problems: [], complete: true });
  await network.settle(['cluster']);
  await network.settle(['endpoint']);
  assert.equal(network.problem, problem);
  assert.equal(network.isWaiting, false);
  assert.deepEqual(
    settles.map(({ desired }) => desired.podRanges.length),
    [1, 1, 1],
  );
  isThrowing = false;
  network.replaceSnapshot({ state, problems: [], complete: true });
  await network.settle(['cluster']);
  assert.equal(network.problem, undefined);
});

test('nothing is applied and no pod is served until a state could be computed', async () => {
  const { network, settles } = fakeNetwork();
  isThrowing = true;
  network.replaceSnapshot({ state: broken, problems: [], complete: true });
  const report = await network.settle(['start']);
  assert.deepEqual(report.written, []);
  assert.deepEqual(settles, []);
  assert.equal(network.isWaiting, true);
  assert.equal(waitingFor({ network }), problem);
  isThrowing = false;
  network.replaceSnapshot({ state, problems: [], complete: true });
  await network.settle(['cluster']);
  assert.equal(settles.length, 1);
  assert.equal(network.isWaiting, false);
  assert.equal(waitingFor({ network }), undefined);
});
