// An agent whose API server is down when it starts: everything stays as its predecessor left it, until everything is
// read again.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  cniBeside,
  eventuallyPasses,
  get,
  launchAgent,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { event, scriptedServer, servedPage } from '../support/api-protocol.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const nodeObject = (index: number, version = '5'): object => ({
  metadata: { name: `node-${index}`, uid: `uid-${index}`, resourceVersion: version },
  spec: { podCIDRs: [`10.201.${index}.0/24`, `fd00:201:${index}::/64`] },
  status: {
    addresses: [
      { type: 'InternalIP', address: `10.200.0.1${index}` },
      { type: 'InternalIP', address: `fd00:200::1${index}` },
    ],
  },
});

interface Cluster {
  readonly place: AgentPlace;
  nodes: readonly object[];
  isAway: boolean;
  readonly patches: string[];
  /** Bodies of the created Events. */
  readonly events: EventBody[];
  /** The watch of the nodes, if there is one. */
  nodeWatch: ServerResponse | undefined;
}

// The pod of all CNI calls: without it they would wait for its annotations.
const podObject = {
  metadata: { namespace: 'shop', name: 'web-1', resourceVersion: '5' },
  spec: { nodeName: 'node-1' },
};

function objectsOf({ nodes }: Pick<Cluster, 'nodes'>, path: string): readonly object[] {
  if (path === '/api/v1/nodes') return nodes;
  return path === '/api/v1/pods' ? [podObject] : [];
}

