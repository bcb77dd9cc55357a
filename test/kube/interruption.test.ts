// Agents that are killed, evicted and replaced by another version, and an API server that is down: open connections
// stay open, new ones can be opened, pods keep their identity, and new pods wait.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { NodeStatus } from '../../src/api/status.ts';
import { urlHost } from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import {
  agentEndpoints,
  agentStatus,
  killContainer,
  type NodeAgentPod,
  notReady,
  readyAgent,
  writesOf,
} from './agent-of-node.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { toolImage } from './cluster/images.ts';
import { buildOtherImage, otherImage, otherVersionName } from './other-image.ts';
import { answers, fromPlace } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { KubeTraffic } from './traffic.ts';
import { readyPods } from './workloads.ts';

const nodes = ['node-1', 'node-2'] as const;
const outageMs = 60_000;
const replacedMs = 180_000;
const refusal = /the cluster has not been read yet: /;

describe('a cluster with traffic', () => {
  const shared = sharedCluster('heddle', 'rough');
  let cluster: KubeCluster;
  let traffic: KubeTraffic;
  let atFirst: { readonly pods: object; readonly held: object };

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.nodes.importImage(buildOtherImage(cluster.paths));
    traffic = await KubeTraffic.start(cluster);
    atFirst = { pods: await identities(cluster), held: await held(cluster) };
  });
  after(async () => {
    await traffic?.[Symbol.asyncDispose]();
  });

  /** Until another agent, or this one's next life, is Ready. */
  async function replaced(
    context: TestContext,
    node: string,
    act: (agent: NodeAgentPod) => Promise<unknown>,
  ): Promise<NodeAgentPod> {
    const old = await agentOf(node);
    return await traffic.during(context, `an agent on ${node}`, async () => {
      await act(old);
      const next = async (): Promise<NodeAgentPod | undefined | false> => {
        const found = await readyAgent(cluster, node);
        return found !== undefined && found.containerId !== old.containerId && found;
      };
      return await cluster.api.waitFor(`another agent on ${node} is Ready`, next, replacedMs);
    });
  }

  async function heldAsAtFirst(): Promise<void> {
    const same = async (): Promise<boolean> => isDeepStrictEqual(await held(cluster), atFirst.held);
    await cluster.api.waitFor(`the nodes hold ${JSON.stringify(atFirst.held)}`, same);
  }

  /** Though the API server had forgotten where the agent was, and told it everything again. */
  async function wroteNothing(
    context: TestContext,
    earlier: ReadonlyMap<string, NodeStatus>,
    node: string,
  ): Promise<void> {
    const former = earlier.get(node);
    assert(former !== undefined);
    const status = await cluster.api.waitFor(`${node} has listed again`, async () => {
      const now = await agentStatus(cluster, node);
      return now !== undefined && relists(now) > relists(former) && now;
    });
    assert.equal(status.startedAt, former.startedAt, 'the same life');
    context.diagnostic(`${node}: ${relists(status)} lists again, writes ${writesText(status)}`);
    assert.deepEqual(writesOf(status), writesOf(former));
  }

  function agentOf(node: string): Promise<NodeAgentPod> {
    return cluster.api.waitFor(`the agent of ${node} is Ready`, () => readyAgent(cluster, node));
  }

  rootTest('nothing is lost when an agent is deleted by force', async (context) => {
    const { restarts } = await replaced(context, 'node-1', ({ name }) =>
      cluster.api.kubectl(
        'delete',
        'pod',
        name,
        '-n',
        'kube-system',
        '--force',
        '--grace-period=0',
      ),
    );
    assert.equal(restarts, 0, 'another pod');
  });

  rootTest('nothing is lost when an agent is killed', async (context) => {
    const { uid, restarts } = await agentOf('node-2');
    const next = await replaced(context, 'node-2', (agent) =>
      killContainer(cluster, 'node-2', agent),
    );
    assert.deepEqual([next.uid, next.restarts], [uid, restarts + 1], 'the same pod again');
  });

  rootTest('nothing is lost when an agent is evicted', async (context) => {
    await replaced(context, 'node-1', ({ name }) => evict(cluster, name));
  });

  rootTest('nothing is lost when the agents are upgraded', async (context) => {
    const earlier = await statuses(cluster);
    await traffic.during(context, 'to another version', async () => {
      await roll(cluster, otherImage);
      const born = nodes.map((node) => whileAway(cluster, node, () => bear(cluster, node)));
      await Promise.all([...born, rolledOut(cluster)]);
    });
    await isOther(cluster, earlier, otherVersionName);
    for (const node of nodes) {
      const name = `born-on-${node}`;
      await cluster.api.waitFor(`${name} is Ready`, () => isReady(cluster, name));
      context.diagnostic(`${name}: ${await warnings(cluster, name)}`);
    }
  });

  rootTest('nothing is lost when the agents are downgraded again', async (context) => {
    const earlier = await statuses(cluster);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    await traffic.during(context, 'back again', async () => {
      await roll(cluster, `localhost/heddle:${version}`);
      const gone = nodes.map((node) => whileAway(cluster, node, () => bury(cluster, node)));
      await Promise.all([...gone, rolledOut(cluster)]);
    });
    await isOther(cluster, earlier, version);
    await heldAsAtFirst();
  });

  rootTest('nothing is lost when the API server is unavailable for a minute', async (context) => {
    const earlier = await statuses(cluster);
    const agent = await agentOf('node-2');
    const manifest = join(cluster.nodes.folder('node-2'), 'etc/kubernetes/manifests/late.yaml');
    await traffic.during(context, 'API server away', async () => {
      await cluster.stopApiServer();
      const began = performance.now();
      await killContainer(cluster, 'node-2', agent);
      const why = await cluster.api.waitFor('the new agent says why it is not ready', async () => {
        const reason = await notReady(cluster, 'node-2');
        return reason !== undefined && refusal.test(reason) && reason;
      });
      context.diagnostic(`/readyz: ${why}`);
      assert.equal(await askToAdd(cluster, 'node-2'), 11);
      writeFileSync(manifest, stringify(plainPod('late')));
      await cluster.api.waitFor('the kubelet was refused a network for a pod', () =>
        Promise.resolve(wasRefused(cluster, 'node-2', 'late')),
      );
      assert.equal(await notReady(cluster, 'node-1'), undefined, 'who knew the cluster is ready');
      await cluster.compactEtcd();
      await cluster.api.waitFor(
        'the API server has been away for a minute',
        () => Promise.resolve(performance.now() - began >= outageMs),
        2 * outageMs,
      );
      await cluster.startApiServer();
      await cluster.nodes.ready();
      await connected(cluster);
      // The kubelet reports it to the API server up to a minute later: its own watches have backed off.
      await cluster.api.waitFor('the late pod answers', () => answersOn('node-2', 'late-node-2'));
    });
    rmSync(manifest);
    await wroteNothing(context, earlier, 'node-1');
    assert.equal(await readyWrites(cluster, agent), 0, 'the new agent found all as it should be');
    await heldAsAtFirst();
  });

  rootTest('a restart of the API server that lost its history', async (context) => {
    const earlier = await statuses(cluster);
    await traffic.during(context, 'API server restarted', async () => {
      await cluster.stopApiServer();
      await cluster.compactEtcd();
      await cluster.startApiServer();
      await cluster.nodes.ready();
      await connected(cluster);
    });
    for (const node of nodes) await wroteNothing(context, earlier, node);
  });

  rootTest('no pod was restarted, and the nodes have the same objects as at first', async () => {
    await cluster.api.waitFor(
      'the API server knows the pods of the beginning and no other',
      async () => isDeepStrictEqual(await identities(cluster), atFirst.pods),
    );
    await heldAsAtFirst();
  });

  async function answersOn(node: string, name: string): Promise<boolean> {
    const endpoints = await agentEndpoints(cluster, node);
    const own = endpoints.find(({ pod }) => pod?.name === name);
    if (own === undefined) return false;
    const urls = own.addresses.map((address) => `http://${urlHost(address)}:8080/`);
    const said = await answers(fromPlace(cluster, node), urls);
    return [...said.values()].every((text) => text.startsWith(`${name} saw `));
  }
});

