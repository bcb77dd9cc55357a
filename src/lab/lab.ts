// A running lab: the switch, the nodes with their agents, and the pods. It follows its manifests: pods are added and
// deleted as the files change. Everything it creates is named after the lab (paths.ts), so removeLab needs only the
// name.

import { type FSWatcher, rmSync, statSync, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../base/input-error.ts';
import { cgroupMount, makeCgroup } from './cgroup.ts';
import { renderCluster, writeCluster } from './cluster-files.ts';
import { desiredPods } from './desired-pods.ts';
import { type AgentSettings, LabAgent } from './lab-agent.ts';
import { LabPods } from './lab-pods.ts';
import { type LabManifestFile, readLabManifests } from './manifests.ts';
import { generatedNodes, type LabNode, planFabrics, world } from './nodes.ts';
import { type LabPaths, labNamespacePath, labPaths, nodePaths, parseLabName } from './paths.ts';
import {
  claimLab,
  isAlive,
  type LabMode,
  type LabNodeRecord,
  type LabRecord,
  processIdentity,
  readLabRecord,
  writeLabRecord,
} from './record.ts';
import { removeParts, removeShared } from './remove.ts';
import { buildTopology } from './topology.ts';

export interface LabOptions {
  readonly name: string;
  /** A manifest or a folder of manifests. */
  readonly source: string;
  readonly mode: LabMode;
  /** Number of nodes if the manifests have none. */
  readonly nodes: number;
  /** Additional configuration keys for every agent. */
  readonly settings?: AgentSettings;
  readonly onNote?: (text: string) => void;
}

type FixedNode = Omit<LabNodeRecord, 'agent'> & { readonly state: string };

// When an editor saves a file, several events occur.
const editMs = 100;
const changeMs = 20;

export class Lab {
  readonly options: LabOptions;
  readonly #paths: LabPaths;
  readonly #cgroup: string;
  readonly #generated: readonly LabNode[];
  readonly #nodes: readonly FixedNode[];
  readonly #agents = new Map<string, LabAgent>();
  readonly #pods: LabPods;
  readonly #notes: { readonly time: string; readonly text: string }[] = [];
  readonly #createdAt = new Date().toISOString();
  #files: readonly LabManifestFile[];
  #problems: readonly string[] = [];
  #state: LabRecord['state'] = 'starting';
  #work: Promise<void> = Promise.resolve();
  #watcher: FSWatcher | undefined;
  #editTimer: NodeJS.Timeout | undefined;
  #changeTimer: NodeJS.Timeout | undefined;

  private constructor(options: LabOptions, files: readonly LabManifestFile[]) {
    this.options = options;
    this.#files = files;
    this.#paths = labPaths(options.name);
    this.#cgroup = join(cgroupMount(), this.#paths.cgroupName);
    const written = files.flatMap((file) => file.nodes);
    this.#generated = written.length > 0 ? [] : generatedNodes(options.nodes);
    this.#nodes = [...written, ...this.#generated].map((node) => this.#fix(node));
    this.#pods = new LabPods({
      paths: this.#paths,
      nodes: this.#nodes,
      onChange: () => this.#podsChanged(),
      onNote: (text) => this.#note(text),
    });
  }

  /**
   * Creates namespaces, wires and files; `startAgents` and `startPods` start the processes. A crashed lab of the same
   * name is removed first. Throws InputError if a lab of this name is running or the manifests do not form a lab;
   * nothing is left then.
   */
  static async build(options: LabOptions): Promise<Lab> {
    parseLabName(options.name);
    const files = readLabManifests(options.source);
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
      switchNamespace: labNamespacePath(this.#paths, 'switch'),
      world: {
        namespacePath: labNamespacePath(this.#paths, 'world'),
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
      pods: this.#pods.records(),
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

  /** Number of pods in the manifests. */
  get podCount(): number {
    return this.#files.flatMap((file) => file.pods).length;
  }

  /** Resolves when all agents are ready. Throws with the end of an agent's log if it does not start. */
  async startAgents(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.start()));
  }

  /** Resolves when every pod of the manifests runs. */
  async startPods(): Promise<void> {
    await this.#queue(() => this.#settle());
    await this.#pods.started();
    if (this.#state === 'stopping') return;
    this.#state = 'up';
    this.#flush();
  }

  /** Starts following edits of the manifests. */
  watch(): void {
    const { source } = this.options;
    const isDirectory = statSync(source).isDirectory();
    this.#watcher = watch(isDirectory ? source : dirname(source), (_, file) => {
      if (!isDirectory && file !== basename(source)) return;
      clearTimeout(this.#editTimer);
      this.#editTimer = setTimeout(() => void this.sync(), editMs);
    });
  }

  /** Reads the manifests again and adjusts the pods. */
  sync(): Promise<void> {
    return this.#queue(async () => {
      this.#files = readLabManifests(this.options.source);
      await this.#settle();
    }).catch((error: Error) => this.#note(error.message));
  }

  /** Ends every process of the lab and removes the lab. */
  async close(): Promise<void> {
    this.#state = 'stopping';
    this.#watcher?.close();
    clearTimeout(this.#editTimer);
    clearTimeout(this.#changeTimer);
    const abandoned = this.#pods.abandon();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    // Running tasks must not create anything after the removal.
    await Promise.all([this.#work, abandoned]);
    await removeParts(this.options.name);
    rmSync(this.#paths.log, { force: true });
  }

  async #claimName(): Promise<void> {
    const { name } = this.options;
    let hadLeftovers = false;
    while (!claimLab(this.record())) {
      const supervisor = readLabRecord(name)?.supervisor;
      if (supervisor !== undefined && isAlive(supervisor)) {
        throw new InputError({
          object: 'lab name',
          value: name,
          rule: `is in use by process ${supervisor.pid}: heddle lab down --name ${name}, or choose another --name`,
        });
      }
      hadLeftovers = true;
      await removeParts(name);
    }
    await removeShared(name);
    if (hadLeftovers) this.#note(`removed leftovers of an earlier lab ${name}`);
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
    const { pods, problems } = desiredPods(this.#files, names, this.#pods.current());
    this.#problems = problems;
    await this.#pods.settle(pods);
    this.#writeCluster();
  }

  // Pods change in groups; changes within a moment are written once.
  #podsChanged(): void {
    this.#changeTimer ??= setTimeout(() => this.#flush(), changeMs);
  }

  #flush(): void {
    clearTimeout(this.#changeTimer);
    this.#changeTimer = undefined;
    this.#writeCluster();
    this.#save();
  }

  #writeCluster(): void {
    if (this.#state === 'stopping') return;
    const texts = renderCluster(this.#files, this.#pods.facts(), this.#generated);
    writeCluster(this.#paths.cluster, texts);
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

  /** Changes the pods one task at a time. */
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
    if (this.#state !== 'stopping') writeLabRecord(this.record());
  }
}