interface EventBody {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** `serverPlace` creates the namespace of the API server; default: the agent's own. */
async function cluster(
  context: TestContext,
  serverPlace?: (context: TestContext, place: AgentPlace) => NetworkNamespace,
): Promise<Cluster> {
  const place = agentPlace(context);
  const serverNamespace = serverPlace?.(context, place);
  const made: Cluster = {
    place,
    nodes: [nodeObject(1), nodeObject(2)],
    isAway: false,
    patches: [],
    events: [],
    nodeWatch: undefined,
  };
  const { kubeconfig } = await scriptedServer(
    context,
    (request, response, url) => {
      if (made.isAway) {
        request.socket.destroy();
      } else if (request.method === 'PATCH') {
        made.patches.push(url.pathname);
        response.end('{}');
      } else if (request.method === 'POST') {
        void textOf(request).then((body) => made.events.push(JSON.parse(body)));
        response.end('{}');
      } else if (url.searchParams.get('watch') === '1') {
        response.writeHead(200).flushHeaders();
        if (url.pathname === '/api/v1/nodes') made.nodeWatch = response;
        context.after(() => response.destroy());
      } else {
        response.end(servedPage(objectsOf(made, url.pathname)));
      }
    },
    serverNamespace ?? place.namespace,
  );
  if (serverNamespace !== undefined) {
    const access = readFileSync(kubeconfig, 'utf8');
    writeFileSync(kubeconfig, access.replace('127.0.0.1', serverAddress));
  }
  const text = readFileSync(place.config, 'utf8');
  const source = `cluster: { kubernetes: { kubeconfig: ${kubeconfig} } }`;
  writeFileSync(place.config, text.replace('cluster: { directory: cluster }', source));
  return made;
}

// The kubeconfig's port is on the same loopback: agent and server share the namespace.
function kernelState({ namespace }: AgentPlace): string {
  return [
    runIn(namespace, 'ip', 'route', 'show', 'table', 'all', 'proto', '72'),
    runIn(namespace, 'ip', '-6', 'route', 'show', 'table', 'all', 'proto', '72'),
    runIn(namespace, 'nft', 'list', 'table', 'inet', 'heddle'),
    runIn(namespace, 'ip', '-br', 'link'),
  ].join('\n');
}

rootTest(
  'an agent that starts without its API server changes nothing and continues by itself',
  async (context) => {
    const made = await cluster(context);
    const { place } = made;
    const first = await startAgent(context, place);
    const pod = podNamespace(context);
    cni(place, { verb: 'ADD', containerId: 'pod-1', netns: pod.path });
    await eventuallyPasses(() => assert.deepEqual(made.patches, ['/api/v1/nodes/node-1']));
    const before = kernelState(place);
    assert.match(before, /10\.201\.2\.0\/24 via 10\.200\.0\.12/);
    await first.end('SIGKILL');
    made.isAway = true;
    launchAgent(context, place);
    await eventuallyPasses(async () => {
      const { status: code, text } = await get(place, '/readyz');
      assert.equal(code, 503);
      assert.match(text, /^the cluster has not been read yet: API server: .*the connection broke/);
    }, 15_000);
    const view = await status(place);
    assert.equal(view.health.state, 'starting');
    assert.equal(view.cluster.complete, false);
    assert.match(view.cluster.apiServer?.unreachable?.text ?? '', /the connection broke/);
    const other = podNamespace(context);
    const add = { verb: 'ADD', containerId: 'pod-2', netns: other.path } as const;
    const refused = await cniBeside(place, add);
    assert.equal(refused.answer?.code, 11);
    assert.match(
      refused.answer?.msg ?? '',
      /the agent is not ready: the cluster has not been read/,
    );
    assert.equal(kernelState(place), before, 'nothing is written and nothing pruned');
    made.isAway = false;
    await eventuallyPasses(
      async () => assert.equal((await get(place, '/readyz')).status, 200),
      30_000,
    );
    assert.equal(kernelState(place), before);
    cni(place, add);
    cni(place, { verb: 'DEL', containerId: 'pod-1', netns: pod.path });
  },
);

rootTest('a node without pod ranges waits for them, reports it, and continues', async (context) => {
  const made = await cluster(context);
  made.nodes = [{ metadata: { name: 'node-1', resourceVersion: '5' } }];
  launchAgent(context, made.place);
  const sentence = 'node-1: has no pod ranges (spec.podCIDRs): no pod can start here';
  await eventuallyPasses(async () => {
    assert.equal((await get(made.place, '/readyz')).text, `${sentence}\n`);
  }, 15_000);
  assert.deepEqual((await status(made.place)).health.reasons[0], sentence);
  await eventuallyPasses(() => assert.equal(made.events.length, 1));
  const [{ reason, message, involvedObject } = assert.fail()] = made.events;
  assert.deepEqual([reason, message], ['NoPodRanges', sentence]);
  assert.deepEqual([involvedObject.kind, involvedObject.name], ['Node', 'node-1']);
  made.nodeWatch?.write(event('MODIFIED', nodeObject(1, '11')));
  await eventuallyPasses(async () => assert.equal((await get(made.place, '/readyz')).status, 200));
  const pod = podNamespace(context);
  cni(made.place, { verb: 'ADD', containerId: 'pod-1', netns: pod.path });
  cni(made.place, { verb: 'DEL', containerId: 'pod-1', netns: pod.path });
  assert.equal(made.events.length, 1, 'told once');
});

// Its server behind the uplink, at an address of the nodes' own network.
function beyondUplink(context: TestContext, { namespace }: AgentPlace): NetworkNamespace {
  const server = testNamespace(context);
  runIn(namespace, 'ip', 'link', 'set', 'wire', 'netns', `/proc/${process.pid}/fd/${server.fd}`);
  runIn(server, 'ip', 'address', 'add', `${serverAddress}/24`, 'dev', 'wire');
  runIn(server, 'ip', 'link', 'set', 'wire', 'up');
  return server;
}

const serverAddress = '10.200.0.1';
const evil = {
  metadata: { name: 'a', uid: 'uid-9', creationTimestamp: '2026-02-01T00:00:00Z' },
  spec: {
    podCIDRs: [`${serverAddress}/32`, '10.201.9.0/24', '10.201.2.0/24', '169.254.169.254/32'],
  },
  status: { addresses: [{ type: 'InternalIP', address: '10.200.0.66' }] },
};

function aged(index: number): object {
  const { metadata, ...rest } = nodeObject(index) as { readonly metadata: object };
  return { ...rest, metadata: { ...metadata, creationTimestamp: `2026-01-0${index}T00:00:00Z` } };
}

rootTest(
  'an agent cut off from its API server by its predecessor frees itself, and no Node cuts it off again',
  async (context) => {
    const made = await cluster(context, beyondUplink);
    const { place } = made;
    made.nodes = [evil, aged(1), aged(2)];
    const route = (...words: readonly string[]): string =>
      runIn(place.namespace, 'ip', 'route', ...words);
    route('add', `${serverAddress}/32`, 'via', '10.200.0.66', 'proto', '72');
    route('add', 'unreachable', '10.200.0.0/25', 'proto', '72');
    route('add', '10.201.2.0/24', 'via', '10.200.0.66', 'proto', '72');
    const agent = launchAgent(context, place);
    await eventuallyPasses(
      async () => assert.equal((await get(place, '/readyz')).status, 200),
      20_000,
    );
    assert.match(agent.text(), /removed heddle's route 10\.200\.0\.1\/32 via 10\.200\.0\.66 /);
    assert.match(agent.text(), /removed heddle's route unreachable 10\.200\.0\.0\/25: /);
    assert.deepEqual(route('show', 'proto', '72').trim().split(/\s*\n/), [
      'unreachable 10.201.1.0/24',
      '10.201.2.0/24 via 10.200.0.12 dev eth0',
      '10.201.9.0/24 via 10.200.0.66 dev eth0',
    ]);
    const { recentErrors, health } = await status(place);
    assert.ok(
      recentErrors.some(({ text }) => text.startsWith("removed heddle's route 10.200.0.1/32")),
    );
    const told = health.reasons.filter((text) => text.startsWith('a: '));
    assert.deepEqual(told, [
      `a: spec.podCIDRs: ${serverAddress}/32 holds ${serverAddress}, an address of the API server, the proxy to it or a name server: this range is not used`,
      'a: spec.podCIDRs: 10.201.2.0/24 is 10.201.2.0/24 of Node node-2, which was first: this range is not used',
      'a: spec.podCIDRs: 169.254.169.254/32 overlaps 169.254.0.0/16 (link-local, with the metadata services of clouds): this range is not used',
    ]);
  },
);