function plainPod(name: string, node?: string): object {
  const container = { name: 'serve', image: toolImage, imagePullPolicy: 'Never' };
  const spec = { containers: [container], terminationGracePeriodSeconds: 1 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, labels: { app: 'meanwhile' } },
    spec: node === undefined ? spec : { ...spec, nodeName: node },
  };
}

async function evict(cluster: KubeCluster, name: string): Promise<void> {
  const namespace = 'kube-system';
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
  const words = ['create', '--raw', path, '-f', '-'];
  const { exitCode, stderr } = await cluster.api.tryKubectl(words, JSON.stringify(eviction));
  assert.equal(exitCode, 0, stderr);
}

async function roll(cluster: KubeCluster, image: string): Promise<void> {
  await cluster.api.kubectl('set', 'image', 'daemonset/heddle', `*=${image}`, '-n', 'kube-system');
}

function rolledOut(cluster: KubeCluster): Promise<void> {
  return cluster.api.rolledOut('daemonset/heddle', 'kube-system', 2 * replacedMs);
}

/** Acts when no agent answers on this node. */
async function whileAway(
  cluster: KubeCluster,
  node: string,
  act: () => Promise<unknown>,
): Promise<void> {
  const isAway = async (): Promise<boolean> => (await agentStatus(cluster, node)) === undefined;
  await cluster.api.waitFor(`the agent of ${node} is away`, isAway, replacedMs);
  await act();
}

function bear(cluster: KubeCluster, node: string): Promise<void> {
  return cluster.api.apply([plainPod(`born-on-${node}`, node)]);
}

function bury(cluster: KubeCluster, node: string): Promise<string> {
  return cluster.api.kubectl('delete', 'pod', `born-on-${node}`, '--timeout=180s');
}

