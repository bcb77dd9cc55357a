// The real kube-proxy, started on a node of the experiment with its usual settings.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf } from '../../src/lab/spawn.ts';
import type { KubeProxyMode } from '../../test/kube/kube-proxy.ts';
import { proxyNodeName, proxyPodRange } from './population.ts';
import type { ColdSync, MeasuredProxy, ProxyNetwork } from './proxy.ts';

export interface KubeProxyOptions {
  readonly mode: KubeProxyMode;
  readonly network: ProxyNetwork;
  /** The node's address in the network of the API server. */
  readonly address: string;
  readonly executable: string;
  readonly kubeconfig: string;
  /** For its configuration and its log. */
  readonly folder: string;
  readonly cpu: number;
  /** Longest cold sync, in seconds. */
  readonly mostSeconds: number;
}

const metricsPort = 10249;
const stopMs = 5_000;

/** The cold sync takes longer than this, too long to wait for. */
export class LateProxyError extends Error {
  readonly seconds: number;

  constructor(name: string, seconds: number) {
    super(`${name} has not synced within ${seconds} s`);
    this.seconds = seconds;
  }
}

export class KubeProxy implements MeasuredProxy {
  readonly name: string;
  readonly network: ProxyNetwork;
  // Its minSyncPeriod is 1 s.
  readonly restMs = 1_200;
  readonly changes = { quick: 2, usual: 5 };
  readonly #options: KubeProxyOptions;
  #child: ChildProcess | undefined;

  constructor(options: KubeProxyOptions) {
    this.#options = options;
    this.name = `kube-proxy, ${options.mode}`;
    this.network = options.network;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  async start(_services: number, signal: AbortSignal): Promise<ColdSync> {
    const { network, executable, cpu, mostSeconds } = this.#options;
    const log = openSync(this.#file('log'), 'a');
    const began = performance.now();
    const pinned = ['setpriv', '--pdeathsig', 'KILL', 'taskset', '-c', String(cpu), executable];
    const words = [
      `--net=${network.node.namespacePath}`,
      ...pinned,
      `--config=${this.#configure()}`,
    ];
    const child = spawn('nsenter', words, { stdio: ['ignore', log, log] });
    this.#child = child;
    closeSync(log);
    for (;;) {
      signal.throwIfAborted();
      // It syncs for the first time when it has read all Services and EndpointSlices.
      const writingSeconds = await this.#firstSync();
      const seconds = (performance.now() - began) / 1000;
      if (writingSeconds !== undefined) return { seconds, writingSeconds };
      if (child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.#lastLines()}`);
      if (seconds > mostSeconds) throw new LateProxyError(this.name, mostSeconds);
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = exitOf(child);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await ended;
    clearTimeout(timer);
  }

  /** Its rules end with the namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #configure(): string {
    const { mode, address, kubeconfig } = this.#options;
    const configuration = {
      ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode },
      clientConnection: { kubeconfig },
      clusterCIDR: proxyPodRange,
      hostnameOverride: proxyNodeName,
      metricsBindAddress: `${address}:${metricsPort}`,
      // The size of the connection table is the machine's.
      conntrack: { maxPerCore: 0 },
    };
    writeFileSync(this.#file('json'), JSON.stringify(configuration));
    return this.#file('json');
  }

  /** Seconds of the first sync; undefined before it has ended. */
  async #firstSync(): Promise<number | undefined> {
    const { address } = this.#options;
    const text = await fetch(`http://${address}:${metricsPort}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    const read = (part: 'count' | 'sum'): number => {
      const name = `kubeproxy_sync_full_proxy_rules_duration_seconds_${part}`;
      const line = new RegExp(`^${name}\\{ip_family="IPv4"\\} (.+)$`, 'm').exec(text);
      return Number(line?.[1] ?? 0);
    };
    return read('count') === 0 ? undefined : read('sum') / read('count');
  }

  #file(ending: string): string {
    return join(this.#options.folder, `kube-proxy-${this.#options.mode}.${ending}`);
  }

  #lastLines(): string {
    return readFileSync(this.#file('log'), 'utf8').trimEnd().split('\n').slice(-10).join('\n');
  }
}
