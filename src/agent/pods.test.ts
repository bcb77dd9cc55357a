import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { joinCall } from '../../test/support/join-call.ts';
import { silentLogger } from '../../test/support/silent-logger.ts';
import { CniError, cniErrorCode } from '../cni/error.ts';
import type { AddRequest, DelRequest } from '../cni/request.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Port } from '../net/port.ts';
import type { PortMapping } from '../net/port-mapping.ts';
import { parsePrefix } from '../net/prefix.ts';
import { answerCni } from './cni.ts';
import { type EndpointReservation, hostIfNameOf } from './endpoint-record.ts';
import { EndpointStore } from './endpoint-store.ts';
import type { PodNamespace, PodWiring } from './pod-wiring.ts';
import { Pods } from './pods.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-pods-'));
after(() => rmSync(root, { recursive: true }));

type Step = 'open' | 'wire' | 'unwire' | 'settle';

/** A kernel and a data path that exist in memory only, and write down what is asked of them. */
class FakeNode implements PodWiring {
  readonly trace: string[] = [];
  /** Host interface name to index. */
  readonly links = new Map<string, IfIndex>();
  /** Interfaces in pods: `PATH/NAME`. */
  readonly inPods = new Set<string>();
  readonly settled: LocalEndpoint[] = [];
  readonly faults = new Map<Step, Error>();
  ranges = ['192.0.2.0/28', '2001:db8:1::/64'];
  mtuBytes: number | undefined = 1500;
  readonly annotations: Record<string, Readonly<Record<string, string>>> = {};
  /** What the data path lacks. */
  missing: readonly string[] = [];
  limits: readonly string[] = [];
  #nextIndex = 10;

  open(namespacePath: string): PodNamespace {
    this.#step('open', namespacePath);
    return {
      hasInterface: (name) => this.inPods.has(`${namespacePath}/${name}`),
      wire: async (reservation) => this.#wire(reservation),
      differences: ({ addresses }) => (addresses.length === 2 ? [] : ['one family']),
      [Symbol.dispose]: () => this.trace.push('close'),
    };
  }

  hostIfIndex(hostIfName: string): IfIndex | undefined {
    return this.links.get(hostIfName);
  }

  interfaces(): readonly string[] {
    return [...this.links.keys()];
  }

  async unwire(hostIfName: string): Promise<void> {
    this.#step('unwire', hostIfName);
    await turn();
    this.links.delete(hostIfName);
  }

  async settle(endpoint: LocalEndpoint): Promise<void> {
    this.#step('settle', endpoint.hostIfName);
    await turn();
    this.settled.push(endpoint);
  }

  #wire({ hostIfName, namespacePath, ifName }: EndpointReservation): IfIndex | undefined {
    const inPod = `${namespacePath}/${ifName}`;
    if (this.links.has(hostIfName) || this.inPods.has(inPod)) {
      this.trace.push(`taken ${hostIfName}`);
      return undefined;
    }
    const ifIndex = this.#nextIndex++ as IfIndex;
    this.links.set(hostIfName, ifIndex);
    this.inPods.add(inPod);
    this.#step('wire', hostIfName);
    return ifIndex;
  }

  #step(step: Step, subject: string): void {
    this.trace.push(`${step} ${subject}`);
    const fault = this.faults.get(step);
    if (fault !== undefined) throw fault;
  }
}

interface Bench {
  readonly node: FakeNode;
  readonly store: EndpointStore;
  readonly pods: Pods;
  readonly directory: string;
}

function bench(directory = mkdtempSync(path.join(root, 'state-')), node = new FakeNode()): Bench {
  const store = EndpointStore.open(directory, 4);
  const pods = new Pods({
    store,
    wiring: node,
    node: {
      podRanges: () => node.ranges.map((text) => parsePrefix(text)),
      podAnnotations: ({ name }) => node.annotations[name] ?? {},
      podMtuBytes: () => node.mtuBytes,
      settle: (endpoint) => node.settle(endpoint),
      differences: () => node.missing,
      limits: () => node.limits,
    },
    log: silentLogger,
    now: () => new Date('2026-11-21T12:00:00Z'),
  });
  return { node, store, pods, directory };
}

