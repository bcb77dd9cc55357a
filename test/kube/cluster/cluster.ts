// A real Kubernetes cluster on this machine: etcd, API server, controller manager, scheduler, and nodes with containerd and
// kubelet, each in a network namespace with files of its own. The host's own network gets no link, no address and no route.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { InputError } from '../../../src/base/input-error.ts';
import { type ProcessIdentity, processIdentity } from '../../../src/lab/record.ts';
import { type Finished, type Place, runIn } from '../../../src/lab/spawn.ts';
import { type Prefix, parsePrefix } from '../../../src/net/prefix.ts';
import { controlPlane, controlPlanePlace, startControlPlaneDaemon } from './control-plane.ts';
import { compact } from './etcd.ts';
import { readdress } from './fabric.ts';
import { buildHeddleImage, type HeddleSettings, heddleArchive, heddleManifests } from './heddle.ts';
import { buildImages } from './images.ts';
import { runKubectl } from './kubectl.ts';
import * as nodes from './node.ts';
import { type ClusterPaths, clusterPaths, namespacePath } from './paths.ts';
import { parseNodeCount } from './pki.ts';
import { daemonIdentity, isRunning, stopDaemon } from './processes.ts';
import { buildPrograms, type Programs, sourceFolder } from './programs.ts';
import { type Progress, silent, timed } from './progress.ts';
import {
  type ClusterRecord,
  claimCluster,
  clusterNames,
  type NodeRecord,
  readRecord,
  writeRecord,
} from './record.ts';
import {
  kubeProxyRights,
  type PlacedNode,
  routeBetweenNodes,
  startKubeProxy,
  writeBridgeConflist,
} from './reference-cni.ts';
import { type Leftovers, removeCluster, removeDeadClusters } from './remove.ts';
import { apiServerReady, newNode, parseOptions, type StartOptions, startCluster } from './start.ts';
import { eventually } from './wait.ts';

/** `nodes` 2, `dns` true, `owner` this process unless given; owner `none`: it stays until `down`, whoever made it. */
export type ClusterOptions = Pick<StartOptions, 'name' | 'cni'> &
  Partial<Pick<StartOptions, 'nodes' | 'kubeProxy' | 'dns' | 'progress' | 'signal'>> & {
    readonly owner?: ProcessIdentity | 'none';
    /** With `heddle`: keys of the agent's configuration. */
    readonly settings?: HeddleSettings;
  };

const nodeReadyMs = 180_000;

