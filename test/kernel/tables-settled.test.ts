// All tables together, kept by a reconciler in a namespace: the next process finds the state of the previous one
// correct, changes by others are repaired and named, and at the end nothing is left.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ClusterNode } from '../../src/cluster/objects.ts';
import { emptyClusterState } from '../../src/cluster/state.ts';
import { type AttachedHook, type Attacher, attachmentKey } from '../../src/datapath/attacher.ts';
import { maps } from '../../src/datapath/generated.ts';
import { datapathTables, type TableTargets } from '../../src/datapath/tables.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import type { DesiredState, RoutingMode } from '../../src/model/desired.ts';
import type { EndpointId } from '../../src/model/endpoint.ts';
import { overlayDeviceName } from '../../src/model/ids.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { addressAt, parsePrefix } from '../../src/net/prefix.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { Restored } from '../../src/reconcile/status.ts';
import { computeDesired, endpointCollection } from '../support/compute-desired.ts';
import { rootTest } from '../support/root-test.ts';
import { place, podMac, up0 } from '../support/table-contract.ts';

interface Node extends TableTargets {
  readonly ip: (...args: string[]) => string;
  desired(mode: RoutingMode): DesiredState;
}

function memoryAttacher(): Attacher {
  const attached = new Map<string, AttachedHook>();
  return {
    list: () => [...attached.values()],
    attachAll: (attachments) =>
      attachments.map((attachment) => {
        attached.set(attachmentKey(attachment), { ...attachment, current: true });
        return undefined;
      }),
    detach: (attachment) => void attached.delete(attachmentKey(attachment)),
  };
}

function node(context: TestContext): Node {
  const { namespace, socket, ip } = place(context);
  ip('link', 'add', 'hd1', 'index', '11', 'type', 'veth', 'peer', 'name', 'pod1');
  ip('link', 'set', 'pod1', 'up');
  ip('link', 'set', 'hd1', 'up', 'addrgenmode', 'none');
  untilCarrier(ip, ['far0', 'pod1']);
  const noPreallocation = { flags: 1 };
  const targets: TableTargets = {
    socket,
    maps: {
      endpoints: BpfMap.create(maps.endpoints, noPreallocation),
      addresses: BpfMap.create(maps.addresses, noPreallocation),
      routes: BpfMap.create(maps.routes),
      underlay: BpfMap.create(maps.underlay),
      tableGeneration: BpfMap.create(maps.tableGeneration),
    },
    nft: Nftables.open(namespace),
    attacher: memoryAttacher(),
    sysctlMemory: { remember: () => {}, recall: () => undefined, forget: () => {} },
  };
  context.after(() => {
    for (const map of Object.values(targets.maps)) map[Symbol.dispose]();
  });
  return {
    ...targets,
    ip,
    desired: (mode) => desiredState(mode, linkByName(socket, overlayDeviceName)?.ifIndex),
  };
}

/** A veth pair's carrier, and with it the link-local route, comes a moment after both ends are up. */
function untilCarrier(ip: Node['ip'], links: readonly string[]): void {
  for (let attempt = 0; attempt < 200; attempt++) {
    const routes = ip('-6', 'route');
    if (links.every((link) => routes.includes(`fe80::/64 dev ${link} `))) return;
  }
  assert.fail(`no carrier at ${links.join(', ')}`);
}

function clusterNode(index: number): ClusterNode {
  return {
    name: `node-${index}`,
    labels: {},
    annotations: {},
    podCidrs: [
      parsePrefix(`192.0.2.${(index - 1) * 64}/26`),
      parsePrefix(`2001:db8:${index}::/64`),
    ],
    addresses: [parseAddress(`198.51.100.${index}`), parseAddress(`2001:db8:ffff::${index}`)],
  };
}

function desiredState(mode: RoutingMode, vxlanIfIndex: IfIndex | undefined): DesiredState {
  const nodes = new Map([1, 2, 3].map((index) => [`node-${index}`, clusterNode(index)]));
  const addresses = clusterNode(1).podCidrs.flatMap((prefix) => addressAt(prefix, 5n) ?? []);
  return computeDesired({
    config: {
      nodeName: 'node-1',
      mode,
      masquerade: true,
      nonMasqueradeCidrs: [],
      vxlan: { port: 4789, vni: 1 },
    },
    cluster: { ...emptyClusterState, nodes },
    endpoints: [
      {
        id: 1 as EndpointId,
        containerId: 'container-1',
        ifName: 'eth0',
        namespacePath: '/run/netns/pod-1',
        hostIfName: 'hd1',
        hostIfIndex: 11 as IfIndex,
        mac: podMac,
        addresses,
        mtuBytes: 1500,
        createdAt: '2026-01-01T00:00:00Z',
      },
    ],
    host: {
      uplinks: [
        {
          ifIndex: up0,
          name: 'up0',
          mtuBytes: 1500,
          mac: parseMac('02:00:5e:10:01:01'),
          gateways: [parseAddress('fe80::fe')],
          addresses: [
            { address: parseAddress('198.51.100.1'), prefixLength: 24 },
            { address: parseAddress('2001:db8:ffff::1'), prefixLength: 64 },
          ],
        },
      ],
      vxlan: vxlanIfIndex === undefined ? undefined : { ifIndex: vxlanIfIndex },
    },
  });
}

/** A new process: it knows nothing about the previous one. Sysctls are omitted: they are the calling thread's. */
function process(targets: TableTargets, restored: Restored[] = []): Reconciler<DesiredState> {
  const [, ...tables] = datapathTables(targets);
  return new Reconciler(tables, { onRestored: (what) => restored.push(what) });
}

