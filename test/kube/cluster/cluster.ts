// A real Kubernetes cluster on this machine: etcd, API server, controller manager, scheduler, and nodes with containerd
// and kubelet, each in a network namespace with its own files. The host's own network gets no link, no address and no
// route.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../../src/base/input-error.ts';
import { type ProcessIdentity, processIdentity } from '../../../src/lab/record.ts';
import { type Finished, type LabPlace, runInPlace } from '../../../src/lab/spawn.ts';
import { ClusterApi } from './api.ts';
import { controlPlane, controlPlanePlace, startControlPlaneDaemon } from './control-plane.ts';
import { compactEtcd } from './etcd.ts';
import { buildHeddleImage, type HeddleSettings, heddleArchive, heddleManifests } from './heddle.ts';
import { buildImages } from './images.ts';
import type { KubectlContext } from './kubectl.ts';
import { enterNode, nodePlace, runInNode } from './node.ts';
import { ClusterNodes } from './nodes.ts';
import { type ClusterPaths, clusterNamespacePath, clusterPaths } from './paths.ts';
import { stopDaemon } from './processes.ts';
import { buildPrograms, sourceFolder } from './programs.ts';
import { type Progress, silent, timed } from './progress.ts';
import {
  type ClusterRecord,
  claimCluster,
  clusterNames,
  readClusterRecord,
  recordOf,
} from './record.ts';
import { kubeProxyRights } from './reference-cni.ts';
import { type Leftovers, removeCluster, removeDeadClusters } from './remove.ts';
import { apiServerReady, parseOptions, type StartOptions, startCluster } from './start.ts';

/**
 * Defaults: `nodes` 2, `dns` true, `owner` this process. Owner `none`: the cluster stays until `down`, whichever
 * process created it.
 */
export type ClusterOptions = Pick<StartOptions, 'name' | 'cni'> &
  Partial<Pick<StartOptions, 'nodes' | 'kubeProxy' | 'dns' | 'progress' | 'signal'>> & {
    readonly owner?: ProcessIdentity | 'none';
    /** With `heddle`: keys of the agent's configuration. */
    readonly settings?: HeddleSettings;
  };

