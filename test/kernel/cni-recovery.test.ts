// The remains of a pod when a step of ADD fails, when the agent restarts, and when its interface is deleted.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { hostIfNameOf } from '../../src/pods/records/record.ts';
import {
  assertFails,
  call,
  footprint,
  makeNode,
  makePod,
  type TestNode,
  type TestPod,
  waitUntil,
} from '../support/cni-node.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { textsOf } from '../support/texts-of.ts';

/** Makes one step of ADD fail; `text` is the error that the runtime gets. */
interface Fault {
  readonly step: string;
  /** 5 is input/output, 999 anything without its own code. */
  readonly code: 5 | 999;
  prepare(node: TestNode, pod: TestPod): void;
  readonly text: RegExp;
}

const faults: readonly Fault[] = [
  {
    step: 'the reservation cannot be written',
    code: 5,
    prepare: ({ directory }, pod) => mkdirSync(path.join(directory, temporaryOf(pod))),
    text: /EISDIR/,
  },
  {
    step: 'the wiring fails at its last request',
    code: 999,
    prepare: (_, { namespace }) => {
      runIn(namespace, 'ip', 'link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'end');
      runIn(namespace, 'ip', 'link', 'set', 'other', 'up');
      runIn(namespace, 'ip', '-6', 'route', 'add', 'default', 'dev', 'other');
    },
    text: /route add ::\/0 via fe80::1.*: EEXIST/,
  },
  {
    step: 'the data path refuses it',
    code: 999,
    prepare: (node) => node.failSettle(() => new Error('routes: no room')),
    text: /ADD .*: routes: no room/,
  },
  {
    step: 'its interface is renamed, and the data path refuses it',
    code: 999,
    prepare: (node, { containerId }) =>
      node.failSettle(() => {
        const name = hostIfNameOf({ containerId, ifName: 'eth0' });
        runIn(node.namespace, 'ip', 'link', 'set', name, 'name', 'ens5');
        return new Error('sysctls: not there');
      }),
    text: /ADD .*: sysctls: not there/,
  },
  {
    step: 'the finished record cannot be written',
    code: 5,
    prepare: (node, pod) =>
      node.failSettle(() => {
        rmSync(path.join(node.directory, recordOf(pod)));
        mkdirSync(path.join(node.directory, temporaryOf(pod)));
        return undefined;
      }),
    text: /endpoint record .*EISDIR/,
  },
];

function recordOf({ containerId }: TestPod): string {
  return `${hostIfNameOf({ containerId, ifName: 'eth0' })}.json`;
}

function temporaryOf(pod: TestPod): string {
  return `${recordOf(pod)}.tmp`;
}

for (const { step, code, prepare: arm, text } of faults) {
  rootTest(`an ADD leaves nothing when ${step}`, async (context) => {
    const node = makeNode(context);
    const pod = makePod(context);
    arm(node, pod);
    const before = footprint(node);
    assertFails(await node.call('ADD', pod), code, text);
    const after = footprint(node);
    rmSync(path.join(node.directory, temporaryOf(pod)), { recursive: true, force: true });
    assert.deepEqual({ ...after, records: [] }, { ...before, records: [] });
    assert.deepEqual(readdirSync(node.directory), []);
    assert.equal((await node.call('DEL', pod)).exitCode, 0);
  });
}

rootTest('a restart finds live, incomplete, stale and deleted endpoints', async (context) => {
  const node = makeNode(context);
  const [live, halfBuilt, stale, vanished] = [1, 2, 3, 4].map(() => makePod(context));
  assert.ok(live && halfBuilt && stale && vanished);
  for (const pod of [live, halfBuilt, stale, vanished]) await node.call('ADD', pod);
  const records = new Map(node.pods.endpoints().map((entry) => [entry.containerId, entry]));
  const { hostIfIndex: _, ...reservation } = records.get(halfBuilt.containerId) ?? assert.fail();
  node.store.remove(reservation.hostIfName);
  node.store.reserve(reservation);
  runIn(stale.namespace, 'ip', 'link', 'delete', 'eth0');
  vanished.end();
  await waitUntil(() => listLinks(node.socket).length === 3);

  const restarted = await node.restart();
  assert.deepEqual(restarted.endpoints(), [records.get(live.containerId)]);
  assert.match(
    textsOf(restarted.problems()),
    new RegExp(`${stale.containerId} eth0: .* is missing; it`),
  );
  assert.equal(restarted.problems().length, 1);
  assert.equal(listLinks(node.socket).length, 2, 'loopback and the live endpoint');
  assert.equal(readdirSync(node.directory).length, 2);

  // A stale endpoint can be deleted and added again, like any other.
  const environment = { CNI_NETNS: '' };
  assert.equal((await call(restarted, 'DEL', stale, { environment })).exitCode, 0);
  assert.deepEqual(restarted.problems(), []);
  const added = await call(restarted, 'ADD', stale);
  assert.equal(added.exitCode, 0, JSON.stringify(added.json));
  // The address follows the newest one from before the restart; it is not the first free one.
  assert.match(JSON.stringify(added.json), /10.201.1.6\/32/);
});

rootTest(
  'a container whose namespace was recreated without DEL is added again',
  async (context) => {
    const node = makeNode(context);
    const first = makePod(context);
    await node.call('ADD', first);
    const second = { ...makePod(context), containerId: first.containerId };
    const added = await node.call('ADD', second);
    assert.equal(added.exitCode, 0, JSON.stringify(added.json));
    assert.equal(node.pods.endpoints().length, 1);
    assert.doesNotMatch(runIn(first.namespace, 'ip', '-o', 'link'), /eth0/);
    assert.match(runIn(second.namespace, 'ip', '-o', 'link'), /eth0/);
  },
);

rootTest(
  'an endpoint whose interface is deleted is removed from the data path',
  async (context) => {
    const node = makeNode(context);
    const pod = makePod(context);
    await node.call('ADD', pod);
    const ifIndex = node.pods.endpoints()[0]?.hostIfIndex ?? assert.fail();
    assert.equal(node.pods.noticeLinkGone(ifIndex), false, 'it is still there');
    runIn(pod.namespace, 'ip', 'link', 'delete', 'eth0');
    assert.equal(node.pods.noticeLinkGone(ifIndex), true);
    assert.deepEqual(node.pods.endpoints(), []);
    assert.equal(node.pods.problems().length, 1);
    assertFails(
      await node.call('CHECK', pod, { prevResult: {} }),
      100,
      /its interface hd.* is missing/,
    );
    assert.equal((await node.call('DEL', pod)).exitCode, 0);
    assert.deepEqual([node.pods.problems(), readdirSync(node.directory)], [[], []]);
  },
);