export class KubeCluster implements AsyncDisposable {
  readonly name: string;
  readonly paths: ClusterPaths;
  readonly #programs: Programs;
  readonly #progress: Progress;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    record: ClusterRecord,
    { progress, signal }: Pick<StartOptions, 'progress' | 'signal'>,
  ) {
    this.name = record.name;
    this.paths = clusterPaths(record.name);
    this.#programs = { folder: record.programs };
    this.#progress = progress;
    this.#signal = signal;
  }

  /**
   * Builds programs and images where they are missing, removes clusters whose owner is dead, and starts this one. With a
   * CNI it returns when all nodes are Ready (and DNS answers), with `none` when they are registered. Throws InputError on
   * a name in use; on any error nothing stays.
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

  /** One that is up, made by whom ever. Throws InputError when there is none of this name. */
  static open(name: string, progress: Progress = silent): KubeCluster {
    const record = readRecord(name);
    if (record !== undefined) return new KubeCluster(record, { progress, signal: undefined });
    const rule = `is no cluster here (clusters: ${clusterNames().join(', ') || 'none'})`;
    throw new InputError({ object: 'cluster name', value: name, rule });
  }

  get record(): ClusterRecord {
    const record = readRecord(this.name);
    if (record === undefined) throw new Error(`cluster ${this.name} is down`);
    return record;
  }

  node(name: string): NodeRecord {
    const node = this.record.nodes.find((each) => each.name === name);
    if (node !== undefined) return node;
    throw new InputError({ object: 'node', value: name, rule: `is not in cluster ${this.name}` });
  }

  /** The node's files: `etc/cni/net.d`, `var/lib/heddle`, `run/heddle` as seen from outside. */
  nodeFolder(name: string): string {
    return nodes.nodeRoot(this.paths, name);
  }

  /** `kubectl WORDS` as admin; its output. Throws with its error output when it fails. */
  async kubectl(...words: readonly string[]): Promise<string> {
    return succeeded(words, await this.tryKubectl(words));
  }

  tryKubectl(words: readonly string[], input?: string): Promise<Finished> {
    return runKubectl({ paths: this.paths, programs: this.#programs }, words, input);
  }

  /** `kubectl get WORDS -o json`, parsed. */
  async get<Answer>(...words: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl('get', ...words, '-o', 'json')) as Answer;
  }

  /** `kubectl apply` of objects, or of YAML text. */
  async apply(objects: readonly object[] | string): Promise<void> {
    const text =
      typeof objects === 'string'
        ? objects
        : objects
            .map((object) => stringify(object, { aliasDuplicateObjects: false }))
            .join('---\n');
    const words = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    succeeded(words, await this.tryKubectl(words, text));
  }

  /** Asks until the answer is neither undefined nor false; the error shows nodes, pods and events. */
  waitFor<Value>(
    what: string,
    check: () => Promise<Value | undefined | false>,
    timeoutMs = 60_000,
  ): Promise<Value> {
    const diagnosis = (): Promise<string> => this.describe();
    return eventually(what, check, {
      timeoutMs,
      everyMs: 200,
      diagnosis,
      signal: this.#signal,
    });
  }

  /** Until `kubectl rollout status` of e.g. `deployment/web` says so. */
  async rolledOut(target: string, namespace = 'default', timeoutMs = 120_000): Promise<void> {
    const words = ['rollout', 'status', target, '-n', namespace, `--timeout=${timeoutMs / 1000}s`];
    const { exitCode, stderr } = await this.tryKubectl(words);
    if (exitCode === 0) return;
    throw new Error(`kubectl ${words.join(' ')}: ${stderr}\n${await this.describe()}`);
  }

  /** Nodes, pods and the latest events, for a person. */
  async describe(): Promise<string> {
    const parts = [
      ['get', 'nodes', '-o', 'wide'],
      ['get', 'pods', '-A', '-o', 'wide'],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
    ];
    const texts = await Promise.all(parts.map((words) => this.tryKubectl(words)));
    return texts
      .map(({ stdout, stderr }) => `${stdout}${stderr}`.trimEnd().split('\n').slice(-25).join('\n'))
      .join('\n\n');
  }

  /** Runs in a node, or in `world`, `switch` or `control-plane`. */
  run(where: string, command: readonly string[]): Promise<Finished> {
    if (where === controlPlane) return runIn(controlPlanePlace(this.paths), command);
    if (where === 'world' || where === 'switch') return runIn(this.#place(where), command);
    return nodes.runInNode(this.paths, this.node(where).name, command);
  }

  /** For `spawnIn`: where to start a process of a node (or `world`, ...), and with which words before it. */
  entry(where: string): { readonly place: Place; readonly enter: readonly string[] } {
    if (where === controlPlane) return { place: controlPlanePlace(this.paths), enter: [] };
    if (where === 'world' || where === 'switch') return { place: this.#place(where), enter: [] };
    const { name } = this.node(where);
    const enter = nodes.enterNode(this.paths, name, []);
    return { place: nodes.nodePlace(this.paths, name), enter };
  }

  /** Runs in a pod's first container. */
  exec(pod: string, command: readonly string[], namespace = 'default'): Promise<Finished> {
    return this.tryKubectl(['exec', '-n', namespace, pod, '--', ...command]);
  }

  /** Loads an archive into containerd of every node. */
  async importImage(archive: string): Promise<void> {
    const { paths } = this;
    const all = this.record.nodes.map(({ name }) => nodes.importImage(paths, name, archive));
    await Promise.all(all);
  }

  /**
   * Builds this tree's image, loads it on every node and applies the manifests; returns when every agent is ready. On a
   * cluster with `cni: 'none'` it is what an operator does; again with other settings it changes the configuration.
   */
  async installHeddle(settings: HeddleSettings = {}): Promise<void> {
    const isFirst = !existsSync(heddleArchive(this.paths));
    if (isFirst) {
      const build = (): Promise<void> => buildHeddleImage(this.paths, this.#signal);
      await timed(this.#progress, "build the agent's image", build);
      await timed(this.#progress, 'load it on the nodes', () =>
        this.importImage(heddleArchive(this.paths)),
      );
    }
    await this.apply(heddleManifests(settings));
    if (!isFirst) await this.kubectl('rollout', 'restart', 'daemonset/heddle', '-n', 'kube-system');
    const ready = (): Promise<void> => this.rolledOut('daemonset/heddle', 'kube-system');
    await timed(this.#progress, 'wait for the agents', ready);
  }

  /** Returns when all nodes are Ready. */
  async nodesReady(): Promise<void> {
    await this.waitFor(
      'all nodes are Ready',
      async () => {
        const { items } = await this.get<{ items: readonly NodeObject[] }>('nodes');
        return items.length === this.record.nodes.length && items.every(isReady);
      },
      nodeReadyMs,
    );
  }

  /** Starts one more node, named by the next number; returns when it has registered, with a CNI when it is Ready. */
  async addNode(): Promise<NodeRecord> {
    const node = await this.#joinNode({});
    await this.#settleNodes();
    return node;
  }

  /** One whose kubelet waits for an external cloud provider, which nobody is: returns when it has registered. */
  async addNodeOfCloud(): Promise<NodeRecord> {
    const node = await this.#joinNode({ isOfCloud: true });
    await this.waitFor(`${node.name} has registered`, async () => {
      return (await this.tryKubectl(['get', 'node', node.name])).exitCode === 0;
    });
    return node;
  }

  /** Ends the node as by its power switch, deletes its Node object and its disk. `kubectl drain` comes before, if at all. */
  async removeNode(name: string): Promise<void> {
    await nodes.stopNode(this.paths, this.node(name).name);
    nodes.removeNodeFiles(this.paths, name);
    this.#save(this.record.nodes.filter((node) => node.name !== name));
    await this.kubectl('delete', 'node', name, '--ignore-not-found');
  }

  /** Power off and on: no process, link, route, pin or file below /run survives; the disk does. Returns as `addNode`. */
  async rebootNode(name: string): Promise<void> {
    const node = this.node(name);
    await nodes.stopNode(this.paths, name);
    const { metadata } = await this.get<NodeObject>('node', name);
    await nodes.startNode(this.#context, node, []);
    await this.waitFor(`${name} reports again`, async () => {
      const { status, metadata: now } = await this.get<NodeObject>('node', name);
      return status.nodeInfo.bootID !== '' && now.resourceVersion !== metadata.resourceVersion;
    });
    await this.#settleNodes();
  }

  /** Gives the node other InternalIPs (of the same networks, IPv4 first) and restarts its kubelet with them. */
  async setNodeAddresses(name: string, addresses: NodeRecord['addresses']): Promise<void> {
    const node = { ...this.node(name), addresses };
    readdress(this.paths, name, addresses);
    this.#save(this.record.nodes.map((each) => (each.name === name ? node : each)));
    await nodes.restartKubelet(this.paths, node);
    await this.waitFor(`${name} reports ${addresses.join(', ')}`, async () => {
      const { status } = await this.get<NodeObject>('node', name);
      const reported = status.addresses.filter(({ type }) => type === 'InternalIP');
      return reported.map(({ address }) => address).join() === addresses.join();
    });
    await this.#settleNodes();
  }

  /** Containers go on meanwhile. Returns when the kubelet knows the node's pods again: before, it answers no exec. */
  async restartKubelet(name: string): Promise<void> {
    await nodes.restartKubelet(this.paths, this.node(name));
    await this.waitFor(`the kubelet of ${name} knows its pods`, async () => {
      const selector = `--field-selector=spec.nodeName=${name}`;
      const { items } = await this.get<{ items: readonly NamedObject[] }>('pods', '-A', selector);
      const asked = ['curl', '-sk', '--max-time', '5', 'https://127.0.0.1:10250/pods'];
      const { stdout } = await this.run(name, asked);
      return items.every(({ metadata }) => stdout.includes(`"${metadata.uid}"`));
    });
  }

  restartContainerd(name: string): Promise<void> {
    return nodes.restartContainerd(this.paths, this.node(name).name);
  }

  /** Whether the controller manager gives nodes pod ranges, from now on. */
  async allocatePodRanges(isOn: boolean): Promise<void> {
    const daemon = 'kube-controller-manager';
    await stopDaemon(this.paths, daemon);
    const more = { 'allocate-node-cidrs': String(isOn) };
    startControlPlaneDaemon(this.paths, this.#programs, daemon, more);
  }

  /** While `act` runs the node's kubelet does nothing. At most half a minute, or the node counts as lost. */
  async withoutKubelet<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    const identity = daemonIdentity(this.paths, nodes.daemonOf(name, 'kubelet'));
    if (identity === undefined) throw new Error(`${name} has no kubelet`);
    process.kill(identity.pid, 'SIGSTOP');
    try {
      return await act();
    } finally {
      process.kill(identity.pid, 'SIGCONT');
    }
  }

  /** As by a crash: no watch is told. */
  stopApiServer(): Promise<void> {
    return stopDaemon(this.paths, 'kube-apiserver', 'SIGKILL');
  }

  /** Returns when it answers. */
  async startApiServer(): Promise<void> {
    startControlPlaneDaemon(this.paths, this.#programs, 'kube-apiserver');
    await apiServerReady(this.#context);
  }

  /** etcd forgets all history, so that watches from before the next restart of the API server end with 410. The revision. */
  compactEtcd(): Promise<number> {
    return compact(this.paths);
  }

  /** Removes everything and counts what stayed nevertheless. */
  down(): Promise<Leftovers> {
    return removeCluster(this.name);
  }

  /** `down`, and throws when something stayed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const leftovers = await this.down();
    const kinds = Object.entries(leftovers).filter(([, count]) => count > 0);
    if (kinds.length === 0) return;
    const text = kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
    throw new Error(`cluster ${this.name} left ${text}`);
  }

  async #joinNode(more: Pick<NodeRecord, 'isOfCloud'>): Promise<NodeRecord> {
    const numbers = this.record.nodes.map(({ name }) => Number(name.replace('node-', '')));
    const node = { ...newNode(parseNodeCount(Math.max(0, ...numbers) + 1)), ...more };
    this.#save([...this.record.nodes, node]);
    const archives = await buildImages(this.#programs, this.#progress);
    const heddle = [heddleArchive(this.paths)].filter(existsSync);
    await nodes.startNode(this.#context, node, [...archives, ...heddle]);
    return node;
  }

  get #context(): nodes.NodeContext {
    return { paths: this.paths, programs: this.#programs };
  }

  #place(name: string): Place {
    const { cgroup } = controlPlanePlace(this.paths);
    return { namespacePath: namespacePath(this.paths, name), cgroup };
  }

  #save(list: readonly NodeRecord[]): void {
    writeRecord({ ...this.record, nodes: list });
  }

  // What comes after the nodes have started.
  async #furnish(settings: HeddleSettings | undefined): Promise<void> {
    const { cni, dns, kubeProxy } = this.record;
    if (kubeProxy !== undefined) await this.apply([kubeProxyRights]);
    if (cni === 'heddle') await this.installHeddle(settings);
    await timed(this.#progress, 'wait for the nodes', () => this.#settleNodes());
    if (!dns) return;
    await this.apply(readFileSync(join(sourceFolder, 'manifests/coredns.yaml'), 'utf8'));
    if (cni === 'none') return;
    const ready = (): Promise<void> => this.rolledOut('deployment/coredns', 'kube-system');
    await timed(this.#progress, 'wait for CoreDNS', ready);
  }

  // Registered, with a network of the reference plugins if it is theirs, and Ready if it is anyone's.
  async #settleNodes(): Promise<void> {
    const { cni, kubeProxy } = this.record;
    const placed = await this.#placedNodes();
    if (cni === 'bridge') {
      for (const node of placed) writeBridgeConflist(this.paths, node);
      routeBetweenNodes(this.paths, placed);
    }
    for (const { name } of kubeProxy === undefined ? [] : placed) {
      if (!isRunning(this.paths, nodes.daemonOf(name, 'kube-proxy')))
        startKubeProxy(this.paths, name, kubeProxy ?? 'nftables');
    }
    if (cni !== 'none') await this.nodesReady();
  }

  #placedNodes(): Promise<readonly PlacedNode[]> {
    return this.waitFor('all nodes have registered and have pod ranges', async () => {
      const { items } = await this.get<{ items: readonly NodeObject[] }>('nodes');
      const placed = this.record.nodes.flatMap((node): PlacedNode[] => {
        const found =
          items.find(({ metadata }) => metadata.name === node.name)?.spec.podCIDRs ?? [];
        const podCidrs: readonly Prefix[] = found.map((range) => parsePrefix(range));
        return podCidrs.length === 2 ? [{ ...node, podCidrs }] : [];
      });
      return placed.length === this.record.nodes.length && placed;
    });
  }
}

interface NamedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

interface NodeObject extends NamedObject {
  readonly spec: { readonly podCIDRs?: readonly string[] };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    /** None on a Node that somebody else than its kubelet made, until that reports. */
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo: { readonly bootID: string };
  };
}

function isReady({ status }: NodeObject): boolean {
  return !!status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}

function succeeded(words: readonly string[], { exitCode, stdout, stderr }: Finished): string {
  if (exitCode === 0) return stdout;
  throw new Error(
    `kubectl ${words.join(' ')} ended with exit code ${exitCode}: ${stderr}${stdout}`,
  );
}
