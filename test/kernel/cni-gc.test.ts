// GC, STATUS, fixed addresses and the cool-down, with real links and records on disk.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  assertFails,
  footprint,
  makeNode,
  makePod,
  type TestNode,
  type TestPod,
} from '../support/cni-node.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const done = { exitCode: 0, json: undefined };
const listOf = (...pods: readonly TestPod[]) => ({
  'cni.dev/valid-attachments': pods.map(({ containerId }) => ({
    containerID: containerId,
    ifname: 'eth0',
  })),
});

async function add(node: TestNode, pod: TestPod, name = 'heddle'): Promise<void> {
  const { exitCode, json } = await node.call('ADD', pod, { name });
  assert.equal(exitCode, 0, JSON.stringify(json));
}

rootTest('GC removes only unlisted endpoints of its own network', async (context) => {
  const node = makeNode(context);
  const before = footprint(node);
  const [kept, stale, gone, other] = [1, 2, 3, 4].map(() => makePod(context)) as [
    TestPod,
    TestPod,
    TestPod,
    TestPod,
  ];
  for (const pod of [kept, stale, gone]) await add(node, pod);
  await add(node, other, 'blue');
  gone.end();
  const left = () => node.pods.endpoints().map(({ containerId }) => containerId);
  assert.deepEqual(await node.call('GC', kept), done, 'without a list nothing is stale');
  assert.equal(left().length, 4);
  for (let run = 0; run < 2; run++) {
    assert.deepEqual(await node.call('GC', kept, listOf(kept)), done);
    assert.deepEqual(left(), [kept.containerId, other.containerId]);
  }
  runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', '10.201.1.2');
  assert.equal(runIn(stale.namespace, 'ip', '-o', 'link', 'show', 'type', 'veth'), '');
  assert.deepEqual(await node.call('GC', kept, listOf()), done);
  assert.deepEqual(await node.call('GC', kept, { ...listOf(), name: 'blue' }), done);
  for (const pod of [kept, stale, other]) pod.end();
  assert.deepEqual(footprint(node), before);
});

rootTest(
  'GC continues after an error, reports it, and completes the next time',
  async (context) => {
    const node = makeNode(context);
    const pods = [1, 2, 3].map(() => makePod(context));
    for (const pod of pods) await add(node, pod);
    const [first, second, third] = pods.map(({ containerId }) => containerId);
    node.failSettle(() => new Error('routes: ENOBUFS'));
    const answer = await node.call('GC', pods[0] as TestPod, listOf());
    assertFails(answer, 999, new RegExp(`^GC shop/${first} eth0: routes: ENOBUFS$`));
    const records = node.store.list().map(({ containerId }) => containerId);
    assert.deepEqual(records, [first], `${second} and ${third} are gone all the same`);
    assert.deepEqual(await node.call('GC', pods[0] as TestPod, listOf()), done);
    assert.deepEqual(node.store.list(), []);
  },
);

rootTest(
  'STATUS is silent while pods can be added, otherwise 50 with the reason',
  async (context) => {
    const ranges = ['10.201.1.0/29'];
    const node = makeNode(context, ranges, 60_000);
    const pods = Array.from({ length: 5 }, () => makePod(context));
    const probe = makePod(context);
    assert.deepEqual(await node.call('STATUS', probe), done);
    for (const pod of pods) await add(node, pod);
    const full =
      /^STATUS: no pod can be added: allocate an IPv4 address: none is free in 10.201.1.0/;
    assertFails(await node.call('STATUS', probe), 50, full);
    assertFails(
      await node.call('ADD', probe),
      102,
      /none is free in 10.201.1.0\/29 \(5 for pods\)$/,
    );
    ranges.push('10.201.2.0/24');
    assert.deepEqual(await node.call('STATUS', probe), done);
    await add(node, probe);
    ranges.length = 0;
    assertFails(await node.call('STATUS', probe), 50, /this node has no pod ranges/);
  },
);

