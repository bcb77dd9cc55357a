// CNI verbs from the bytes of the shim to the kernel: real namespaces, real links, records on disk. The data path is
// played by the few routes that it would set.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { answerCni } from '../../src/agent/cni.ts';
import { hostIfNameOf } from '../../src/agent/endpoint-record.ts';
import { EndpointStore } from '../../src/agent/endpoint-store.ts';
import { PodNetwork } from '../../src/agent/pod-network.ts';
import { Pods } from '../../src/agent/pods.ts';
import { silentLogger } from '../../src/base/log.ts';
import { joinCall } from '../../src/cni/call.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addAddress } from '../../src/kernel/netlink/address.ts';
import { listLinks, setLink } from '../../src/kernel/netlink/link.ts';
import { replaceNeighbour } from '../../src/kernel/netlink/neighbour.ts';
import { replaceRoute } from '../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { type Address, addressFamily } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { hostPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { runIn, testNamespace, testNamespacePath } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ranges = [parsePrefix('10.201.1.0/24'), parsePrefix('fd00:201:1::/64')];
const nodeAddresses = ['10.200.0.11', 'fd00:200::11'] as Address[];

/** A node: a namespace with addresses, and the part of the agent that serves CNI. */
interface Node {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly directory: string;
  readonly store: EndpointStore;
  readonly pods: Pods;
  /** Runs once at the next settle, which fails with what it returns. */
  failSettle(once: () => Error | undefined): void;
  call(verb: string, pod: TestPod, changes?: Changes): Promise<Answer>;
  /** Another agent over the same node and state directory, as after a restart. */
  restart(): Promise<Pods>;
}

interface TestPod {
  readonly containerId: string;
  readonly path: string;
  readonly namespace: NetworkNamespace;
  /** The namespace ends, path and all. */
  end(): void;
}

interface Changes {
  readonly environment?: Readonly<Record<string, string>>;
  readonly prevResult?: unknown;
}

interface Answer {
  readonly exitCode: number;
  /** undefined for an empty answer. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

function makeNode(context: TestContext): Node {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  const directory = mkdtempSync(path.join(tmpdir(), 'heddle-cni-'));
  const network = new PodNetwork(namespace.duplicate());
  context.after(() => {
    network[Symbol.dispose]();
    socket[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });
  prepare(socket);
  let fault: (() => Error | undefined) | undefined;
  const settle = async (endpoint: LocalEndpoint) => {
    const error = fault?.();
    fault = undefined;
    if (error !== undefined) throw error;
    if (pods.endpoints().includes(endpoint)) lead(socket, endpoint);
  };
  const start = (store: EndpointStore) =>
    new Pods({
      store,
      wiring: network,
      node: { podRanges: () => ranges, podMtuBytes: () => 1450, settle },
      log: silentLogger,
    });
  const store = EndpointStore.open(directory, 64);
  const pods = start(store);
  return {
    namespace,
    socket,
    directory,
    store,
    pods,
    failSettle: (once) => {
      fault = once;
    },
    call: (verb, pod, changes) => call(pods, verb, pod, changes),
    restart: async () => {
      const restarted = start(EndpointStore.open(directory, 64));
      await restarted.restore();
      return restarted;
    },
  };
}

function prepare(socket: NetlinkSocket): void {
  const ifIndex = 1 as IfIndex;
  setLink(socket, { ifIndex, up: true });
  for (const address of nodeAddresses) {
    const prefixLength = addressFamily(address) === 4 ? 32 : 128;
    addAddress(socket, { ifIndex, address, prefixLength, noDad: true });
  }
}

/** What the data path's tables do for an endpoint on the node's side. */
function lead(socket: NetlinkSocket, { hostIfIndex, addresses, mac }: LocalEndpoint): void {
  for (const address of addresses) {
    const route = { destination: hostPrefix(address), protocol: 72, table: 254 };
    replaceRoute(socket, { ...route, type: 'unicast', ifIndex: hostIfIndex });
    replaceNeighbour(socket, { ifIndex: hostIfIndex, address, mac, state: 'permanent' });
  }
}

let podsMade = 0;

function makePod(context: TestContext): TestPod {
  podsMade++;
  const podPath = testNamespacePath();
  const namespace = NetworkNamespace.create(podPath);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    namespace[Symbol.dispose]();
    NetworkNamespace.remove(podPath);
  };
  context.after(end);
  return { containerId: `container-${podsMade}`, path: podPath, namespace, end };
}

