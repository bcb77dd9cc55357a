// Idle pods, started at once or one after the other: the time until they are Ready is the node's work, mostly that of
// the container runtime and the network.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeCluster } from '../../test/kube/cluster/cluster.ts';
import { idlePod } from '../../test/kube/workloads.ts';
import { type OperationTime, sandboxTime } from './kubelet-metrics.ts';
import { PodWatch } from './pod-watch.ts';

const app = 'bench';

export interface PodStarts {
  /** Seconds from scheduled to Ready, one value per pod. */
  readonly seconds: readonly number[];
  /**
   * Milliseconds per pod that the kubelets waited for RunPodSandbox: namespace, network, and the container that holds
   * them.
   */
  readonly sandboxMs: number;
}

/** One cluster on which pods are started. */
export class PodLoad implements AsyncDisposable {
  readonly cluster: KubeCluster;
  readonly name: string;
  readonly #watch: PodWatch;
  readonly #idleTasks: number;

  private constructor(cluster: KubeCluster, watch: PodWatch) {
    this.cluster = cluster;
    this.name = cluster.record.cni === 'bridge' ? 'bridge + host-local' : cluster.record.cni;
    this.#watch = watch;
    this.#idleTasks = this.#tasks();
  }

  static async open(cluster: KubeCluster): Promise<PodLoad> {
    return new PodLoad(cluster, await PodWatch.open(cluster, `app=${app}`));
  }

  /**
   * Starts this number of pods at once, `turns` times; deletes them each time, and returns when the runtimes have
   * removed everything.
   */
  async start(
    count: number,
    { turns, signal }: { readonly turns: number; readonly signal: AbortSignal },
  ): Promise<PodStarts> {
    const seconds: number[] = [];
    const before = await sandboxTime(this.cluster);
    for (let turn = 0; turn < turns; turn++) {
      seconds.push(...(await this.fill(count, signal)));
      await this.empty(signal);
    }
    const after = await sandboxTime(this.cluster);
    return { seconds, sandboxMs: meanMs(before, after) };
  }

  /** Returns when all pods are Ready, with the time of each. */
  async fill(count: number, signal: AbortSignal): Promise<readonly number[]> {
    const items = Array.from({ length: count }, (_, index) => idlePod(`${app}-${index}`, app));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { exitCode, stderr } = await this.cluster.api.tryKubectl(['create', '-f', '-'], list);
    if (exitCode !== 0) throw new Error(`kubectl create: ${stderr}`);
    return await this.#watch.starts(count, signal);
  }

  async empty(signal: AbortSignal): Promise<void> {
    await this.cluster.api.kubectl('delete', 'pods', '-l', `app=${app}`, '--wait=false');
    await this.#watch.gone(signal);
    const deadline = performance.now() + 120_000;
    while (this.#tasks() > this.#idleTasks) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`${this.name}: containers of pods stay`);
      await sleep(100, undefined, { signal });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#watch[Symbol.asyncDispose]();
  }

  // containerd has one folder per running container.
  #tasks(): number {
    const folders = this.cluster.record.nodes.map(({ name }) =>
      join(this.cluster.nodes.folder(name), 'run/containerd/io.containerd.runtime.v2.task/k8s.io'),
    );
    return folders.filter(existsSync).flatMap((folder) => readdirSync(folder)).length;
  }
}

function meanMs(before: OperationTime, after: OperationTime): number {
  return ((after.seconds - before.seconds) / (after.count - before.count)) * 1000;
}
