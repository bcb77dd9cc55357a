// Starts a cluster step by step, and reports each step.

import type { ProcessIdentity } from '../../../src/lab/record.ts';
import { makeDaemonCgroup } from './cgroups.ts';
import {
  controlPlane,
  controlPlaneDaemons,
  startControlPlaneDaemon,
  writeControlPlaneFiles,
} from './control-plane.ts';
import { addressesOfNewNode, buildFabric, controlPlaneAddresses, plug } from './fabric.ts';
import { runKubectl } from './kubectl.ts';
import { type NodeContext, startNode } from './node.ts';
import { clusterPaths, parseClusterName } from './paths.ts';
import { makePki, parseNodeCount } from './pki.ts';
import { assertRunning } from './processes.ts';
import { type Progress, timed } from './progress.ts';
import {
  type ClusterNodeRecord,
  type ClusterRecord,
  type CniChoice,
  writeClusterRecord,
} from './record.ts';
import { eventually } from './wait.ts';

export interface StartOptions {
  readonly name: string;
  readonly nodes: number;
  readonly cni: CniChoice;
  readonly kubeProxy: ClusterRecord['kubeProxy'];
  readonly dns: boolean;
  readonly owner: ProcessIdentity | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** Checks the options before anything is created. Throws InputError. */
export function parseOptions(options: StartOptions): void {
  parseClusterName(options.name);
  parseNodeCount(options.nodes);
}

/** `node-3` for 3, with its first addresses. */
export function newNode(number: number): ClusterNodeRecord {
  return { name: `node-${number}`, addresses: addressesOfNewNode(number) };
}

/** The cluster's name must have been claimed. After an error, created parts stay for `removeCluster`. */
export async function startCluster(
  options: StartOptions,
  { programs }: Pick<NodeContext, 'programs'>,
  archives: readonly string[],
): Promise<ClusterRecord> {
  const { name, cni, kubeProxy, dns, owner, progress } = options;
  const paths = clusterPaths(name);
  const nodes = Array.from({ length: options.nodes }, (_, index) => newNode(index + 1));
  const createdAt = new Date().toISOString();
  const fixed = { name, cni, kubeProxy, dns, owner, createdAt, programs: programs.folder };
  // First of all, so that the cluster is known as a leftover if its creator is killed now.
  const record = { ...fixed, nodes };
  writeClusterRecord(record);
  const context = { paths, programs };
  await timed(progress, 'start etcd and the API server', async () => {
    makePki(paths);
    buildFabric(paths);
    plug(paths, controlPlane, controlPlaneAddresses);
    for (const place of [controlPlane, 'world']) makeDaemonCgroup(paths, place);
    writeControlPlaneFiles(paths);
    startControlPlaneDaemon(paths, programs, 'etcd');
    startControlPlaneDaemon(paths, programs, 'kube-apiserver');
    await apiServerReady(context, options.signal);
  });
  for (const daemon of controlPlaneDaemons.slice(2))
    startControlPlaneDaemon(paths, programs, daemon);
  await timed(progress, `start ${nodes.length} nodes with containerd and kubelet`, async () => {
    await Promise.all(nodes.map((node) => startNode(context, node, archives)));
    options.signal?.throwIfAborted();
  });
  return record;
}

export async function apiServerReady(context: NodeContext, signal?: AbortSignal): Promise<void> {
  await eventually(
    'the API server is ready',
    async () => {
      assertRunning(context.paths, 'etcd', 'kube-apiserver');
      return (await runKubectl(context, ['get', '--raw', '/readyz'])).exitCode === 0;
    },
    { timeoutMs: 120_000, everyMs: 200, signal },
  );
}