async function call(
  pods: Pods,
  verb: string,
  pod: TestPod,
  changes: Changes = {},
): Promise<Answer> {
  const environment = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: pod.containerId,
    CNI_NETNS: pod.path,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.containerId}`,
    ...changes.environment,
  };
  const configuration = { cniVersion: '1.1.0', name: 'heddle', type: 'heddle', ...changes };
  const body = joinCall({
    environment: new Map(Object.entries(environment)),
    configuration: JSON.stringify(configuration),
  });
  const answer = await answerCni(pods, silentLogger, body);
  return {
    exitCode: answer.exitCode,
    json: answer.body === '' ? undefined : JSON.parse(answer.body),
  };
}

/** Everything that an endpoint leaves: interfaces on the node, records, live endpoints, file descriptors. */
function footprint({ socket, directory, pods, store }: Node): object {
  return {
    links: listLinks(socket).map(({ name }) => name),
    records: readdirSync(directory),
    live: pods.endpoints().length,
    addresses: [...store.addresses()],
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

function assertFails(answer: Answer, code: number, text: RegExp): void {
  assert.equal(answer.exitCode, 1, JSON.stringify(answer.json));
  assert.equal(answer.json?.['code'], code, JSON.stringify(answer.json));
  assert.match(String(answer.json['msg']), text);
}

rootTest('ADD makes a dual-stack pod that reaches its node and is reached', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const added = await node.call('ADD', pod);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  const [endpoint] = node.pods.endpoints();
  assert.deepEqual(endpoint?.addresses, ['10.201.1.2', 'fd00:201:1::2']);
  assert.deepEqual(added.json?.['ips'], [
    { address: '10.201.1.2/32', gateway: '169.254.1.1', interface: 1 },
    { address: 'fd00:201:1::2/128', gateway: 'fe80::1', interface: 1 },
  ]);
  const interfaces = [
    { name: endpoint?.hostIfName, mac: '02:68:65:64:64:6c', mtu: 1450 },
    { name: 'eth0', mac: endpoint?.mac, mtu: 1450, sandbox: pod.path },
  ];
  assert.deepEqual(added.json['interfaces'], interfaces);
  for (const address of endpoint?.addresses ?? []) {
    runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', address);
  }
  for (const address of nodeAddresses)
    runIn(pod.namespace, 'busybox', 'ping', '-c1', '-W1', address);
  runIn(pod.namespace, 'busybox', 'ping', '-c1', '-W1', '127.0.0.1');
  // No neighbour was ever asked for, and no address made up.
  const addresses = runIn(pod.namespace, 'ip', '-6', '-o', 'address', 'show', 'dev', 'eth0');
  assert.doesNotMatch(addresses, /fe80|tentative/);
  assert.equal(addresses.trim().split('\n').length, 1);
});

rootTest('CHECK finds nothing after ADD, and names what was changed by hand', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const prevResult = (await node.call('ADD', pod)).json;
  const check = () => node.call('CHECK', pod, { prevResult });
  assert.deepEqual(await check(), { exitCode: 0, json: undefined });
  const ip = (...args: string[]) => runIn(pod.namespace, 'ip', ...args);

  ip('address', 'add', '192.0.2.77/32', 'dev', 'eth0');
  assert.equal((await check()).exitCode, 0, 'what others add is theirs');
  ip('address', 'delete', '10.201.1.2/32', 'dev', 'eth0');
  assertFails(await check(), 100, /CHECK container .*: .*lost its address 10.201.1.2/);
  ip('route', 'delete', 'default');
  ip('-6', 'neigh', 'delete', 'fe80::1', 'dev', 'eth0');
  ip('link', 'set', 'eth0', 'mtu', '1400');
  const hostIfName = node.pods.endpoints()[0]?.hostIfName ?? '';
  runIn(node.namespace, 'ip', 'link', 'set', hostIfName, 'down');
  assertFails(await check(), 100, /is down; .*MTU 1400 in place of 1450; .*lost its address/);
  assertFails(await check(), 100, /route 0.0.0.0\/0 via 169.254.1.1; .*neighbour.*fe80::1/);
  assertFails(
    await node.call('CHECK', pod, { prevResult: { ips: [], interfaces: [] } }),
    100,
    /prevResult does not have its address 10.201.1.2; .*fd00:201:1::2; .*its interface eth0/,
  );
  ip('link', 'delete', 'eth0');
  assertFails(await check(), 100, /interface hd[0-9a-f]{11} on the node is gone/);
});

rootTest('CHECK of a container that was never added is code 3', async (context) => {
  const node = makeNode(context);
  const answer = await node.call('CHECK', makePod(context), { prevResult: {} });
  assertFails(answer, 3, /CHECK container .*: it is not known on this node/);
});

rootTest('DEL leaves nothing, with or without the namespace, and again', async (context) => {
  const node = makeNode(context);
  const before = footprint(node);
  const environments = [{}, { CNI_NETNS: '' }, { CNI_NETNS: '/run/netns/heddle-test-gone' }];
  for (const environment of environments) {
    const pod = makePod(context);
    const answer = await node.call('ADD', pod);
    assert.equal(answer.exitCode, 0);
    if ('CNI_NETNS' in environment) pod.end();
    for (let run = 0; run < 3; run++) {
      const deleted = await node.call('DEL', pod, { environment });
      assert.deepEqual(deleted, { exitCode: 0, json: undefined });
    }
    pod.end();
  }
  assert.deepEqual(footprint(node), before);
});

rootTest('50 pods that come and go leave nothing, and take each address once', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const before = footprint(node);
  const given = new Set<unknown>();
  for (let run = 0; run < 50; run++) {
    const added = await node.call('ADD', pod);
    assert.equal(added.exitCode, 0, JSON.stringify(added.json));
    given.add(JSON.stringify(added.json?.['ips']));
    assert.equal((await node.call('DEL', pod)).exitCode, 0);
  }
  assert.equal(given.size, 50);
  assert.deepEqual(footprint(node), before);
});

rootTest("20 pods added and deleted at once do not get in each other's way", async (context) => {
  const node = makeNode(context);
  const pods = Array.from({ length: 20 }, () => makePod(context));
  const before = footprint(node);
  const added = await Promise.all(pods.map((pod) => node.call('ADD', pod)));
  assert.deepEqual(new Set(added.map(({ exitCode }) => exitCode)), new Set([0]));
  assert.equal(new Set(node.pods.endpoints().flatMap(({ addresses }) => addresses)).size, 40);
  assert.equal(new Set(node.pods.endpoints().map(({ id }) => id)).size, 20);
  for (const { addresses } of node.pods.endpoints()) {
    runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', addresses[0] ?? '');
  }
  const deleted = await Promise.all(pods.map((pod) => node.call('DEL', pod)));
  assert.deepEqual(new Set(deleted.map(({ exitCode }) => exitCode)), new Set([0]));
  assert.deepEqual(footprint(node), before);
});

rootTest('an ADD for an interface that exists is refused and harms nothing', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  await node.call('ADD', pod);
  const before = footprint(node);
  assertFails(
    await node.call('ADD', pod),
    101,
    /ADD shop\/container-\d+ eth0: interface eth0 exists/,
  );
  assert.deepEqual(footprint(node), before);
  const prevResult = { interfaces: [{ name: 'eth0', sandbox: pod.path }], ips: [] };
  assertFails(await node.call('CHECK', pod, { prevResult }), 100, /: prevResult does not have/);
});

rootTest('a second interface does not take the default route from the first', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  await node.call('ADD', pod);
  const before = footprint(node);
  const second = await node.call('ADD', pod, { environment: { CNI_IFNAME: 'net1' } });
  assertFails(second, 999, /ADD .* net1: route add 0.0.0.0\/0 via 169.254.1.1.*: EEXIST/);
  assert.deepEqual(footprint(node), before);
  assert.match(runIn(pod.namespace, 'ip', 'route'), /^default via 169.254.1.1 dev eth0/);
});

const badNamespaces: readonly [string, (node: Node) => string, RegExp][] = [
  [
    'that is not there',
    () => '/run/netns/heddle-test-gone',
    /CNI_NETNS: open .*heddle-test-gone: ENOENT/,
  ],
  ['that is no namespace', () => '/etc/hostname', /CNI_NETNS: .*not a network namespace/],
  [
    'of the node itself',
    ({ namespace }) => `/proc/${process.pid}/fd/${namespace.fd}`,
    /network namespace of the node itself/,
  ],
];

for (const [name, pathOf, text] of badNamespaces) {
  rootTest(`an ADD into a namespace ${name} is code 8 and leaves nothing`, async (context) => {
    const node = makeNode(context);
    const pod = makePod(context);
    const before = footprint(node);
    const environment = { CNI_NETNS: pathOf(node) };
    assertFails(await node.call('ADD', pod, { environment }), 8, text);
    assert.deepEqual(footprint(node), before);
  });
}

/** Makes one step of ADD fail; `text` is what the runtime reads then. */
interface Fault {
  readonly step: string;
  prepare(node: Node, pod: TestPod): void;
  readonly text: RegExp;
}

const faults: readonly Fault[] = [
  {
    step: 'the reservation cannot be written',
    prepare: ({ directory }, pod) => mkdirSync(path.join(directory, temporaryOf(pod))),
    text: /EISDIR/,
  },
  {
    step: 'the wiring fails at its last request',
    prepare: (_, { namespace }) => {
      runIn(namespace, 'ip', 'link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'end');
      runIn(namespace, 'ip', 'link', 'set', 'other', 'up');
      runIn(namespace, 'ip', '-6', 'route', 'add', 'default', 'dev', 'other');
    },
    text: /route add ::\/0 via fe80::1.*: EEXIST/,
  },
  {
    step: 'the data path does not take it',
    prepare: (node) => node.failSettle(() => new Error('routes: no room')),
    text: /ADD .*: routes: no room/,
  },
  {
    step: 'the finished record cannot be written',
    prepare: (node, pod) =>
      node.failSettle(() => void mkdirSync(path.join(node.directory, temporaryOf(pod)))),
    text: /EISDIR/,
  },
];

function temporaryOf({ containerId }: TestPod): string {
  return `${hostIfNameOf({ containerId, ifName: 'eth0' })}.json.tmp`;
}

for (const { step, prepare: arm, text } of faults) {
  rootTest(`an ADD leaves nothing when ${step}`, async (context) => {
    const node = makeNode(context);
    const pod = makePod(context);
    arm(node, pod);
    const before = footprint(node);
    assertFails(await node.call('ADD', pod), 999, text);
    const after = footprint(node);
    rmSync(path.join(node.directory, temporaryOf(pod)), { recursive: true, force: true });
    assert.deepEqual({ ...after, records: [] }, { ...before, records: [] });
    assert.deepEqual(readdirSync(node.directory), []);
    assert.equal((await node.call('DEL', pod)).exitCode, 0);
  });
}

rootTest('a restart finds live, half-built, stale and vanished endpoints', async (context) => {
  const node = makeNode(context);
  const [live, halfBuilt, stale, vanished] = [1, 2, 3, 4].map(() => makePod(context));
  assert.ok(live && halfBuilt && stale && vanished);
  for (const pod of [live, halfBuilt, stale, vanished]) await node.call('ADD', pod);
  const records = new Map(node.pods.endpoints().map((entry) => [entry.containerId, entry]));
  const { hostIfIndex: _, ...reservation } = records.get(halfBuilt.containerId) ?? assert.fail();
  node.store.reserve(reservation);
  runIn(stale.namespace, 'ip', 'link', 'delete', 'eth0');
  vanished.end();
  await waitUntil(() => listLinks(node.socket).length === 3);

  const restarted = await node.restart();
  assert.deepEqual(restarted.endpoints(), [records.get(live.containerId)]);
  assert.match(
    restarted.problems().join(),
    new RegExp(`${stale.containerId} eth0: .* is gone; it`),
  );
  assert.equal(restarted.problems().length, 1);
  assert.equal(listLinks(node.socket).length, 2, 'loopback and the live endpoint');
  assert.equal(readdirSync(node.directory).length, 2);

  // What is stale can be deleted, and added anew, like any other.
  const environment = { CNI_NETNS: '' };
  assert.equal((await call(restarted, 'DEL', stale, { environment })).exitCode, 0);
  assert.deepEqual(restarted.problems(), []);
  const added = await call(restarted, 'ADD', stale);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  // Behind the newest address from before the restart, not the first free one.
  assert.match(JSON.stringify(added.json), /10.201.1.6\/32/);
});

rootTest('a container whose namespace was made anew without DEL is added anew', async (context) => {
  const node = makeNode(context);
  const first = makePod(context);
  await node.call('ADD', first);
  const second = { ...makePod(context), containerId: first.containerId };
  const added = await node.call('ADD', second);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  assert.equal(node.pods.endpoints().length, 1);
  assert.doesNotMatch(runIn(first.namespace, 'ip', '-o', 'link'), /eth0/);
  assert.match(runIn(second.namespace, 'ip', '-o', 'link'), /eth0/);
});

rootTest('an endpoint whose interface goes is taken out of the data path', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  await node.call('ADD', pod);
  const ifIndex = node.pods.endpoints()[0]?.hostIfIndex ?? assert.fail();
  assert.equal(node.pods.noticeLinkGone(ifIndex), false, 'it is still there');
  runIn(pod.namespace, 'ip', 'link', 'delete', 'eth0');
  assert.equal(node.pods.noticeLinkGone(ifIndex), true);
  assert.deepEqual(node.pods.endpoints(), []);
  assert.equal(node.pods.problems().length, 1);
  assertFails(await node.call('CHECK', pod, { prevResult: {} }), 100, /its interface hd.* is gone/);
  assert.equal((await node.call('DEL', pod)).exitCode, 0);
  assert.deepEqual([node.pods.problems(), readdirSync(node.directory)], [[], []]);
});

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await setTimeout(10);
  assert.ok(condition());
}