function addRequest(number: number, namespacePath = `/run/netns/cni-${number}`): AddRequest {
  return {
    kind: 'add',
    version: '1.0.0',
    containerId: `container-${number}`,
    ifName: 'eth0',
    namespacePath,
    network: 'heddle',
    pod: { namespace: 'shop', name: `web-${number}` },
  };
}

function delRequest(number: number): DelRequest {
  const { containerId, ifName } = addRequest(number);
  return { kind: 'del', version: '1.0.0', containerId, ifName, namespacePath: undefined };
}

function fails(code: keyof typeof cniErrorCode, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CniError, String(error));
    assert.equal(error.code, cniErrorCode[code], error.message);
    assert.match(error.message, text);
    return true;
  };
}

const hostIfName = hostIfNameOf(addRequest(1));

test('ADD has the record on disk before the kernel is touched, and gives what it made', async () => {
  const { node, pods, store, directory } = bench();
  const recordsAtWire: string[] = [];
  const settle = node.settle.bind(node);
  node.settle = (endpoint) => {
    recordsAtWire.push(...readdirSync(directory));
    assert.deepEqual(pods.endpoints(), [endpoint], 'live when the data path is told');
    return settle(endpoint);
  };
  const endpoint = await pods.add(addRequest(1));
  assert.deepEqual(endpoint, {
    id: 1,
    containerId: 'container-1',
    ifName: 'eth0',
    namespacePath: '/run/netns/cni-1',
    hostIfName,
    hostIfIndex: 10,
    mac: endpoint.mac,
    addresses: ['192.0.2.2', '2001:db8:1::2'],
    mtuBytes: 1500,
    pod: { namespace: 'shop', name: 'web-1' },
    network: 'heddle',
    createdAt: '2026-11-21T12:00:00.000Z',
  });
  assert.match(endpoint.mac, /^02:/);
  assert.deepEqual(store.list(), [endpoint]);
  assert.deepEqual(recordsAtWire, [`${hostIfName}.json`]);
  assert.deepEqual(node.trace, [
    'open /run/netns/cni-1',
    `wire ${hostIfName}`,
    `settle ${hostIfName}`,
    'close',
  ]);
});

test('endpoints() stays the same array until something changes', async () => {
  const { pods } = bench();
  const before = pods.endpoints();
  assert.equal(pods.endpoints(), before);
  await pods.add(addRequest(1));
  const changed = pods.endpoints();
  assert.notEqual(changed, before);
  assert.equal(pods.endpoints(), changed);
});

const faulty: readonly [Step, keyof typeof cniErrorCode][] = [
  ['open', 'internal'],
  ['wire', 'internal'],
  ['settle', 'internal'],
];

for (const [step, code] of faulty) {
  test(`ADD is undone when ${step} fails, and can be tried again`, async () => {
    const { node, pods, store } = bench();
    node.faults.set(step, new Error(`${step}: no`));
    const settleOnce = node.settle.bind(node);
    // The fault passes: undoing settles too.
    node.settle = (endpoint) => settleOnce(endpoint).finally(() => node.faults.clear());
    const expected = fails(code, new RegExp(`^ADD shop/web-1 eth0: ${step}: no$`));
    await assert.rejects(pods.add(addRequest(1)), expected);
    assert.deepEqual([pods.endpoints(), store.list(), [...node.links]], [[], [], []]);
    node.faults.clear();
    node.inPods.clear();
    const { addresses } = await pods.add(addRequest(1));
    assert.equal(addresses.length, 2);
  });
}

test('what cannot be undone stays on record, is told, and goes with DEL', async () => {
  const { node, pods, store } = bench();
  node.faults.set('settle', new Error('routes: no room'));
  await assert.rejects(
    pods.add(addRequest(1)),
    fails('internal', /^ADD shop\/web-1 eth0: routes: no room; undoing it: routes: no room$/),
  );
  assert.deepEqual(pods.endpoints(), []);
  assert.equal(store.list().length, 1, 'its addresses may still be in the data path');
  node.faults.clear();
  await pods.del(delRequest(1));
  assert.deepEqual([store.list(), [...node.links]], [[], []]);
  assert.deepEqual(
    node.settled.map((endpoint) => endpoint.hostIfName),
    [hostIfName],
  );
});

