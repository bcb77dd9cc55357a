import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointCollection } from '../../test/support/compute-desired.ts';
import type { ClusterNode, ClusterPod } from '../cluster/objects.ts';
import { emptyClusterState } from '../cluster/state.ts';
import type { EndpointId, LocalEndpoint } from '../model/endpoint.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { parseMac } from '../net/mac.ts';
import { parsePrefix } from '../net/prefix.ts';
import { FlowNames, type NameSources } from './flow-names.ts';

const podHere = parseAddress('198.51.100.5');
const podThere = parseAddress('203.0.113.5');
const unknownThere = parseAddress('203.0.113.77');
const nodeThere = parseAddress('192.0.2.2');
const elsewhere = parseAddress('2001:db8::1');

const meta = { labels: {}, annotations: {} };
const node2: ClusterNode = {
  ...meta,
  name: 'node-2',
  podCidrs: [parsePrefix('203.0.113.0/24')],
  addresses: [nodeThere],
};

function pod(name: string, address: Address, hostNetwork = false): ClusterPod {
  const place = { namespace: 'shop', name, node: 'node-2', addresses: [address] };
  return { ...meta, ...place, hostNetwork, phase: 'Running', containers: [] };
}

const endpoint: LocalEndpoint = {
  id: 1 as EndpointId,
  containerId: 'c1',
  ifName: 'eth0',
  namespacePath: '/run/netns/c1',
  hostIfName: 'hd0',
  hostIfIndex: 7 as IfIndex,
  mac: parseMac('02:00:5e:10:00:01'),
  addresses: [podHere],
  mtuBytes: 1500,
  pod: { namespace: 'shop', name: 'web-1' },
  createdAt: '2026-01-02T03:04:05Z',
};

const sources: NameSources = {
  node: 'node-1',
  cluster: {
    ...emptyClusterState,
    nodes: new Map([['node-2', node2]]),
    pods: new Map([
      ['shop/db-1', pod('db-1', podThere)],
      ['shop/proxy', pod('proxy', nodeThere, true)],
    ]),
  },
  endpoints: endpointCollection([endpoint]),
};

test("an address belongs to a local endpoint, a pod, a node, a node's range, or the world", () => {
  const names = new FlowNames(sources);
  const shop = (name: string): object => ({ namespace: 'shop', name });
  assert.deepEqual(names.of(podHere), { kind: 'pod', node: 'node-1', pod: shop('web-1') });
  assert.deepEqual(names.of(podThere), { kind: 'pod', node: 'node-2', pod: shop('db-1') });
  assert.deepEqual(names.of(nodeThere), { kind: 'node', node: 'node-2' }, 'not the pod on it');
  assert.deepEqual(names.of(unknownThere), { kind: 'pod', node: 'node-2' });
  assert.deepEqual(names.of(elsewhere), { kind: 'world' });
});

test("a pod's status takes no address from a node or from pods of another node", () => {
  const elsewherePod = (name: string, address: Address): ClusterPod => ({
    ...pod(name, address),
    node: 'node-3',
  });
  const pods = new Map([
    ['shop/a', elsewherePod('a', nodeThere)],
    ['shop/b', elsewherePod('b', unknownThere)],
  ]);
  const names = new FlowNames({ ...sources, cluster: { ...sources.cluster, pods } });
  assert.deepEqual(names.of(nodeThere), { kind: 'node', node: 'node-2' });
  assert.deepEqual(names.of(unknownThere), { kind: 'pod', node: 'node-2' });
});

test('replaced sources apply to addresses that were looked up before', () => {
  const names = new FlowNames({
    ...sources,
    cluster: emptyClusterState,
    endpoints: endpointCollection([]),
  });
  assert.deepEqual(names.of(podThere), { kind: 'world' });
  names.replace(sources);
  assert.equal(names.of(podThere).pod?.name, 'db-1');
  assert.equal(names.of(unknownThere).node, 'node-2');
});

test('among several ranges with an address, the longest names the node', () => {
  const wide = { ...node2, name: 'wide', podCidrs: [parsePrefix('203.0.0.0/16')] };
  const nodes = new Map([
    ['wide', wide],
    ['node-2', node2],
  ]);
  const names = new FlowNames({ ...sources, cluster: { ...emptyClusterState, nodes } });
  assert.equal(names.of(unknownThere).node, 'node-2');
  assert.equal(names.of(parseAddress('203.0.7.7')).node, 'wide');
});

