import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinCall } from '../../test/support/join-call.ts';
import {
  addRequest,
  bench,
  delRequest,
  FakeNode,
  fails,
  hostIfName,
  type Step,
} from '../../test/support/pods-bench.ts';
import { silentLogger } from '../../test/support/silent-logger.ts';
import { textsOf } from '../../test/support/texts-of.ts';
import { answerCni } from '../agent/server/cni.ts';
import type { cniErrorCode } from '../cni/error.ts';
import type { EndpointId } from '../model/endpoint.ts';
import type { IfIndex } from '../net/if-index.ts';

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
    // The fault ends: undoing settles too.
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

test('an interface that cannot be undone stays recorded, is reported, and is removed with DEL', async () => {
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

test('a failing DEL keeps the address and can be repeated', async () => {
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

const refusals: readonly [string, (node: FakeNode) => void, RegExp][] = [
  ['no pod ranges', (node) => node.ranges.splice(0), /this node has no pod ranges/],
  ['no uplink', (node) => Object.assign(node, { mtuBytes: undefined }), /the node has no uplink/],
];

for (const [name, prepare, text] of refusals) {
  test(`ADD returns "try again later" when there is ${name} yet`, async () => {
    const { node, pods, store } = bench();
    prepare(node);
    await assert.rejects(pods.add(addRequest(1)), fails('tryLater', text));
    assert.deepEqual([store.list(), node.links.size], [[], 0]);
  });
}

test('ADD returns "try again later" when the data path or the range is full', async () => {
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

test('an interface that cannot be removed at the start is reported and keeps its address', async () => {
  const { directory, store } = bench();
  store.reserve({ ...(await bench().pods.add(addRequest(1))) });
  const node = new FakeNode();
  const { hostIfIndex: _, ...reservation } = await bench().pods.add(addRequest(2));
  store.reserve({ ...reservation, id: 2 as EndpointId });
  node.links.set(reservation.hostIfName, 8 as IfIndex);
  node.links.set(hostIfName, 99 as IfIndex);
  node.faults.set('unwire', new Error('link delete: EBUSY'));
  const restarted = bench(directory, node);
  assert.deepEqual(await restarted.pods.restore(), { live: 0, removed: [] });
  const problems = textsOf(restarted.pods.problems());
  assert.match(problems, /shop\/web-1 eth0: .* has index 99 instead of 10; it keeps/);
  assert.match(problems, /shop\/web-2 eth0: .* cannot be removed: link delete: EBUSY/);
  assert.equal(restarted.store.list().length, 2);
});

test('an endpoint with a recreated record is reported and fails CHECK until it is added again', async () => {
  const { node, pods, store, directory } = bench();
  const { mac, addresses, ...endpoint } = await pods.add(addRequest(1));
  store.restore({ ...endpoint, mac, addresses, isRecovered: true });
  const { kind: _, pod: __, ...common } = addRequest(1);
  const interfaces = [{ name: 'eth0', mac, sandbox: common.namespacePath }];
  const request = { ...common, kind: 'check', previous: { interfaces, addresses } } as const;
  // The next agent, and the one after it.
  for (let restart = 0; restart < 2; restart++) {
    const restarted = bench(directory, node);
    await restarted.pods.restore();
    const text = new RegExp(`record of interface ${hostIfName} was lost.* limits and host ports`);
    assert.match(textsOf(restarted.pods.problems()), text);
    assert.deepEqual(
      restarted.pods.problems().map(({ kind, subject }) => [kind, subject]),
      [['endpoint-recovered', hostIfName]],
    );
    await assert.rejects(restarted.pods.check(request), fails('endpointDiffers', text));
    if (restart === 0) continue;
    await restarted.pods.del(delRequest(1));
    assert.deepEqual(restarted.pods.problems(), []);
    node.inPods.clear();
    const added = await restarted.pods.add(addRequest(1));
    await restarted.pods.check({
      ...request,
      previous: { interfaces, addresses: added.addresses },
    });
    assert.deepEqual(restarted.pods.problems(), []);
  }
});

test('the runtime gets an answer to any request', async () => {
  const { pods } = bench();
  const { answer } = await answerCni(pods, silentLogger, Buffer.from('garbage'));
  assert.equal(answer.exitCode, 1);
  assert.match(answer.body, /^\{"cniVersion":"1.1.0","code":6,"msg":"request of the CNI/);
  const version = joinCall({
    environment: new Map([['CNI_COMMAND', 'VERSION']]),
    configuration: '{"cniVersion":"0.4.0"}',
  });
  assert.deepEqual((await answerCni(pods, silentLogger, version)).answer, {
    exitCode: 0,
    body: '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
  });
});
