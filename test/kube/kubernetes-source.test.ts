// The API server as a source of cluster state, with a real one: etcd and kube-apiserver, nothing simulated.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { KubeConfigCredentials } from '../../src/cluster/kubernetes/client/credentials.ts';
import type { KubernetesSettings } from '../../src/cluster/kubernetes/client/settings.ts';
import { KubernetesSource } from '../../src/cluster/kubernetes/kubernetes-source.ts';
import {
  clusterSourceSuite,
  follow,
  type Manifest,
  type SourceUnderTest,
} from '../support/cluster-source-suite.ts';
import { BareApiServer } from './api/bare-api-server.ts';
import { ApiObjects } from './api/objects.ts';
import { serviceAccountToken } from './api/service-account-token.ts';
import { eventually } from './cluster/wait.ts';

let server: BareApiServer;
let objects: ApiObjects;

before(
  async () => {
    server = await BareApiServer.start();
    objects = new ApiObjects(server.kubeconfig);
    await objects.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  },
  { timeout: 1_200_000 },
);

after(async () => {
  objects?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

function sourceOf(
  settings: Partial<KubernetesSettings> = {},
  lookAgainMs?: number,
): KubernetesSource {
  const { kubeconfig } = server;
  const credentials = new KubeConfigCredentials({ kubeconfig, apiServers: [], ...settings });
  return new KubernetesSource({ credentials, lookAgainMs });
}

const pod = (name: string, labels: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name, labels },
  spec: { nodeName: 'node-1', containers: [{ name: 'main' }] },
});

/** What is put is removed after the test. */
function recorded(): Omit<SourceUnderTest, 'source'> {
  const there = new Map<string, Manifest>();
  const keyOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;
  return {
    put: async (manifest) => {
      await objects.put(manifest);
      there.set(keyOf(manifest), manifest);
    },
    remove: async (manifest) => {
      await objects.remove(manifest);
      there.delete(keyOf(manifest));
    },
    [Symbol.asyncDispose]: async () => {
      for (const manifest of there.values()) await objects.remove(manifest);
    },
  };
}

clusterSourceSuite('an API server', async () => ({ ...recorded(), source: sourceOf() }));

test('at rest there are no requests except the open watches', async () => {
  const source = sourceOf();
  await using snapshots = follow(source);
  await snapshots.until(({ complete }) => complete);
  const total = (): number => source.state.requests.reduce((sum, { count }) => sum + count, 0);
  const before = total();
  // Each resource was listed and is watched, or about to be.
  assert.ok(before >= 6 && before <= 13, JSON.stringify(source.state.requests));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // Six lists, six watches, and one look for a resource that is not there.
  assert.equal(total(), 13);
});

test('slices of headless services and of other proxies are not even sent', async () => {
  await using store = recorded();
  const slice = (name: string, labels: object): Manifest & { addressType: string } => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'shop', name, labels },
    addressType: 'IPv4',
  });
  await store.put(slice('headless', { 'service.kubernetes.io/headless': '' }));
  await store.put(slice('foreign', { 'service.kubernetes.io/service-proxy-name': 'other' }));
  await store.put(slice('ours', { 'kubernetes.io/service-name': 'web' }));
  await using snapshots = follow(sourceOf());
  const { state } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual([...state.endpointSlices.keys()], ['shop/ours']);
});

test('an API server that restarts is watched from the same version', {
  timeout: 90_000,
}, async () => {
  await using store = recorded();
  await store.put(pod('web-1'));
  const source = sourceOf();
  await using snapshots = follow(source);
  const first = await snapshots.until(({ complete }) => complete);
  await server.stopApi();
  const refused = /127\.0\.0\.1:\d+: connection refused/;
  const lost = await snapshots.until(({ problems }) => refused.test(problems[0]?.text ?? ''));
  assert.equal(lost.problems[0]?.isSource, true);
  assert.equal(lost.state, first.state, 'nothing is lost with the connection');
  assert.equal(lost.complete, true);
  await server.startApi();
  await snapshots.until(({ problems }) => problems.length === 0);
  await store.put(pod('web-2'));
  const later = await snapshots.until(({ state }) => state.pods.size === 2);
  assert.equal(later.state.pods.get('shop/web-1'), first.state.pods.get('shop/web-1'));
});

test('expired history is listed again, without a moment in which existing pods are missing', {
  timeout: 120_000,
}, async () => {
  await using store = recorded();
  for (const name of ['web-1', 'web-2', 'web-3']) await store.put(pod(name));
  const source = sourceOf();
  await using snapshots = follow(source);
  const first = await snapshots.until(({ complete }) => complete);
  await server.stopApi();
  await changeUnseen(['web-2'], ['web-4']);
  await server.startApi();
  const seen: string[] = [];
  const last = await snapshots.until(({ state }) => {
    seen.push([...state.pods.keys()].sort().join(' '));
    return state.pods.has('shop/web-4') && !state.pods.has('shop/web-2');
  });
  for (const keys of seen) assert.match(keys, /web-1.*web-3/);
  assert.equal(last.state.pods.get('shop/web-1'), first.state.pods.get('shop/web-1'));
  assert.equal(last.state.nodes, first.state.nodes, 'what did not change is not even a new map');
  const pods = source.state.resources.find(({ resource }) => resource === 'pods');
  assert.equal(pods?.relists, 2, 'the second list says as well that web-2 is gone');
  await objects.remove(pod('web-4'));
  await objects.put(pod('web-2'));
});

