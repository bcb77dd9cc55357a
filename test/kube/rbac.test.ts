// What an agent may ask of the API server: its own token, used by hand, gets what the agent needs and nothing else.

import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { type AgentPod, agentPods, ask, type KubeRequest, tokenIn } from './agent-requests.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';

type Row = readonly [what: string, request: KubeRequest, more?: RegExp];

const get = (path: string): KubeRequest => ({ method: 'GET', path });
const change = (method: KubeRequest['method'], path: string, body: unknown = {}): KubeRequest => ({
  method,
  // Nothing comes of it even where it is allowed.
  path: `${path}${path.includes('?') ? '&' : '?'}dryRun=All`,
  body,
});

const core = '/api/v1';
const system = `${core}/namespaces/kube-system`;
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const apps = '/apis/apps/v1/namespaces/kube-system/daemonsets';
const discovery = '/apis/discovery.k8s.io/v1';
const networking = '/apis/networking.k8s.io/v1';
const admission = '/apis/admissionregistration.k8s.io/v1';

const watched = [
  ...['nodes', 'namespaces', 'pods', 'services'].map((name) => `${core}/${name}`),
  `${discovery}/endpointslices`,
  `${networking}/networkpolicies`,
];

const facts = (
  node: string,
  annotations: object = { 'node.heddle.dev/mode': 'native' },
): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: node, annotations },
});
const annotated = (node: string, annotations?: object): KubeRequest => ({
  ...change(
    'PATCH',
    `${core}/nodes/${node}?fieldManager=heddle&force=true`,
    facts(node, annotations),
  ),
  isApply: true,
});

function refusedByRole({ name: pod, node: own }: AgentPod, other: string): readonly Row[] {
  return [
    ['list secrets', get(`${core}/secrets`)],
    ['list secrets of its namespace', get(`${system}/secrets`)],
    ['get a secret', get(`${system}/secrets/any`)],
    ['list configmaps', get(`${core}/configmaps`)],
    ['get its own configmap', get(`${system}/configmaps/heddle-config`)],
    ['list service accounts', get(`${core}/serviceaccounts`)],
    ['make a token', change('POST', `${system}/serviceaccounts/heddle/token`)],
    ['list persistent volumes', get(`${core}/persistentvolumes`)],
    ['exec in its own pod', change('POST', `${system}/pods/${pod}/exec?command=id`)],
    ['exec by GET', get(`${system}/pods/${pod}/exec?command=id`)],
    ['attach', change('POST', `${system}/pods/${pod}/attach`)],
    ['forward a port', change('POST', `${system}/pods/${pod}/portforward`)],
    ['read a log', get(`${system}/pods/${pod}/log`)],
    ['get a pod', get(`${system}/pods/${pod}`)],
    ['create a pod', change('POST', `${system}/pods`)],
    ['change a pod', change('PATCH', `${system}/pods/${pod}`)],
    ["change a pod's status", change('PATCH', `${system}/pods/${pod}/status`)],
    ['add a debugging container', change('PATCH', `${system}/pods/${pod}/ephemeralcontainers`)],
    ['evict a pod', change('POST', `${system}/pods/${pod}/eviction`)],
    ['bind a pod', change('POST', `${system}/pods/${pod}/binding`)],
    ['delete its own pod', change('DELETE', `${system}/pods/${pod}`)],
    ['delete all pods', change('DELETE', `${core}/namespaces/default/pods`)],
    ['get its own node', get(`${core}/nodes/${own}`)],
    ["change its node's status", change('PATCH', `${core}/nodes/${own}/status`)],
    ['replace its own node', change('PUT', `${core}/nodes/${own}`)],
    ['delete its own node', change('DELETE', `${core}/nodes/${own}`)],
    ['delete another node', change('DELETE', `${core}/nodes/${other}`)],
    ['delete all nodes', change('DELETE', `${core}/nodes`)],
    ['create a node', change('POST', `${core}/nodes`, facts('node-99'))],
    ['make a node by apply', annotated('node-99')],
    ["reach a kubelet through its node's proxy", get(`${core}/nodes/${own}/proxy/pods`)],
    ['create a namespace', change('POST', `${core}/namespaces`)],
    ['delete a namespace', change('DELETE', `${core}/namespaces/default`)],
    ['create a service', change('POST', `${core}/namespaces/default/services`)],
    ['change a service', change('PATCH', `${core}/namespaces/default/services/kubernetes`)],
    ['change slices', change('PATCH', `${discovery}/namespaces/default/endpointslices/kubernetes`)],
    ['create a policy', change('POST', `${networking}/namespaces/default/networkpolicies`)],
    ['delete all policies', change('DELETE', `${networking}/namespaces/default/networkpolicies`)],
    ['list events', get(`${core}/events`)],
    ['delete events', change('DELETE', `${core}/namespaces/default/events`)],
    [
      'create events of the other group',
      change('POST', '/apis/events.k8s.io/v1/namespaces/default/events'),
    ],
    ['list its own DaemonSet', get(apps)],
    ['change its own DaemonSet', change('PATCH', `${apps}/heddle`)],
    ['list cluster roles', get(`${rbac}/clusterroles`)],
    ['change its own cluster role', change('PATCH', `${rbac}/clusterroles/heddle`)],
    ['bind a cluster role', change('POST', `${rbac}/clusterrolebindings`)],
    [
      'switch its policy off',
      change('DELETE', `${admission}/validatingadmissionpolicies/heddle-own-node`),
    ],
    ['make a webhook', change('POST', `${admission}/mutatingwebhookconfigurations`)],
    [
      'define a resource',
      change('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'),
    ],
    ['list leases', get('/apis/coordination.k8s.io/v1/leases')],
    [
      'ask for a certificate',
      change('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests'),
    ],
    ['review a token', change('POST', '/apis/authentication.k8s.io/v1/tokenreviews')],
    ['review who may what', change('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews')],
    ['be another user', { ...get(`${core}/nodes`), headers: ['Impersonate-User: admin'] }],
    [
      'be in another group',
      {
        ...get(`${core}/nodes`),
        headers: [
          'Impersonate-User: system:serviceaccount:kube-system:heddle',
          'Impersonate-Group: system:masters',
        ],
      },
    ],
    ["read the API server's metrics", get('/metrics')],
    ["read the API server's logs", get('/logs/')],
  ];
}