rootTest('a pod gets the addresses and the MAC that it requests, or a reason', async (context) => {
  const node = makeNode(context);
  const pod = makePod(context);
  const runtimeConfig = {
    ips: ['10.201.1.77/24', 'fd00:201:1::77'],
    mac: '02:00:5E:10:00:77',
    aliases: { heddle: ['web'] },
    'io.kubernetes.cri.pod-annotations': { team: 'shop' },
  };
  const added = await node.call('ADD', pod, { runtimeConfig });
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  assert.equal((await node.call('CHECK', pod, { prevResult: added.json })).exitCode, 0);
  const shown = runIn(pod.namespace, 'ip', '-o', 'address', 'show', 'dev', 'eth0');
  assert.match(shown, /10\.201\.1\.77\/32/);
  assert.match(shown, /fd00:201:1::77\/128/);
  assert.match(runIn(pod.namespace, 'ip', 'link', 'show', 'eth0'), /02:00:5e:10:00:77/);
  for (const address of ['10.201.1.77', 'fd00:201:1::77']) {
    runIn(node.namespace, 'busybox', 'ping', '-c1', '-W1', address);
  }
  const second = makePod(context);
  const before = footprint(node);
  const refused: readonly [object, number, RegExp][] = [
    [{ ips: ['10.201.1.77'] }, 11, /10.201.1.77: another pod on this node has this address$/],
    [{ ips: ['10.201.9.9'] }, 7, /10.201.9.9: is in no pod range of this node/],
    [{ ips: ['10.201.1.1'] }, 7, /10.201.1.1: cannot be used by a pod/],
    [{ ips: ['10.201.1.201'] }, 7, /is in 10.201.1.200\/30 of ipam.excludedCidrs$/],
    [{ mac: '02:68:65:64:64:6c' }, 7, /this is the gateway's MAC in every pod$/],
  ];
  for (const [wrong, code, text] of refused) {
    assertFails(await node.call('ADD', second, { runtimeConfig: wrong }), code, text);
  }
  assert.deepEqual(footprint(node), before);
  const environment = { CNI_ARGS: 'IgnoreUnknown=1;IP=10.201.1.78;MAC=02:00:5e:10:00:78' };
  assert.equal((await node.call('ADD', second, { environment })).exitCode, 0);
  const [, endpoint] = node.pods.endpoints();
  assert.deepEqual(endpoint?.addresses, ['10.201.1.78', 'fd00:201:1::2']);
  assert.equal(endpoint.mac, '02:00:5e:10:00:78');
});

rootTest(
  'a freed address is not reused while others are free, also after a restart',
  async (context) => {
    // .2 to .6
    const node = makeNode(context, ['10.201.1.0/29'], 60_000);
    const pods = Array.from({ length: 6 }, () => makePod(context));
    const given = async (index: number): Promise<string> => {
      const { json } = await node.call('ADD', pods[index] as TestPod);
      return String((json as { ips: { address: string }[] }).ips[0]?.address);
    };
    for (const [index, last] of [2, 3, 4].entries()) {
      assert.equal(await given(index), `10.201.1.${last}/32`);
    }
    for (const index of [1, 0]) await node.call('DEL', pods[index] as TestPod);
    const file = path.join(node.directory, 'released-addresses');
    assert.match(readFileSync(file, 'utf8'), /^([0-9a-f-]{36} \d+ 10\.201\.1\.[23]\n){2}$/);
    const restarted = await node.restart();
    const request = (index: number) => {
      const { containerId, path: namespacePath } = pods[index] as TestPod;
      const fields = { containerId, namespacePath, ifName: 'eth0', network: 'heddle' };
      return { version: '1.1.0', ...fields } as const;
    };
    const added: unknown[] = [];
    for (const index of [0, 1, 3, 4]) {
      added.push(...(await restarted.add({ kind: 'add', ...request(index) })).addresses);
    }
    // The free addresses, then the one that has cooled longest.
    assert.deepEqual(
      added,
      [5, 6, 3, 2].map((last) => `10.201.1.${last}`),
    );
    await assert.rejects(restarted.add({ kind: 'add', ...request(5) }), /none is free in/);
    for (const index of [0, 1, 2, 3, 4]) await restarted.del({ kind: 'del', ...request(index) });
  },
);
