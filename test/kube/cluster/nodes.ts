// The nodes of a cluster as its operator handles them: adds, removes, reboots, changes addresses, and pauses them.

import { existsSync } from 'node:fs';
import { InputError } from '../../../src/base/input-error.ts';
import { type Prefix, parsePrefix } from '../../../src/net/prefix.ts';
import type { ClusterApi } from './api.ts';
import { readdress } from './fabric.ts';
import { heddleArchive } from './heddle.ts';
import { buildImages } from './images.ts';
import type { KubectlContext } from './kubectl.ts';
import * as nodes from './node.ts';
import { containerdSocket } from './node-files.ts';
import type { ClusterPaths } from './paths.ts';
import { parseNodeCount } from './pki.ts';
import { daemonIdentity, isRunning } from './processes.ts';
import type { Progress } from './progress.ts';
import {
  type ClusterNodeRecord,
  type ClusterRecord,
  recordOf,
  writeClusterRecord,
} from './record.ts';
import {
  type PlacedNode,
  routeBetweenNodes,
  routeFromControlPlane,
  startKubeProxy,
  writeBridgeConflist,
} from './reference-cni.ts';
import { newNode } from './start.ts';

export interface ClusterNodesOptions {
  /** Name of the cluster. */
  readonly name: string;
  readonly tools: KubectlContext;
  readonly api: ClusterApi;
  readonly progress: Progress;
}

const readyMs = 180_000;

export class ClusterNodes {
  readonly #name: string;
  readonly #tools: KubectlContext;
  readonly #paths: ClusterPaths;
  readonly #api: ClusterApi;
  readonly #progress: Progress;

  constructor({ name, tools, api, progress }: ClusterNodesOptions) {
    this.#name = name;
    this.#tools = tools;
    this.#paths = tools.paths;
    this.#api = api;
    this.#progress = progress;
  }

  get #record(): ClusterRecord {
    return recordOf(this.#name);
  }

  /** Throws InputError if the cluster has no node with this name. */
  record(name: string): ClusterNodeRecord {
    const node = this.#record.nodes.find((each) => each.name === name);
    if (node !== undefined) return node;
    throw new InputError({ object: 'node', value: name, rule: `is not in cluster ${this.#name}` });
  }

  /** A folder of the node as seen from outside: `etc/cni/net.d`, `var/lib/heddle`, `run/heddle`. */
  folder(name: string): string {
    return nodes.nodeRoot(this.#paths, name);
  }

  /** Loads an archive into containerd of every node. */
  async importImage(archive: string): Promise<void> {
    const paths = this.#paths;
    const all = this.#record.nodes.map(({ name }) => nodes.importImage(paths, name, archive));
    await Promise.all(all);
  }

  /** Gives an image of every node one more name. */
  async tagImage(name: string, alias: string): Promise<void> {
    const words = ['ctr', '-a', containerdSocket, '-n', 'k8s.io', 'images', 'tag', name, alias];
    for (const node of this.#record.nodes) {
      const { exitCode, stderr } = await nodes.runInNode(this.#paths, node.name, words);
      if (exitCode !== 0) throw new Error(`${node.name}: ${words.join(' ')}: ${stderr}`);
    }
  }

  /** Returns when all nodes are Ready. */
  async ready(): Promise<void> {
    await this.#api.waitFor(
      'all nodes are Ready',
      async () => {
        const { items } = await this.#api.get<{ items: readonly NodeObject[] }>('nodes');
        return items.length === this.#record.nodes.length && items.every(isReady);
      },
      readyMs,
    );
  }

  /** Starts one more node, named by the next number; returns when it has registered, with a CNI when it is Ready. */
  async add(): Promise<ClusterNodeRecord> {
    const node = await this.#join({});
    await this.settle();
    return node;
  }

  /**
   * Adds a node whose kubelet waits for an external cloud provider, which does not exist: returns when it has
   * registered.
   */
  async addOfCloud(): Promise<ClusterNodeRecord> {
    const node = await this.#join({ isOfCloud: true });
    await this.#api.waitFor(`${node.name} has registered`, async () => {
      return (await this.#api.tryKubectl(['get', 'node', node.name])).exitCode === 0;
    });
    return node;
  }