function refusedByPolicy(own: string, other: string): readonly Row[] {
  const path = `${core}/nodes/${own}`;
  const alone = /no Node but the one it runs on/;
  const nothingElse = /may change nothing of its Node but/;
  const taints = /may remove its start-up taint, and change no other/;
  return [
    ["apply another node's facts", annotated(other), alone],
    [
      'label another node',
      change('PATCH', `${core}/nodes/${other}`, { metadata: { labels: { a: 'b' } } }),
      alone,
    ],
    [
      'label its own node',
      change('PATCH', path, { metadata: { labels: { a: 'b' } } }),
      nothingElse,
    ],
    [
      'make itself a control plane',
      change('PATCH', path, {
        metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } },
      }),
      nothingElse,
    ],
    [
      'take a label away',
      change('PATCH', path, { metadata: { labels: { 'kubernetes.io/hostname': null } } }),
      nothingElse,
    ],
    [
      'keep its node from being deleted',
      change('PATCH', path, { metadata: { finalizers: ['example.com/a'] } }),
      nothingElse,
    ],
    ['cordon its own node', change('PATCH', path, { spec: { unschedulable: true } }), nothingElse],
    [
      'say who provides its node',
      change('PATCH', path, { spec: { providerID: 'other://1' } }),
      nothingElse,
    ],
    [
      'write an annotation of others',
      annotated(own, { 'example.com/a': 'b' }),
      /no annotations but node\.heddle\.dev/,
    ],
    [
      "take others' annotations away",
      change('PATCH', path, { metadata: { annotations: null } }),
      /no annotations but/,
    ],
    [
      'add a taint',
      change('PATCH', path, { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } }),
      taints,
    ],
    ["take another's taint away", change('PATCH', path, { spec: { taints: null } }), taints],
  ];
}

