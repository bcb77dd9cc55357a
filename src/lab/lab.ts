// A running lab: the switch, the nodes with their agents, the pods. Follows its manifests: pods come and go as the files
// say. Everything it makes stands under its name (paths.ts), so that removeLab needs nothing but that.

import { type FSWatcher, mkdirSync, statSync, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../base/input-error.ts';
import { cgroupMount, makeCgroup } from './cgroup.ts';
import { type PodFacts, renderCluster, writeCluster } from './cluster-files.ts';
import { type DesiredPod, desiredPods } from './desired-pods.ts';
import { type AgentSettings, LabAgent } from './lab-agent.ts';
import { LabPod } from './lab-pod.ts';
import { type ManifestFile, type PodKey, readManifests } from './manifests.ts';
import { generatedNodes, type LabNode, planFabrics, world } from './nodes.ts';
import { type LabPaths, labPaths, namespacePath, nodePaths, parseLabName } from './paths.ts';
import {
  isAlive,
  type LabMode,
  type LabRecord,
  type NodeRecord,
  processIdentity,
  readRecord,
  writeRecord,
} from './record.ts';
import { removeLab, removeParts } from './remove.ts';
import { buildTopology } from './topology.ts';

export interface LabOptions {
  readonly name: string;
  /** A manifest or a folder of manifests. */
  readonly source: string;
  readonly mode: LabMode;
  /** How many to make when the manifests have no Node. */
  readonly nodes: number;
  /** More keys for every agent's configuration. */
  readonly settings?: AgentSettings;
  readonly onNote?: (text: string) => void;
}

type FixedNode = Omit<NodeRecord, 'agent'> & { readonly state: string };

const settleMs = 100;

export class Lab {
  readonly options: LabOptions;
  readonly #paths: LabPaths;
  readonly #cgroup: string;
  readonly #generated: readonly LabNode[];
  readonly #nodes: readonly FixedNode[];
  readonly #agents = new Map<string, LabAgent>();
  readonly #pods = new Map<PodKey, LabPod>();
  readonly #notes: { readonly time: string; readonly text: string }[] = [];
  readonly #createdAt = new Date().toISOString();
  #files: readonly ManifestFile[];
  #problems: readonly string[] = [];
  #state: LabRecord['state'] = 'starting';
  #work: Promise<void> = Promise.resolve();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: LabOptions, files: readonly ManifestFile[]) {
    this.options = options;
    this.#files = files;
    this.#paths = labPaths(options.name);
    this.#cgroup = join(cgroupMount(), this.#paths.cgroupName);
    const written = files.flatMap((file) => file.nodes);
    this.#generated = written.length > 0 ? [] : generatedNodes(options.nodes);
    this.#nodes = [...written, ...this.#generated].map((node) => this.#fix(node));
  }

  /**
   * Makes namespaces, wires and files; `startAgents` and `startPods` bring them to life. A crashed lab of this name is
   * removed first. Throws InputError when a lab of this name is up or the manifests make no lab; nothing stays then.
   */
  static async build(options: LabOptions): Promise<Lab> {
    parseLabName(options.name);
    const files = readManifests(options.source);
    const lab = new Lab({ ...options, source: resolve(options.source) }, files);
    await lab.#claimName();
    try {
      lab.#build();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  get paths(): LabPaths {
    return this.#paths;
  }

  record(): LabRecord {
    const { name, mode, source } = this.options;
    return {
      name,
      mode,
      source,
      createdAt: this.#createdAt,
      state: this.#state,
      supervisor: processIdentity(),
      switchNamespace: namespacePath(this.#paths, 'switch'),
      world: {
        namespacePath: namespacePath(this.#paths, 'world'),
        cgroup: join(this.#cgroup, 'world'),
        addresses: world.addresses.map(({ own }) => own),
      },
      nodes: this.#nodes.map((node) => {
        const { state: _, ...fixed } = node;
        return {
          ...fixed,
          agent: this.#agents.get(node.name)?.state ?? { state: 'down', restarts: 0 },
        };
      }),
      pods: [...this.#pods.values()].map((pod) => pod.record()).sort(byName),
      problems: this.#problems,
      notes: this.#notes.slice(-50),
    };
  }

  agent(node: string): LabAgent {
    const agent = this.#agents.get(node);
    if (agent === undefined)
      throw new InputError({ object: 'node', value: node, rule: 'is not in this lab' });
    return agent;
  }

  get isStopping(): boolean {
    return this.#state === 'stopping';
  }

  /** How many the manifests have. */
  get podCount(): number {
    return this.#files.flatMap((file) => file.pods).length;
  }

  /** Resolves when all are ready; throws with an agent's last words when one does not start. */
  async startAgents(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.start()));
  }

  /** Resolves when every pod of the manifests runs. */
  async startPods(): Promise<void> {
    await this.#queue(() => this.#settle());
    if (this.#state === 'stopping') return;
    this.#state = 'up';
    this.#save();
  }

  /** From now on edits of the manifests add and remove pods. */
  watch(): void {
    const { source } = this.options;
    const isDirectory = statSync(source).isDirectory();
    this.#watcher = watch(isDirectory ? source : dirname(source), (_, file) => {
      if (!isDirectory && file !== basename(source)) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.sync(), settleMs);
    });
  }

  /** Reads the manifests again and makes the pods match. */
  sync(): Promise<void> {
    return this.#queue(async () => {
      this.#files = readManifests(this.options.source);
      await this.#settle();
    }).catch((error: Error) => this.#note(error.message));
  }

  /** Ends every process of the lab and removes all of it. */
  async close(): Promise<void> {
    this.#state = 'stopping';
    this.#watcher?.close();
    clearTimeout(this.#timer);
    for (const pod of this.#pods.values()) pod.abandon();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    // What was under way must not make anything after the removal.
    await this.#work;
    await removeParts(this.options.name);
  }

  async #claimName(): Promise<void> {
    const { name } = this.options;
    const supervisor = readRecord(name)?.supervisor;
    if (supervisor !== undefined && isAlive(supervisor)) {
      throw new InputError({
        object: 'lab name',
        value: name,
        rule: `is in use by process ${supervisor.pid}: heddle lab down --name ${name}, or choose another --name`,
      });
    }
    if (await removeLab(name)) this.#note(`removed what an earlier lab ${name} had left behind`);
    mkdirSync(join(this.#paths.directory, 'pods'), { recursive: true });
    this.#save();
  }

  #build(): void {
    for (const node of this.#nodes) makeCgroup(node.cgroup);
    makeCgroup(join(this.#cgroup, 'world'));
    const fabrics = planFabrics(this.#nodes);
    buildTopology(this.#paths, { nodes: this.#nodes, fabrics, world });
    this.#writeCluster();
    for (const node of this.#nodes) {
      const agent = new LabAgent({
        node,
        mode: this.options.mode,
        clusterDirectory: this.#paths.cluster,
        settings: this.options.settings ?? {},
        onChange: () => this.#save(),
        onNote: (text) => this.#note(text),
      });
      this.#agents.set(node.name, agent);
    }
  }

  async #settle(): Promise<void> {
    if (this.#state === 'stopping') return;
    const names = this.#nodes.map((node) => node.name);
    const current = [...this.#pods.values()].map(({ spec, node }) => ({ spec, node }));
    const { pods, problems } = desiredPods(this.#files, names, current);
    this.#problems = problems;
    const gone = [...this.#pods].filter(([key, pod]) => !isSame(pods.get(key), pod));
    await Promise.all(gone.map(([key, pod]) => pod.remove().then(() => this.#pods.delete(key))));
    const added = [...pods.values()].filter(({ spec }) => !this.#pods.has(spec.key));
    for (const pod of added) this.#pods.set(pod.spec.key, this.#makePod(pod));
    this.#writeCluster();
    await Promise.all(added.map(({ spec }) => this.#pods.get(spec.key)?.start()));
    this.#writeCluster();
    this.#save();
  }

  #makePod({ spec, node: nodeName }: DesiredPod): LabPod {
    const node = this.#nodes.find(({ name }) => name === nodeName);
    if (node === undefined)
      throw new Error(`pod ${spec.key} was placed on ${nodeName}, which is not there`);
    const file = spec.key.replace('/', '_');
    return new LabPod({
      spec,
      node,
      namespacePath: spec.hostNetwork
        ? node.namespacePath
        : namespacePath(this.#paths, 'pod', spec.key),
      cgroup: join(node.cgroup, 'pods', file),
      log: join(this.#paths.directory, 'pods', `${file}.log`),
      onChange: () => this.#save(),
      onNote: (text) => this.#note(text),
    });
  }

  #writeCluster(): void {
    if (this.#state === 'stopping') return;
    const facts = new Map<PodKey, PodFacts>();
    for (const [key, pod] of this.#pods) {
      const node = this.#nodes.find(({ name }) => name === pod.node);
      facts.set(key, {
        uid: pod.uid,
        node: pod.node,
        nodeAddress: node?.addresses[0],
        addresses: pod.addresses,
      });
    }
    writeCluster(this.#paths.cluster, renderCluster(this.#files, facts, this.#generated));
  }

  #fix(node: LabNode): FixedNode {
    const { namespace, ...paths } = nodePaths(this.#paths, node.name);
    const { state, socket, config, conflist, log, pins } = paths;
    const cgroup = join(this.#cgroup, node.name);
    return {
      ...node,
      namespacePath: namespace,
      cgroup,
      state,
      socket,
      config,
      conflist,
      log,
      pins,
    };
  }

  /** One change of the pods at a time. */
  #queue(task: () => Promise<void>): Promise<void> {
    const next = this.#work.then(task);
    this.#work = next.catch(() => undefined);
    return next;
  }

  #note(text: string): void {
    if (this.#state === 'stopping') return;
    this.#notes.push({ time: new Date().toISOString(), text });
    this.options.onNote?.(text);
    this.#save();
  }

  #save(): void {
    if (this.#state !== 'stopping') writeRecord(this.record());
  }
}

function isSame(desired: DesiredPod | undefined, pod: LabPod): boolean {
  if (desired === undefined || desired.node !== pod.node) return false;
  return JSON.stringify(desired.spec) === JSON.stringify(pod.spec);
}

function byName(
  left: { namespace: string; name: string },
  right: { namespace: string; name: string },
): number {
  return `${left.namespace}/${left.name}` < `${right.namespace}/${right.name}` ? -1 : 1;
}
