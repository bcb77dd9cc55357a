// An agent is killed before each single step of ADD and DEL that changes anything on disk or in the kernel: the
// runtime's next requests restore order, whichever step it was.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { VethWiring } from '../../src/pods/interface/veth-wiring.ts';
import {
  call,
  makeNode,
  makePod,
  type TestNode,
  type TestPod,
  waitUntil,
} from '../support/cni-node.ts';
import { rootTest } from '../support/root-test.ts';

const program = fileURLToPath(new URL('./programs/mortal-agent.js', import.meta.url));

interface Steps {
  readonly ofAdd: number;
  readonly ofBoth: number;
}

/** Undefined if it died at that step. */
function runUntil(step: number, node: TestNode, pod: TestPod): Promise<Steps | undefined> {
  const nodePath = `/proc/${process.pid}/fd/${node.namespace.fd}`;
  const words = [program, String(step), nodePath, node.directory, pod.path];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Steps);
      else if (error.signal === 'SIGKILL') resolve(undefined);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

/** The state that a new agent finds, which contains no half of anything. */
async function restarted(node: TestNode): Promise<TestNode['pods']> {
  // It deletes the interfaces that a DEL has left for later.
  using _ = new VethWiring(node.namespace.duplicate());
  const pods = await node.restart();
  const live = pods.endpoints().length;
  const stale = pods.problems().length;
  assert.equal(readdirSync(node.directory).length, live + stale);
  await waitUntil(() => listLinks(node.socket).length === 1 + live);
  return pods;
}

async function bringInOrder(step: number, node: TestNode, pod: TestPod): Promise<void> {
  const pods = await restarted(node);
  // The runtime has no answer: it deletes, and tries again.
  for (const verb of ['DEL', 'ADD', 'DEL']) {
    const { exitCode, json } = await call(pods, verb, pod);
    assert.equal(exitCode, 0, `${verb} after death before step ${step}: ${JSON.stringify(json)}`);
    const [endpoint] = pods.endpoints();
    assert.equal(endpoint?.addresses.length, verb === 'ADD' ? 2 : undefined);
  }
  assert.deepEqual([pods.endpoints(), pods.problems()], [[], []]);
  assert.deepEqual(readdirSync(node.directory), []);
  assert.deepEqual(
    listLinks(node.socket).map(({ name }) => name),
    ['lo'],
  );
}

rootTest('an agent killed before any step of ADD or DEL leaves nothing', async (context) => {
  const node = makeNode(context);
  const pod = { ...makePod(context), containerId: 'mortal' };
  const steps = await runUntil(Number.POSITIVE_INFINITY, node, pod);
  assert(steps !== undefined);
  assert.ok(steps.ofAdd >= 20 && steps.ofBoth > steps.ofAdd + 3, JSON.stringify(steps));
  await bringInOrder(steps.ofBoth, node, pod);
  for (let step = 0; step < steps.ofBoth; step++) {
    assert.equal(await runUntil(step, node, pod), undefined, `step ${step}`);
    await bringInOrder(step, node, pod);
  }
  context.diagnostic(`killed before each of ${steps.ofAdd} steps of ADD, ${steps.ofBoth} in all`);
});