test('an interface identifies its pod, also for a while after the pod was deleted', () => {
  const names = new FlowNames(sources);
  const sender = {
    node: 'node-1',
    pod: { namespace: 'shop', name: 'web-1' },
    addresses: [podHere],
  };
  assert.deepEqual(names.sender(7), sender);
  assert.equal(names.sender(8), undefined);
  names.replace({ ...sources, endpoints: endpointCollection([]) });
  assert.deepEqual(names.sender(7), sender);
  for (let index = 100; index < 1200; index++) {
    const other = { ...endpoint, hostIfIndex: index as IfIndex, addresses: [] };
    names.replace({ ...sources, endpoints: endpointCollection([other]) });
    names.sender(index);
  }
  assert.equal(names.sender(7), undefined, 'not for ever');
  const again = { ...endpoint, pod: { namespace: 'shop', name: 'web-2' } };
  names.replace({ ...sources, endpoints: endpointCollection([again]) });
  assert.equal(names.sender(7)?.pod?.name, 'web-2', 'the one that has it now');
});

test('a flow of a deleted pod is not attributed to the pod that has its address now', () => {
  let nowNs = 100;
  const names = new FlowNames(sources, () => nowNs);
  const cluster = (there: ClusterPod) => ({
    ...sources.cluster,
    pods: new Map([[`shop/${there.name}`, there]]),
  });
  const then = (atNs: number) =>
    [podHere, podThere].map((address) => names.of(address, atNs).pod?.name);
  assert.deepEqual(then(50), ['web-1', 'db-1']);
  nowNs = 200;
  const web2 = {
    ...endpoint,
    hostIfIndex: 8 as IfIndex,
    pod: { namespace: 'shop', name: 'web-2' },
  };
  const second = {
    ...sources,
    cluster: cluster(pod('db-2', podThere)),
    endpoints: endpointCollection([web2]),
  };
  names.replace(second);
  nowNs = 250;
  names.replace(second);
  assert.deepEqual(then(150), ['web-1', 'db-1'], 'they were there until the first change');
  assert.deepEqual(then(201), ['web-2', 'db-2']);
  nowNs = 300;
  names.replace({
    ...second,
    endpoints: endpointCollection([]),
    cluster: cluster(pod('db-3', podThere)),
  });
  assert.deepEqual(then(150), ['web-1', 'db-1'], 'two owners ago');
  assert.deepEqual(then(290), ['web-2', 'db-2']);
  assert.deepEqual(then(301), [undefined, 'db-3']);
  assert.equal(names.of(podThere).pod?.name, 'db-3', 'now');
});

test('a pod of this node that was added and deleted between two looks is known', () => {
  let nowNs = 100;
  const names = new FlowNames({ ...sources, endpoints: endpointCollection([]) }, () => nowNs);
  names.refresh();
  names.replace(sources);
  nowNs = 200;
  names.replace({ ...sources, endpoints: endpointCollection([]) });
  nowNs = 300;
  const web2 = {
    ...endpoint,
    hostIfIndex: 8 as IfIndex,
    pod: { namespace: 'shop', name: 'web-2' },
  };
  names.replace({ ...sources, endpoints: endpointCollection([web2]) });
  assert.equal(names.of(podHere, 150).pod?.name, 'web-1');
  assert.equal(names.of(podHere, 250).pod?.name, 'web-2');
  assert.equal(names.sender(7)?.pod?.name, 'web-1');
});

test('late cluster state of a pod of this node does not override its record', () => {
  let nowNs = 100;
  const own = { ...node2, name: 'node-1', podCidrs: [parsePrefix('198.51.100.0/24')] };
  const web1 = { ...pod('web-1', podHere), node: 'node-1' };
  const nodes = new Map([['node-1', own]]);
  const cluster = { ...emptyClusterState, nodes, pods: new Map([['shop/web-1', web1]]) };
  const names = new FlowNames({ ...sources, cluster }, () => nowNs);
  const web2 = {
    ...endpoint,
    hostIfIndex: 8 as IfIndex,
    pod: { namespace: 'shop', name: 'web-2' },
  };
  names.refresh();
  nowNs = 200;
  names.replace({ ...sources, cluster, endpoints: endpointCollection([web2]) });
  names.refresh();
  nowNs = 300;
  names.replace({
    ...sources,
    cluster: { ...cluster, pods: new Map() },
    endpoints: endpointCollection([web2]),
  });
  assert.equal(names.of(podHere, 200).pod?.name, 'web-1');
  assert.equal(names.of(podHere, 250).pod?.name, 'web-2');
});

test('an address outside its node’s range never belonged to a pod', () => {
  let nowNs = 100;
  const names = new FlowNames(sources, () => nowNs);
  const liar = { ...pod('liar', nodeThere), node: 'node-3', addresses: [nodeThere, elsewhere] };
  const withPods = (...pods: ClusterPod[]): NameSources => ({
    ...sources,
    cluster: { ...sources.cluster, pods: new Map(pods.map((each) => [each.name, each])) },
  });
  names.replace(withPods(liar));
  names.refresh();
  nowNs = 200;
  names.replace(withPods());
  assert.deepEqual(names.of(nodeThere, 150), { kind: 'node', node: 'node-2' });
  assert.deepEqual(names.of(elsewhere, 150), { kind: 'world' });
});