describe("the agent's own token", () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let pod: AgentPod;
  let other: string;
  let token: string;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    const [first, second] = await agentPods(cluster);
    assert(first !== undefined && second !== undefined, 'two agents');
    pod = first;
    other = second.node;
    token = await tokenIn(cluster, pod);
  });

  /** Each row's status and, where it was refused, whose words it was refused with. */
  async function answers(rows: readonly Row[]): Promise<readonly string[]> {
    const asked = rows.map(async ([what, request, words]) => {
      const { status, text } = await ask(cluster, token, request);
      const isSaid = words === undefined || words.test(text);
      return `${what}: ${status}${isSaid ? '' : ` with other words: ${text}`}`;
    });
    return await Promise.all(asked);
  }

  const all = (rows: readonly Row[], status: number): readonly string[] =>
    rows.map(([what]) => `${what}: ${status}`);

  rootTest('lists and watches what the network depends on', async () => {
    const rows = watched.flatMap((path): Row[] => [
      [`list ${path}`, get(`${path}?limit=1`), /"items":/],
      [`watch ${path}`, get(`${path}?watch=1&timeoutSeconds=1`)],
    ]);
    assert.deepEqual(await answers(rows), all(rows, 200));
    const absent = get('/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies');
    assert.equal((await ask(cluster, token, absent)).status, 404, 'allowed, where there are any');
  });

  rootTest('writes the facts of its own node, and Events', async () => {
    const { node } = pod;
    const events = `${core}/namespaces/default/events`;
    const event = {
      metadata: { name: `${node}.test-rbac`, namespace: 'default' },
      involvedObject: { apiVersion: 'v1', kind: 'Node', name: node },
      reason: 'Test',
    };
    assert.equal((await ask(cluster, token, annotated(node))).status, 200);
    const created = await ask(cluster, token, { method: 'POST', path: events, body: event });
    assert.equal(created.status, 201, created.text);
    const one = `${events}/${event.metadata.name}`;
    const counted = await ask(cluster, token, change('PATCH', one, { count: 2 }));
    assert.equal(counted.status, 200, counted.text);
    assert.equal((await ask(cluster, token, change('DELETE', one))).status, 403);
    await cluster.api.kubectl('delete', 'event', event.metadata.name);
  });

  rootTest('is refused everything that its role does not name', async () => {
    const rows = refusedByRole(pod, other);
    assert.deepEqual(await answers(rows), all(rows, 403));
  });

  rootTest(
    "is refused other nodes, and on its own node everything that is not the agent's",
    async () => {
      const { node } = pod;
      await cluster.api.kubectl('taint', 'nodes', node, 'example.com/other=:PreferNoSchedule');
      try {
        const rows = refusedByPolicy(node, other);
        assert.deepEqual(await answers(rows), all(rows, 403));
      } finally {
        await cluster.api.kubectl('taint', 'nodes', node, 'example.com/other-');
      }
    },
  );

  rootTest('has no rights for a node without being bound to a pod there', async () => {
    const unbound = await cluster.api.kubectl('create', 'token', 'heddle', '-n', 'kube-system');
    const { status, text } = await ask(cluster, unbound.trim(), annotated(pod.node));
    assert.equal(status, 403);
    assert.match(text, /no Node but the one it runs on/);
  });

  rootTest('has exactly the listed rules, whatever else could be requested', async () => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
    const body = { spec: { namespace: 'kube-system' } };
    const { text } = await ask(cluster, token, { method: 'POST', path, body });
    const { status } = JSON.parse(text) as RulesReview;
    const rules = status.resourceRules
      .filter(({ verbs, resources }) => verbs.join() !== 'create' || resources.includes('events'))
      .map(({ verbs, apiGroups, resources }) => `${verbs} ${apiGroups}/${resources}`);
    assert.deepEqual(rules.sort(), [
      'create,patch /events',
      'list,watch /nodes,namespaces,pods,services',
      'list,watch discovery.k8s.io/endpointslices',
      'list,watch networking.k8s.io/networkpolicies',
      'list,watch policy.networking.k8s.io/clusternetworkpolicies',
      'patch /nodes',
    ]);
    // What every account may: to ask about itself.
    const everyones = status.resourceRules
      .filter(({ verbs }) => verbs.join() === 'create')
      .flatMap(({ resources }) => resources);
    assert.deepEqual(everyones.sort(), [
      'selfsubjectaccessreviews',
      'selfsubjectreviews',
      'selfsubjectrulesreviews',
    ]);
  });
});

interface RulesReview {
  readonly status: {
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups: readonly string[];
      readonly resources: readonly string[];
    }[];
  };
}