export class KubeCluster implements AsyncDisposable {
  readonly name: string;
  readonly paths: ClusterPaths;
  readonly api: ClusterApi;
  readonly nodes: ClusterNodes;
  readonly #tools: KubectlContext;
  readonly #progress: Progress;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    record: ClusterRecord,
    { progress, signal }: Pick<StartOptions, 'progress' | 'signal'>,
  ) {
    this.name = record.name;
    this.paths = clusterPaths(record.name);
    this.#progress = progress;
    this.#signal = signal;
    const tools = { paths: this.paths, programs: { folder: record.programs } };
    this.#tools = tools;
    this.api = new ClusterApi(tools, signal);
    this.nodes = new ClusterNodes({ name: this.name, tools, api: this.api, progress });
  }

  /**
   * Builds missing programs and images, removes clusters whose owner is dead, and starts this one. With a CNI it
   * returns when all nodes are Ready (and DNS answers), with `none` when they are registered. Throws InputError if the
   * name is in use; after any error nothing stays.
   */
  static async up(given: ClusterOptions): Promise<KubeCluster> {
    const options: StartOptions = {
      nodes: 2,
      dns: true,
      kubeProxy: undefined,
      progress: silent,
      signal: undefined,
      ...given,
      owner: given.owner === 'none' ? undefined : (given.owner ?? processIdentity()),
    };
    parseOptions(options);
    await removeDeadClusters();
    const { progress, signal } = options;
    const programs = await buildPrograms(progress, signal);
    const archives = await buildImages(programs, progress);
    claimCluster(options.name);
    try {
      const record = await startCluster(options, { programs }, archives);
      const cluster = new KubeCluster(record, options);
      await cluster.#furnish(given.settings);
      return cluster;
    } catch (error) {
      await removeCluster(options.name);
      throw error;
    }
  }

  /** Opens a running cluster, whichever process created it. Throws InputError if there is none with this name. */
  static open(name: string, progress: Progress = silent): KubeCluster {
    const record = readClusterRecord(name);
    if (record !== undefined) return new KubeCluster(record, { progress, signal: undefined });
    const rule = `is no cluster here (clusters: ${clusterNames().join(', ') || 'none'})`;
    throw new InputError({ object: 'cluster name', value: name, rule });
  }

  get record(): ClusterRecord {
    return recordOf(this.name);
  }

  /** Runs a command in a node, or in `world`, `switch` or `control-plane`. */
  run(where: string, command: readonly string[]): Promise<Finished> {
    if (where === controlPlane) return runInPlace(controlPlanePlace(this.paths), command);
    if (where === 'world' || where === 'switch') return runInPlace(this.#place(where), command);
    return runInNode(this.paths, this.nodes.record(where).name, command);
  }

  /** For `spawnInPlace`: the place of a process of a node (or `world`, ...), and the words before its command. */
  entry(where: string): { readonly place: LabPlace; readonly enter: readonly string[] } {
    if (where === controlPlane) return { place: controlPlanePlace(this.paths), enter: [] };
    if (where === 'world' || where === 'switch') return { place: this.#place(where), enter: [] };
    const { name } = this.nodes.record(where);
    const enter = enterNode(this.paths, name, []);
    return { place: nodePlace(this.paths, name), enter };
  }

  /**
   * Builds this tree's image, loads it on every node and applies the manifests; returns when every agent is ready. On a
   * cluster with `cni: 'none'` it does what an operator does; a second call with other settings changes the
   * configuration.
   */
  async installHeddle(settings: HeddleSettings = {}): Promise<void> {
    const isFirst = !existsSync(heddleArchive(this.paths));
    if (isFirst) {
      const build = (): Promise<void> => buildHeddleImage(this.paths, this.#signal);
      await timed(this.#progress, "build the agent's image", build);
      await timed(this.#progress, 'load it on the nodes', () =>
        this.nodes.importImage(heddleArchive(this.paths)),
      );
    }
    await this.api.apply(heddleManifests(settings));
    if (!isFirst)
      await this.api.kubectl('rollout', 'restart', 'daemonset/heddle', '-n', 'kube-system');
    const ready = (): Promise<void> => this.api.rolledOut('daemonset/heddle', 'kube-system');
    await timed(this.#progress, 'wait for the agents', ready);
  }

  /** Whether the controller manager assigns pod ranges to nodes from now on. */
  async allocatePodRanges(isOn: boolean): Promise<void> {
    const daemon = 'kube-controller-manager';
    await stopDaemon(this.paths, daemon);
    const more = { 'allocate-node-cidrs': String(isOn) };
    startControlPlaneDaemon(this.paths, this.#tools.programs, daemon, more);
  }

  /** Stops it as a crash would: watches are not closed in an orderly way. */
  stopApiServer(): Promise<void> {
    return stopDaemon(this.paths, 'kube-apiserver', 'SIGKILL');
  }

  /** Returns when it answers. */
  async startApiServer(): Promise<void> {
    startControlPlaneDaemon(this.paths, this.#tools.programs, 'kube-apiserver');
    await apiServerReady(this.#tools);
  }

  /**
   * Deletes etcd's whole history, so that watches from before the next restart of the API server end with 410. Returns
   * the revision.
   */
  compactEtcd(): Promise<number> {
    return compactEtcd(this.paths);
  }

  /** Removes everything and counts what remains nevertheless. */
  down(): Promise<Leftovers> {
    return removeCluster(this.name);
  }

  /** As `down`, but throws an Error if anything remains. */
  async [Symbol.asyncDispose](): Promise<void> {
    const leftovers = await this.down();
    const kinds = Object.entries(leftovers).filter(([, count]) => count > 0);
    if (kinds.length === 0) return;
    const text = kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
    throw new Error(`cluster ${this.name} left ${text}`);
  }

  #place(name: string): LabPlace {
    const { cgroup } = controlPlanePlace(this.paths);
    return { namespacePath: clusterNamespacePath(this.paths, name), cgroup };
  }

  // The steps after the start of the nodes.
  async #furnish(settings: HeddleSettings | undefined): Promise<void> {
    const { cni, dns, kubeProxy } = this.record;
    if (kubeProxy !== undefined) await this.api.apply([kubeProxyRights]);
    if (cni === 'heddle') await this.installHeddle(settings);
    await timed(this.#progress, 'wait for the nodes', () => this.nodes.settle());
    if (!dns) return;
    await this.api.apply(readFileSync(join(sourceFolder, 'manifests/coredns.yaml'), 'utf8'));
    if (cni === 'none') return;
    const ready = (): Promise<void> => this.api.rolledOut('deployment/coredns', 'kube-system');
    await timed(this.#progress, 'wait for CoreDNS', ready);
  }
}