// Through an API server on another port, and with etcd's history gone.
async function changeUnseen(removed: readonly string[], added: readonly string[]): Promise<void> {
  const port = await server.otherPort();
  await server.startApi(port);
  const url = `https://127.0.0.1:${port}`;
  {
    using elsewhere = new ApiObjects(server.kubeconfigFor({ url }));
    for (const name of removed) await elsewhere.remove(pod(name));
    for (const name of added) await elsewhere.put(pod(name));
  }
  await server.stopApi();
  await server.compact();
}

const policyResource = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'clusternetworkpolicies.policy.networking.k8s.io',
    // The API server demands it for groups of Kubernetes itself.
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: 'policy.networking.k8s.io',
    scope: 'Cluster',
    names: { kind: 'ClusterNetworkPolicy', plural: 'clusternetworkpolicies' },
    versions: [
      {
        name: 'v1alpha2',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
} as const;

test('cluster-wide policies are reported as not enforced, whenever they are added and deleted', {
  timeout: 60_000,
}, async () => {
  const policy: Manifest = {
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    kind: 'ClusterNetworkPolicy',
    metadata: { name: 'deny-all' },
  };
  const source = sourceOf({}, 200);
  await using snapshots = follow(source);
  const first = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(first.problems, [], 'a cluster without them is well');
  await objects.put(policyResource);
  // The API server serves a new resource a moment later.
  await eventually('the resource is served', () =>
    objects.put(policy).then(
      () => true,
      () => false,
    ),
  );
  const there = await snapshots.until(({ problems }) => problems.length > 0);
  assert.match(there.problems[0]?.text ?? '', /^ClusterNetworkPolicy deny-all: is not enforced/);
  await objects.remove(policyResource);
  await snapshots.until(({ problems }) => problems.length === 0);
});

const refusals: readonly [string, () => Partial<KubernetesSettings>, RegExp][] = [
  [
    'another CA',
    () => ({ kubeconfig: server.kubeconfigFor({ ca: 'other-ca.crt' }) }),
    /its certificate is not signed by the CA in the agent's credentials/,
  ],
  [
    'a name the certificate does not have',
    () => ({ tlsServerName: 'api.example.com' }),
    /its certificate is for another name .*tlsServerName/,
  ],
  [
    'an unknown token',
    () => ({ kubeconfig: server.kubeconfigFor({ token: 'wrong' }) }),
    /401 Unauthorized.*does not accept the agent's credentials/,
  ],
  [
    'a token without rights',
    () => ({ kubeconfig: server.kubeconfigFor({ token: 'nobody-token' }) }),
    /list nodes: 403 Forbidden: .*nodes is forbidden.*ClusterRole/,
  ],
  [
    'a kubeconfig that is not there',
    () => ({ kubeconfig: '/nowhere/config' }),
    /cluster\.kubernetes: \/nowhere\/config does not exist/,
  ],
];

for (const [what, settings, text] of refusals) {
  test(`${what} is reported in one sentence, and nothing is complete`, async () => {
    await using snapshots = follow(sourceOf(settings()));
    const { problems, complete } = await snapshots.until((snapshot) =>
      snapshot.problems.some((problem) => text.test(problem.text)),
    );
    assert.equal(complete, false);
    assert.match(problems[0]?.consequence ?? '', /no pod can start here/);
  });
}

test('an expired token is reported with its time; the next one is used as soon as it exists', async () => {
  const kubernetes = { namespace: 'shop', name: 'agent' };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: kubernetes } as const;
  await objects.put(account);
  const rights = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...kubernetes }],
  };
  await objects.put(rights);
  const path = '/api/v1/namespaces/shop/serviceaccounts/agent';
  const { metadata } = (await objects.get(path)) as { metadata: { uid: string } };
  const tokenFile = join(server.folder, 'agent-token');
  const write = (expires: Date): void => {
    const claims = { ...kubernetes, uid: metadata.uid, expires };
    writeFileSync(tokenFile, serviceAccountToken(server.signingKey, claims));
  };
  write(new Date('2026-01-02T03:04:05Z'));
  const source = sourceOf({ kubeconfig: server.kubeconfigFor({ tokenFile }) });
  await using snapshots = follow(source);
  const expired = /401 Unauthorized.*the agent's token expired at 2026-01-02T03:04:05\.000Z/;
  const { complete } = await snapshots.until(({ problems }) =>
    expired.test(problems[0]?.text ?? ''),
  );
  assert.equal(complete, false);
  write(new Date(Date.now() + 600_000));
  const { problems } = await snapshots.until((snapshot) => snapshot.complete);
  assert.deepEqual(problems, []);
});

test('of several addresses the first one that answers is used', async (context: TestContext) => {
  const dead = await server.otherPort();
  const source = sourceOf({ apiServers: [`https://127.0.0.1:${dead}`] });
  await using snapshots = follow(source);
  const { problems } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(problems, []);
  assert.equal(source.state.connection.server, server.url);
  context.diagnostic(source.name);
});