/** As the agent does: once more if the VXLAN device has just been created. */
async function settle(
  reconciler: Reconciler<DesiredState>,
  target: Node,
  mode: RoutingMode,
): Promise<number> {
  const options = { relist: true, prune: true };
  const first = await reconciler.settle(target.desired(mode), options);
  assert.deepEqual(first.failures, []);
  const second = await reconciler.settle(target.desired(mode), options);
  assert.deepEqual(second.failures, []);
  return first.writes.set + first.writes.deleted + second.writes.set + second.writes.deleted;
}

for (const mode of ['native', 'vxlan'] as const) {
  rootTest(
    `${mode}: a restarted process writes nothing, and the last settle leaves nothing`,
    async (context) => {
      const target = node(context);
      const before = [target.ip('route'), target.ip('-6', 'route'), target.ip('link')];
      assert.ok((await settle(process(target), target, mode)) > 20);
      assert.equal(await settle(process(target), target, mode), 0);
      const last = process(target);
      await settle(last, target, mode);
      const nothing = computeDesired({
        config: {
          nodeName: 'nobody',
          mode: 'native',
          masquerade: false,
          nonMasqueradeCidrs: [],
          vxlan: { port: 4789, vni: 1 },
        },
        cluster: emptyClusterState,
        endpoints: [],
        host: { uplinks: [] },
      });
      const report = await last.settle(nothing, { relist: true, prune: true });
      assert.deepEqual(report.failures, []);
      assert.deepEqual([target.ip('route'), target.ip('-6', 'route'), target.ip('link')], before);
      assert.equal(target.nft.listTable('inet', 'heddle'), undefined);
      assert.equal(target.ip('neigh', 'show', 'nud', 'permanent', 'dev', 'hd1'), '');
      assert.equal(target.ip('neigh', 'show', 'nud', 'all', 'proto', '73'), '');
      const { endpoints, addresses, routes } = target.maps;
      for (const map of [endpoints, addresses, routes]) assert.equal(map.count(), 0, map.name);
    },
  );

  rootTest(
    `${mode}: damaged entries are restored at the next relist and named`,
    async (context) => {
      const target = node(context);
      const restored: Restored[] = [];
      const reconciler = process(target, restored);
      await settle(reconciler, target, mode);
      assert.deepEqual(restored, []);
      target.ip('route', 'delete', '192.0.2.64/26');
      target.ip('route', 'add', '203.0.113.0/24', 'dev', 'up0', 'proto', '72');
      target.ip('neigh', 'delete', '192.0.2.5', 'dev', 'hd1');
      for (const hop of ['2001:db8:ffff::3', 'fe80::fe']) {
        target.ip('neigh', 'delete', hop, 'dev', 'up0');
      }
      target.maps.addresses.delete(parseAddress('2001:db8:1::5'));
      target.nft.deleteTable('inet', 'heddle');
      await reconciler.settle(target.desired(mode), { relist: true, prune: true });
      assert.deepEqual(restored, [
        { table: 'addresses', key: '2001:db8:1::5', was: 'missing' },
        { table: 'routes', key: '192.0.2.64/26', was: 'missing' },
        { table: 'neighbours', key: '192.0.2.5 dev index 11', was: 'missing' },
        { table: 'next-hops', key: 'fe80::fe dev index 7', was: 'missing' },
        { table: 'next-hops', key: '2001:db8:ffff::3 dev index 7', was: 'missing' },
        { table: 'nft', key: 'inet heddle', was: 'missing' },
        { table: 'routes', key: '203.0.113.0/24', was: 'extra' },
      ]);
      assert.equal(await settle(process(target), target, mode), 0);
    },
  );
}

rootTest(
  'each settle that changes looked-up entries starts a generation, others do not',
  async (context) => {
    const target = node(context);
    const reconciler = process(target);
    const generation = (): number => target.maps.tableGeneration.get(0) ?? 0;
    const begun = async (desired: DesiredState): Promise<number> => {
      const before = generation();
      const report = await reconciler.settle(desired, { relist: true, prune: true });
      assert.deepEqual(report.failures, []);
      return generation() - before;
    };
    await settle(reconciler, target, 'native');
    const desired = target.desired('native');
    assert.equal(await begun(desired), 0, 'nothing changed');
    const [endpoint] = desired.endpoints.values();
    assert.ok(endpoint);
    const limited = { ...endpoint, bandwidth: { ingress: { bitsPerSecond: 1e6 } } };
    assert.ok(
      (await begun({ ...desired, endpoints: endpointCollection([limited]) })) > 0,
      'its packets are to wait',
    );
    const elsewhere = linkByName(target.socket, 'pod1');
    assert.ok(elsewhere);
    const moved = { ...endpoint, hostIfName: 'pod1', hostIfIndex: elsewhere.ifIndex };
    assert.ok(
      (await begun({ ...desired, endpoints: endpointCollection([moved]) })) > 0,
      'it is elsewhere',
    );
    assert.ok((await begun({ ...desired, endpoints: endpointCollection([]) })) > 0, 'it has gone');
    assert.equal(
      await begun({ ...desired, endpoints: endpointCollection([]) }),
      0,
      'nothing changed',
    );
  },
);

rootTest('from native to VXLAN and back, everything follows', async (context) => {
  const target = node(context);
  const reconciler = process(target);
  for (const mode of ['native', 'vxlan', 'native'] as const) {
    await settle(reconciler, target, mode);
    const via = mode === 'vxlan' ? 'dev heddle_vxlan' : 'via 198.51.100.2 dev up0';
    assert.match(target.ip('route', 'show', '192.0.2.64/26'), new RegExp(via));
    assert.equal(await settle(process(target), target, mode), 0, mode);
  }
});
