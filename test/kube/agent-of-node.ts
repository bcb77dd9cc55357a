// Queries the agents of a cluster on their nodes, also while the API server is down.

import assert from 'node:assert/strict';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { NodeStatus, TableWrites } from '../../src/api/status.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { containerdSocket } from './cluster/node-files.ts';

const namespace = 'kube-system';

export interface NodeAgentPod {
  readonly name: string;
  readonly uid: string;
  readonly containerId: string;
  readonly restarts: number;
}

/** The agent's pod on this node, unless it is being deleted; undefined while it is not Ready. */
export async function readyAgent(
  cluster: KubeCluster,
  node: string,
): Promise<NodeAgentPod | undefined> {
  const words = ['-n', namespace, '-l', 'app.kubernetes.io/name=heddle'];
  const field = `--field-selector=spec.nodeName=${node}`;
  const { items } = await cluster.api.get<{ items: readonly PodObject[] }>('pods', ...words, field);
  for (const { metadata, status } of items) {
    const [container] = status.containerStatuses ?? [];
    if (metadata.deletionTimestamp !== undefined || container?.ready !== true) continue;
    const [, containerId] = container.containerID?.split('://') ?? [];
    assert(containerId !== undefined);
    const { name, uid } = metadata;
    return { name, uid, containerId, restarts: container.restartCount };
  }
  return undefined;
}

/** The output of `heddle status -o json`; undefined while no agent answers. */
export async function agentStatus(
  cluster: KubeCluster,
  node: string,
): Promise<NodeStatus | undefined> {
  const { exitCode, stdout } = await askAgent(cluster, node, '/v1/status');
  return exitCode === 0 ? (JSON.parse(stdout) as NodeStatus) : undefined;
}

/** The output of `heddle endpoints -o json`; empty while no agent answers. */
export async function agentEndpoints(
  cluster: KubeCluster,
  node: string,
): Promise<readonly EndpointView[]> {
  const { exitCode, stdout } = await askAgent(cluster, node, '/v1/endpoints');
  return exitCode === 0 ? (JSON.parse(stdout) as EndpointView[]) : [];
}

/** The reason why the agent is not ready; undefined if it is ready, or if no agent answers. */
export async function notReady(cluster: KubeCluster, node: string): Promise<string | undefined> {
  const { exitCode, stdout } = await askAgent(cluster, node, '/readyz');
  return exitCode !== 0 || stdout === 'ok\n' ? undefined : stdout.trim();
}

/** Sends SIGKILL to the container's first process from outside: the kubelet starts another. */
export async function killContainer(
  cluster: KubeCluster,
  node: string,
  { containerId }: NodeAgentPod,
): Promise<void> {
  const words = ['ctr', '-a', containerdSocket, '-n', 'k8s.io', 'tasks', 'kill'];
  const ended = await cluster.run(node, [...words, '--signal', 'SIGKILL', containerId]);
  assert.equal(ended.exitCode, 0, ended.stderr);
}

/** The writes of an agent since its start, table by table. */
export function writesOf({ tables }: NodeStatus): Readonly<Record<string, TableWrites>> {
  return Object.fromEntries(tables.map(({ name, writes }) => [name, writes]));
}

function askAgent(
  cluster: KubeCluster,
  node: string,
  path: string,
): ReturnType<KubeCluster['run']> {
  const words = ['curl', '-sS', '--max-time', '5', '--unix-socket', '/run/heddle/agent.sock'];
  return cluster.run(node, [...words, `http://heddle${path}`]);
}

interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly containerID?: string;
    }[];
  };
}
