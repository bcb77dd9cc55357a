import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterNode } from '../objects.ts';
import type { ApiRequest } from './api-client.ts';
import { OwnNode } from './own-node.ts';

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

function ownNode(): { readonly own: OwnNode; readonly requests: ApiRequest[] } {
  const requests: ApiRequest[] = [];
  const client = {
    async json(request: ApiRequest) {
      requests.push(request);
      return {};
    },
  };
  const { signal } = new AbortController();
  return { own: new OwnNode({ client, facts, startupTaint, signal }), requests };
}

test('facts are written when they differ, by server-side apply, and never for another Node of the name', async () => {
  const { own, requests } = ownNode();
  await own.settle(node, { isReady: false });
  const [request] = requests;
  assert.equal(request?.path, '/api/v1/nodes/node-1?fieldManager=heddle&force=true');
  assert.equal(request?.contentType, 'application/apply-patch+yaml');
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', uid: 'u1', annotations: facts },
  });
});

test('nothing is written to a Node that says all already', async () => {
  const { own, requests } = ownNode();
  await own.settle({ ...node, annotations: { ...facts, other: 'x' } }, { isReady: true });
  assert.deepEqual(requests, []);
});

test('the start-up taint goes when the agent is ready, and no other does', async () => {
  const { own, requests } = ownNode();
  await own.settle(tainted, { isReady: false });
  assert.equal(requests.length, 0);
  await own.settle(tainted, { isReady: true });
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), [
    { op: 'test', path: '/spec/taints/1/key', value: startupTaint },
    { op: 'remove', path: '/spec/taints/1' },
  ]);
});

test('one write at a time', async () => {
  const { own, requests } = ownNode();
  await Promise.all([own.settle(node, { isReady: true }), own.settle(node, { isReady: true })]);
  assert.equal(requests.length, 1);
});