async function statuses(cluster: KubeCluster): Promise<ReadonlyMap<string, NodeStatus>> {
  const all = nodes.map(async (node): Promise<[string, NodeStatus]> => {
    const status = await cluster.api.waitFor(`the agent of ${node} answers`, () =>
      agentStatus(cluster, node),
    );
    return [node, status];
  });
  return new Map(await Promise.all(all));
}

/** The agents of all nodes are of this version, with programs of their own, and all is applied. */
async function isOther(
  cluster: KubeCluster,
  earlier: ReadonlyMap<string, NodeStatus>,
  version: string,
): Promise<void> {
  for (const [node, status] of await statuses(cluster)) {
    assert.equal(status.version, version, node);
    assert.notEqual(status.datapath.objectHash, earlier.get(node)?.datapath.objectHash, node);
    assert.equal(status.datapath.adopted, false, node);
    for (const { name, desired, applied, failures } of status.tables)
      assert.deepEqual([applied, failures], [desired, []], `${node}: ${name}`);
  }
}

async function isReady(cluster: KubeCluster, name: string): Promise<boolean> {
  const pods = await readyPods(cluster, 'app=meanwhile');
  return pods.some((pod) => pod.name === name);
}

/** The failures of a pod's traffic. */
function warnings(cluster: KubeCluster, pod: string): Promise<string> {
  const fields = `--field-selector=type=Warning,involvedObject.name=${pod}`;
  return cluster.api.kubectl('get', 'events', fields, '-o', 'jsonpath={.items[*].message}');
}

/** The identity of all pods except the agents', and how often their containers were started. */
async function identities(cluster: KubeCluster): Promise<object> {
  const own = '{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}';
  const path = `jsonpath={range .items[*]}${own}{"\\n"}{end}`;
  const selector = 'app.kubernetes.io/name!=heddle';
  const text = await cluster.api.kubectl('get', 'pods', '-A', '-l', selector, '-o', path);
  return text.trim().split('\n').sort();
}

/** The counts of each node: endpoints and the entries of every table. */
async function held(cluster: KubeCluster): Promise<object> {
  const found = [...(await statuses(cluster))].map(([node, { endpoints, tables }]) => {
    const counts = tables.map(({ name, desired }): [string, number] => [name, desired]);
    return [node, { endpoints, ...Object.fromEntries(counts) }] as const;
  });
  return Object.fromEntries(found);
}

/** Executes the plugin as a runtime does, for one more interface of a pod that is there. The error's code. */
async function askToAdd(cluster: KubeCluster, node: string): Promise<number | undefined> {
  const script = `echo '{"cniVersion":"1.0.0","name":"heddle","type":"heddle"}' |
CNI_COMMAND=ADD CNI_CONTAINERID=asked CNI_IFNAME=eth9 CNI_PATH=/opt/cni/bin \
  CNI_NETNS=$(ls -d /run/netns/* | head -n 1) /opt/cni/bin/heddle`;
  const { stdout, stderr } = await cluster.run(node, ['sh', '-c', script]);
  assert.match(stdout, refusal, stderr);
  return (JSON.parse(stdout) as { readonly code?: number }).code;
}

/** The kubelet's own words about a pod that the API server has not heard of. */
function wasRefused(cluster: KubeCluster, node: string, pod: string): boolean {
  const log = readFileSync(join(cluster.paths.logs, `kubelet-${node}.log`), 'utf8');
  return log
    .split('\n')
    .some((line) => line.includes(`default/${pod}-${node}`) && refusal.test(line));
}

/** No agent has a problem with the API server any more. */
async function connected(cluster: KubeCluster): Promise<void> {
  await cluster.api.waitFor('the agents are connected and healthy', async () => {
    const all = [...(await statuses(cluster)).values()];
    return all.every(({ health, cluster: { apiServer } }) => {
      const isWatching = apiServer?.resources.every(({ failing }) => failing === undefined);
      return health.state === 'healthy' && apiServer?.unreachable === undefined && isWatching;
    });
  });
}

/** Full lists after the first, of all resources. */
function relists({ cluster: { apiServer } }: NodeStatus): number {
  return apiServer?.resources.reduce((sum, { relists: count }) => sum + count, 0) ?? 0;
}

function writesText(status: NodeStatus): string {
  const all = Object.entries(writesOf(status));
  return all.map(([name, { set, deleted }]) => `${name} +${set} -${deleted}`).join(', ');
}

/** The writes of the agent's previous life when it became ready, as it reported them. */
async function readyWrites(cluster: KubeCluster, { name }: NodeAgentPod): Promise<number> {
  const log = await cluster.api.kubectl('logs', name, '-n', 'kube-system', '-c', 'agent');
  const line = log.split('\n').find((text) => text.includes('"msg":"ready"'));
  assert(line !== undefined, log);
  return (JSON.parse(line) as { readonly writes: number }).writes;
}
