// Queries the agents of a cluster as an operator does, and lists what their nodes hold for pods.

import assert from 'node:assert/strict';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { NodeStatus } from '../../src/api/status.ts';
import type { Finished } from '../../src/lab/spawn.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { readyPods } from './workloads.ts';

/** `kubectl exec AGENT -- heddle WORDS` on this node. `heddle status` ends with exit code 1 if the node is degraded. */
export async function askHeddle(
  cluster: KubeCluster,
  node: string,
  words: readonly string[],
): Promise<Finished> {
  const agents = await readyPods(cluster, 'app.kubernetes.io/name=heddle', 'kube-system');
  const agent = agents.find((pod) => pod.node === node);
  assert(agent !== undefined, `no agent is Ready on ${node}`);
  return cluster.api.exec(agent.name, ['heddle', ...words], 'kube-system');
}

/** Returns its output. Throws an Error with its error output if it fails. */
export async function heddle(
  cluster: KubeCluster,
  node: string,
  words: readonly string[],
): Promise<string> {
  const { exitCode, stdout, stderr } = await askHeddle(cluster, node, words);
  assert.equal(exitCode, 0, `${node}: heddle ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

export async function endpointsOf(
  cluster: KubeCluster,
  node: string,
): Promise<readonly EndpointView[]> {
  return JSON.parse(await heddle(cluster, node, ['endpoints', '-o', 'json'])) as EndpointView[];
}

/** The pods with an endpoint on this node, `NAMESPACE/NAME`, sorted. */
export async function podsOf(cluster: KubeCluster, node: string): Promise<readonly string[]> {
  const endpoints = await endpointsOf(cluster, node);
  return endpoints.map(({ pod }) => `${pod?.namespace}/${pod?.name}`).sort();
}

/** Everything on a node that belongs to pods: equal before pods are added and after they are deleted. */
export async function held(cluster: KubeCluster, node: string): Promise<object> {
  const { stdout } = await cluster.run(node, ['sh', '-c', inventory]);
  const status = JSON.parse(await heddle(cluster, node, ['status', '-o', 'json'])) as NodeStatus;
  return {
    pods: await podsOf(cluster, node),
    tables: status.tables.map(({ name, desired, applied }) => `${name} ${applied}/${desired}`),
    inventory: stdout.trimEnd().split('\n'),
  };
}

// Interfaces, routes and neighbours of pods, their records, and their network namespaces.
const inventory = `
ip -o link | grep -o ' hd[0-9a-f]*@' | sort
ip route show table all proto 72 | sort
ip -6 route show table all proto 72 | sort
ip neigh show nud permanent | grep ' hd' | sort
ls /var/lib/heddle/endpoints
ls /run/netns`;