  /**
   * Ends the node as by its power switch, deletes its Node object and its disk. Any `kubectl drain` must come before.
   */
  async remove(name: string): Promise<void> {
    await nodes.stopNode(this.#paths, this.record(name).name);
    nodes.removeNodeFiles(this.#paths, name);
    this.#save(this.#record.nodes.filter((node) => node.name !== name));
    await this.#api.kubectl('delete', 'node', name, '--ignore-not-found');
  }

  /** Power off and on: no process, link, route, pin or file below /run survives; the disk does. Returns as `add`. */
  async reboot(name: string): Promise<void> {
    const node = this.record(name);
    await nodes.stopNode(this.#paths, name);
    const { metadata } = await this.#api.get<NodeObject>('node', name);
    await nodes.startNode(this.#tools, node, []);
    await this.#api.waitFor(`${name} reports again`, async () => {
      const { status, metadata: now } = await this.#api.get<NodeObject>('node', name);
      return status.nodeInfo.bootID !== '' && now.resourceVersion !== metadata.resourceVersion;
    });
    await this.settle();
  }

  /** Gives the node different InternalIPs (in the same networks, IPv4 first) and restarts its kubelet with them. */
  async setAddresses(name: string, addresses: ClusterNodeRecord['addresses']): Promise<void> {
    const node = { ...this.record(name), addresses };
    readdress(this.#paths, name, addresses);
    this.#save(this.#record.nodes.map((each) => (each.name === name ? node : each)));
    await nodes.restartKubelet(this.#paths, node);
    await this.#api.waitFor(`${name} reports ${addresses.join(', ')}`, async () => {
      const { status } = await this.#api.get<NodeObject>('node', name);
      const reported = status.addresses.filter(({ type }) => type === 'InternalIP');
      return reported.map(({ address }) => address).join() === addresses.join();
    });
    await this.settle();
  }

  /**
   * Containers keep running meanwhile. Returns when the kubelet knows the node's pods again: before that it answers no
   * exec.
   */
  async restartKubelet(name: string): Promise<void> {
    await nodes.restartKubelet(this.#paths, this.record(name));
    await this.#api.waitFor(`the kubelet of ${name} knows its pods`, async () => {
      const selector = `--field-selector=spec.nodeName=${name}`;
      const { items } = await this.#api.get<{ items: readonly NamedObject[] }>(
        'pods',
        '-A',
        selector,
      );
      const asked = ['curl', '-sk', '--max-time', '5', 'https://127.0.0.1:10250/pods'];
      const { stdout } = await nodes.runInNode(this.#paths, name, asked);
      return items.every(({ metadata }) => stdout.includes(`"${metadata.uid}"`));
    });
  }

  restartContainerd(name: string): Promise<void> {
    return nodes.restartContainerd(this.#paths, this.record(name).name);
  }

  /** Pauses the node's kubelet while `act` runs: at most half a minute, or the node counts as lost. */
  async withoutKubelet<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    const identity = daemonIdentity(this.#paths, nodes.daemonOf(name, 'kubelet'));
    if (identity === undefined) throw new Error(`${name} has no kubelet`);
    process.kill(identity.pid, 'SIGSTOP');
    try {
      return await act();
    } finally {
      process.kill(identity.pid, 'SIGCONT');
    }
  }

  /**
   * Returns when all are registered, with the reference plugins' network if it is used, and Ready if there is any
   * network.
   */
  async settle(): Promise<void> {
    const { cni, kubeProxy } = this.#record;
    const placed = await this.#placed();
    routeFromControlPlane(this.#paths, placed);
    if (cni === 'bridge') {
      for (const node of placed) writeBridgeConflist(this.#paths, node);
      routeBetweenNodes(this.#paths, placed);
    }
    for (const { name } of kubeProxy === undefined ? [] : placed) {
      if (!isRunning(this.#paths, nodes.daemonOf(name, 'kube-proxy')))
        startKubeProxy(this.#paths, name, kubeProxy ?? 'nftables');
    }
    if (cni !== 'none') await this.ready();
  }

  #placed(): Promise<readonly PlacedNode[]> {
    return this.#api.waitFor('all nodes have registered and have pod ranges', async () => {
      const { items } = await this.#api.get<{ items: readonly NodeObject[] }>('nodes');
      const placed = this.#record.nodes.flatMap((node): PlacedNode[] => {
        const found =
          items.find(({ metadata }) => metadata.name === node.name)?.spec.podCIDRs ?? [];
        const podCidrs: readonly Prefix[] = found.map((range) => parsePrefix(range));
        return podCidrs.length === 2 ? [{ ...node, podCidrs }] : [];
      });
      return placed.length === this.#record.nodes.length && placed;
    });
  }

  async #join(more: Pick<ClusterNodeRecord, 'isOfCloud'>): Promise<ClusterNodeRecord> {
    const numbers = this.#record.nodes.map(({ name }) => Number(name.replace('node-', '')));
    const node = { ...newNode(parseNodeCount(Math.max(0, ...numbers) + 1)), ...more };
    this.#save([...this.#record.nodes, node]);
    const archives = await buildImages(this.#tools.programs, this.#progress);
    const heddle = [heddleArchive(this.#paths)].filter(existsSync);
    await nodes.startNode(this.#tools, node, [...archives, ...heddle]);
    return node;
  }

  #save(list: readonly ClusterNodeRecord[]): void {
    writeClusterRecord({ ...this.#record, nodes: list });
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
    /** Absent on a Node that was not created by its kubelet, until the kubelet reports. */
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo: { readonly bootID: string };
  };
}

function isReady({ status }: NodeObject): boolean {
  return !!status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}
