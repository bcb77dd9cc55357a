// An agent of Heddle on a node of the experiment, with its pods.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeStatus } from '../../src/api/status.ts';
import { maps } from '../../src/datapath/generated.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { cgroupMount, makeCgroup, removeCgroup } from '../../src/lab/cgroup.ts';
import { callInTurn } from '../load/cni-calls.ts';
import type { BenchPlace } from '../place.ts';
import { BenchPods } from '../pods.ts';
import { AgentProcess } from '../simulated/agent-process.ts';
import type { ColdSync, MeasuredProxy, ProxyNetwork } from './proxy.ts';
import type { BareNode, PodAddresses } from './world.ts';

const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));

/** Longest cold sync, also on a busy machine. */
const mostSeconds = 300;

export interface HeddleProxyOptions {
  readonly name: string;
  readonly mode: 'on' | 'off';
  /** Part of the names of pods, pins and cgroups. */
  readonly id: string;
  readonly node: BareNode;
  readonly kubeconfig: string;
  readonly cpu: number;
}

export class HeddleProxy implements MeasuredProxy {
  readonly name: string;
  readonly network: ProxyNetwork;
  readonly restMs = 0;
  readonly changes = { quick: 20, usual: 100 };
  readonly #options: HeddleProxyOptions;
  readonly #agent: AgentProcess;
  readonly #folder: string;
  readonly #cgroup: string;
  readonly #pods: BenchPods;

  constructor(options: HeddleProxyOptions) {
    const { name, mode, id, node, kubeconfig, cpu } = options;
    this.#options = options;
    this.name = name;
    this.#folder = mkdtempSync(join(tmpdir(), 'heddle-bench-services-'));
    this.#cgroup = join(cgroupMount(), `heddle-bench-${id}`);
    for (const cgroup of [this.#cgroup, this.#clientCgroup]) makeCgroup(cgroup);
    this.#pods = new BenchPods(`heddle-bench-${id}-pod`);
    const [client, server] = this.#pods.atLeast(2);
    if (client === undefined || server === undefined) throw new Error('there are two pods');
    this.network = { ...node, client, server };
    this.#agent = new AgentProcess({
      folder: join(this.#folder, 'agent'),
      pinDir: this.#pinDir,
      ...{ kubeconfig, cpu, mostSeconds, namespacePath: node.node.namespacePath },
      settings: { services: { mode }, cgroupRoot: this.#cgroup },
    });
  }

  /** The client as a process of its pod, which the programs at sockets lead. */
  get clientInCgroup(): BenchPlace {
    return { ...this.network.client, ownCgroup: this.#clientCgroup };
  }

  get pid(): number {
    return this.#agent.pid;
  }

  async start(services: number, signal: AbortSignal): Promise<ColdSync> {
    const began = performance.now();
    await this.#agent.start(signal);
    const status = this.#options.mode === 'on' ? await this.#written(services, signal) : undefined;
    const seconds = (performance.now() - began) / 1000;
    if (status === undefined) return { seconds, writingSeconds: 0 };
    const lists = (status.cluster.apiServer?.resources ?? []).map(({ listedAt = '' }) =>
      Date.parse(listedAt),
    );
    return { seconds, writingSeconds: (Date.now() - Math.max(...lists)) / 1000 };
  }

  /** The status once all Services are written. */
  async #written(services: number, signal: AbortSignal): Promise<NodeStatus> {
    const began = performance.now();
    // An answer with the status takes the agent's time. The last table can be read without it.
    using frontends = BpfMap.openPinned(
      describePins(this.#pinDir).map('frontends'),
      maps.frontends,
    );
    for (;;) {
      signal.throwIfAborted();
      // A frontend has its port and the entry for all other ports.
      const status = frontends.count() < 2 * services ? undefined : await this.#agent.status();
      if (status !== undefined && isComplete(status)) return status;
      if (performance.now() - began > mostSeconds * 1000)
        throw new Error(`${this.name}: ${failure(status ?? (await this.#agent.status()))}`);
      await sleep(10);
    }
  }

  /** Joins both pods to the running agent. Throws an Error if they get other addresses. */
  async addPods(expected: PodAddresses): Promise<void> {
    const { name, node } = this.#options;
    const configuration = {
      ...{
        cniVersion: '1.0.0',
        name: 'bench',
        type: 'heddle-cni',
        agentSocket: this.#agent.socket,
      },
    };
    const { namespacePath } = node.node;
    const plugin = { name, namespacePath, executable: shim, configuration };
    await callInTurn(plugin, 'ADD', this.#pods.atLeast(2));
    for (const pod of ['client', 'server'] as const) {
      const { stdout } = spawnSync(
        'nsenter',
        [`--net=${this.network[pod].namespacePath}`, 'ip', '-4', '-o', 'addr', 'show', 'eth0'],
        { encoding: 'utf8' },
      );
      if (!stdout.includes(` ${expected[pod]}/`))
        throw new Error(`pod ${pod} has not the address ${expected[pod]}: ${stdout}`);
    }
  }

  stop(): Promise<void> {
    return this.#agent.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#agent.uninstall();
    this.#pods[Symbol.dispose]();
    removeCgroup(this.#cgroup);
    rmSync(this.#folder, { recursive: true });
  }

  get #pinDir(): string {
    return `/sys/fs/bpf/heddle-bench-${this.#options.id}`;
  }

  get #clientCgroup(): string {
    return join(this.#cgroup, 'client');
  }
}

function isComplete({ tables }: NodeStatus): boolean {
  const ours = tables.filter(({ name }) => name.startsWith('service-'));
  return ours.length > 0 && ours.every(({ applied, desired }) => applied === desired);
}

function failure({ health, tables }: NodeStatus): string {
  const counts = tables.map(({ name, applied, desired }) => `${name} ${applied}/${desired}`);
  return `not all Services are written: ${[...health.reasons, ...counts].join('; ')}`;
}