test('DEL takes it out of the data path before its address is free', async () => {
  const { node, pods, store } = bench();
  const endpoint = await pods.add(addRequest(1));
  node.trace.length = 0;
  const settle = node.settle.bind(node);
  node.settle = (removed) => {
    assert.equal(removed, endpoint);
    assert.deepEqual([pods.endpoints(), store.list()], [[], [endpoint]]);
    return settle(removed);
  };
  await pods.del(delRequest(1));
  assert.deepEqual(store.list(), []);
  assert.deepEqual(node.trace, [`unwire ${hostIfName}`, `settle ${hostIfName}`]);
  await pods.del(delRequest(1));
});

test('CHECK asks the interface, the data path and the record, and names all that differs', async () => {
  const { node, pods } = bench();
  const endpoint = await pods.add(addRequest(1));
  const { kind: _, pod: __, ...common } = addRequest(1);
  const previous = {
    interfaces: [{ name: 'eth0', mac: endpoint.mac.toUpperCase(), sandbox: common.namespacePath }],
    addresses: endpoint.addresses,
  };
  await pods.check({ ...common, kind: 'check', previous });
  node.missing = ['routes 192.0.2.2/32 is missing', 'endpoints 10 was changed'];
  const request = { ...common, kind: 'check', previous: { ...previous, addresses: [] } } as const;
  await assert.rejects(
    pods.check(request),
    fails(
      'endpointDiffers',
      /^CHECK .*: routes 192.0.2.2\/32 is missing; endpoints 10 was changed; prevResult does not have/,
    ),
  );
});

test('a DEL that fails keeps the address and can be repeated', async () => {
  const { node, pods, store } = bench();
  await pods.add(addRequest(1));
  node.faults.set('settle', new Error('map: EPERM'));
  const expected = fails('internal', /^DEL container container-1 eth0: map: EPERM$/);
  await assert.rejects(pods.del(delRequest(1)), expected);
  assert.equal(store.list().length, 1);
  node.faults.clear();
  await pods.del(delRequest(1));
  assert.deepEqual(store.list(), []);
});

