import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ClusterNode } from '../objects.ts';
import type { ApiRequest } from './client/api-client.ts';
import { ApiError } from './client/api-error.ts';
import { OwnNodeWriter } from './own-node.ts';

const facts = { 'node.heddle.dev/mode': 'vxlan' };
const startupTaint = 'node.heddle.dev/agent-not-ready';
const node: ClusterNode = {
  name: 'node-1',
  uid: 'u1',
  labels: {},
  annotations: {},
  podCidrs: [],
  addresses: [],
};
const tainted: ClusterNode = {
  ...node,
  annotations: facts,
  taints: [
    { key: 'other', effect: 'NoSchedule' },
    { key: startupTaint, effect: 'NoExecute' },
  ],
};

interface Scene {
  readonly own: OwnNodeWriter;
  readonly requests: ApiRequest[];
  answer: () => Error | undefined;
  /** Resolves after this number of requests. */
  until(count: number): Promise<void>;
}

// Waits of zero length: retried-write.test.ts tests their length.
const times = { firstMs: 1, transientMs: 1, refusedMs: 1 };

function ownNode(context: TestContext): Scene {
  const requests: ApiRequest[] = [];
  const stop = new AbortController();
  context.after(() => stop.abort());
  let wake = (): void => undefined;
  const scene: Pick<Scene, 'answer'> = { answer: () => undefined };
  const client = {
    onRecovered: () => () => undefined,
    async json(request: ApiRequest) {
      requests.push(request);
      wake();
      const error = scene.answer();
      if (error !== undefined) throw error;
      return {};
    },
  };
  const own = new OwnNodeWriter({ client, facts, startupTaint, signal: stop.signal, times });
  const until = async (count: number): Promise<void> => {
    while (requests.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return Object.assign(scene, { own, requests, until });
}

test('annotations are written if they differ, by server-side apply, and never to another Node of the name', async (context) => {
  const { own, requests, until } = ownNode(context);
  own.settle(node, { isReady: false });
  await until(1);
  const [request] = requests;
  assert.equal(request?.path, '/api/v1/nodes/node-1?fieldManager=heddle&force=true');
  assert.equal(request?.contentType, 'application/apply-patch+yaml');
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', uid: 'u1', annotations: facts },
  });
});

test('nothing is written to a Node that is up to date', (context) => {
  const { own, requests } = ownNode(context);
  own.settle({ ...node, annotations: { ...facts, other: 'x' } }, { isReady: true });
  assert.deepEqual(requests, []);
});

test('the start-up taint is removed when the agent is ready, and no other taint', async (context) => {
  const { own, requests, until } = ownNode(context);
  own.settle(tainted, { isReady: false });
  assert.equal(requests.length, 0);
  own.settle(tainted, { isReady: true });
  await until(1);
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), [
    { op: 'test', path: '/spec/taints/1/key', value: startupTaint },
    { op: 'remove', path: '/spec/taints/1' },
  ]);
});

test('a refusal of the annotations delays neither the taint nor later attempts, and is reported while it lasts', async (context) => {
  const scene = ownNode(context);
  const message = "ValidatingAdmissionPolicy 'heddle-own-node' with binding 'x' denied request: no";
  const refusal = new ApiError({
    request: 'patch nodes',
    status: 403,
    reason: 'Forbidden',
    message,
  });
  scene.answer = () =>
    scene.requests.at(-1)?.contentType?.includes('apply') ? refusal : undefined;
  const both = { ...tainted, annotations: {} };
  scene.own.settle(both, { isReady: true });
  await scene.until(4);
  const types = new Set(scene.requests.map(({ contentType }) => contentType));
  assert.equal(types.size, 2);
  assert.equal(scene.own.problems.length, 1);
  assert.match(
    scene.own.problems[0] ?? '',
    /^own Node not annotated: patch nodes: 403 Forbidden: .*apply the manifests of this version again/,
  );
  scene.own.settle({ ...node, annotations: facts }, { isReady: true });
  assert.deepEqual(scene.own.problems, []);
});

test('a deleted Node is not written to', async (context) => {
  const { own, requests, until } = ownNode(context);
  own.settle(node, { isReady: false });
  await until(1);
  own.settle(undefined, { isReady: false });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(requests.length <= 2);
});