test('operations of one container wait for each other, those of others do not', async () => {
  const { node, pods } = bench();
  const results = await Promise.allSettled([
    pods.add(addRequest(1)),
    pods.del(delRequest(1)),
    pods.add(addRequest(2)),
    pods.add(addRequest(1, '/run/netns/other')),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  assert.equal(pods.endpoints().length, 2);
  const ofFirst = node.trace.filter((line) => line.includes(hostIfName));
  assert.deepEqual(
    ofFirst.map((line) => line.split(' ')[0]),
    ['wire', 'settle', 'unwire', 'settle', 'wire', 'settle'],
  );
  const secondStarts = node.trace.indexOf('open /run/netns/cni-2');
  assert.ok(secondStarts < node.trace.indexOf(`unwire ${hostIfName}`));
});

const refusals: readonly [string, (node: FakeNode) => void, RegExp][] = [
  ['no pod ranges', (node) => node.ranges.splice(0), /this node has no pod ranges/],
  ['no uplink', (node) => Object.assign(node, { mtuBytes: undefined }), /the node has no uplink/],
];

for (const [name, prepare, text] of refusals) {
  test(`ADD asks to try later when there is ${name} yet`, async () => {
    const { node, pods, store } = bench();
    prepare(node);
    await assert.rejects(pods.add(addRequest(1)), fails('tryLater', text));
    assert.deepEqual([store.list(), node.links.size], [[], 0]);
  });
}

test('ADD asks to try later when the data path or the range is full', async () => {
  const { node, pods } = bench();
  await Promise.all([1, 2, 3, 4].map((number) => pods.add(addRequest(number))));
  await assert.rejects(pods.add(addRequest(5)), fails('tryLater', /no room for another endpoint/));
  await pods.del(delRequest(4));
  node.ranges = ['192.0.2.0/30'];
  await assert.rejects(
    pods.add(addRequest(5)),
    fails('noAddress', /none is free in 192.0.2.0\/30/),
  );
});

test('a link left without a record is taken away before the pod is made anew', async () => {
  const { node, pods } = bench();
  node.links.set(hostIfName, 7 as IfIndex);
  await pods.add(addRequest(1));
  assert.deepEqual(
    node.trace.map((line) => line.split(' ')[0]),
    ['open', 'taken', 'unwire', 'wire', 'settle', 'close'],
  );
});

test('a pod that has such an interface keeps it, with the link and without a record of it', async () => {
  const { node, pods, store } = bench();
  node.links.set(hostIfName, 7 as IfIndex);
  const { namespacePath } = addRequest(1);
  node.inPods.add(`${namespacePath}/eth0`);
  await assert.rejects(pods.add(addRequest(1)), fails('interfaceExists', /eth0/));
  assert.deepEqual([[...node.links], store.list()], [[[hostIfName, 7]], []]);
  assert.deepEqual(node.trace, [`open ${namespacePath}`, `taken ${hostIfName}`, 'close']);
});

test('what cannot be removed at the start is told and keeps its address', async () => {
  const { directory, store } = bench();
  store.reserve({ ...(await bench().pods.add(addRequest(1))) });
  const node = new FakeNode();
  const { hostIfIndex: _, ...reservation } = await bench().pods.add(addRequest(2));
  store.reserve(reservation);
  node.links.set(reservation.hostIfName, 8 as IfIndex);
  node.links.set(hostIfName, 99 as IfIndex);
  node.faults.set('unwire', new Error('link delete: EBUSY'));
  const restarted = bench(directory, node);
  assert.deepEqual(await restarted.pods.restore(), { live: 0, removed: [] });
  const problems = restarted.pods.problems().join('\n');
  assert.match(problems, /shop\/web-1 eth0: .* has index 99 in place of 10; it keeps/);
  assert.match(problems, /shop\/web-2 eth0: .* cannot be removed: link delete: EBUSY/);
  assert.equal(restarted.store.list().length, 2);
});

test('the runtime gets an answer whatever comes', async () => {
  const { pods } = bench();
  const answer = await answerCni(pods, silentLogger, Buffer.from('garbage'));
  assert.equal(answer.exitCode, 1);
  assert.match(answer.body, /^\{"cniVersion":"1.1.0","code":6,"msg":"request of the CNI/);
  const version = joinCall({
    environment: new Map([['CNI_COMMAND', 'VERSION']]),
    configuration: '{"cniVersion":"0.4.0"}',
  });
  assert.deepEqual(await answerCni(pods, silentLogger, version), {
    exitCode: 0,
    body: '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
  });
});

const web: PortMapping = {
  protocol: 'tcp',
  hostPort: 8080 as Port,
  containerPort: 80 as Port,
};
const at = (hostAddress: string): PortMapping => ({
  ...web,
  hostAddress: parseAddress(hostAddress),
});

const overlaps: readonly [string, PortMapping, PortMapping, boolean][] = [
  ['the same', web, { ...web, containerPort: 81 as Port }, true],
  ['another protocol', web, { ...web, protocol: 'udp' }, false],
  ['another port', web, { ...web, hostPort: 8081 as Port }, false],
  ['every address and one of them', web, at('198.51.100.1'), true],
  ['one address and every one', at('2001:db8::1'), web, true],
  ['two addresses', at('198.51.100.1'), at('198.51.100.2'), false],
  ['every IPv4 address and one of them', at('0.0.0.0'), at('198.51.100.1'), true],
  ['every IPv4 address and one of IPv6', at('0.0.0.0'), at('2001:db8::1'), false],
  ['every address of each family', at('0.0.0.0'), at('::'), false],
];

for (const [name, first, second, isTaken] of overlaps) {
  test(`host ports: ${name}: ${isTaken ? 'the second is refused' : 'both are had'}`, async () => {
    const { pods, store, directory, node } = bench();
    const { portMappings } = await pods.add({ ...addRequest(1), portMappings: [first] });
    assert.deepEqual(portMappings, [first]);
    const other = { ...addRequest(2), portMappings: [second] };
    if (!isTaken) {
      await pods.add(other);
    } else {
      const text = /^ADD shop\/web-2 eth0: host port tcp .*8080 is taken by shop\/web-1$/;
      await assert.rejects(pods.add(other), fails('hostPortTaken', text));
      assert.equal(store.list().length, 1);
      await assert.rejects(bench(directory, node).pods.add(other), fails('hostPortTaken', text));
      await pods.del(delRequest(1));
      await pods.add(other);
    }
  });
}

test('a host address of a family that the pod does not have is refused', async () => {
  const { node, pods } = bench();
  node.ranges = ['192.0.2.0/28'];
  await assert.rejects(
    pods.add({ ...addRequest(1), portMappings: [at('2001:db8::1')] }),
    fails('unsupportedField', /host port tcp 2001:db8::1 8080: the pod has no IPv6 address/),
  );
});
