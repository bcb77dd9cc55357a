// The ports by which load balancers choose nodes: /healthz and /livez of this node as a proxy, and the health check ports
// of Services. The network may reach them, so a separate thread serves them (service-health-thread.ts): pods can fill that
// one with connections without delaying probes or CNI requests.

import { Worker } from 'node:worker_threads';
import type { Entries } from '../../base/collections/collection.ts';
import type { Logger } from '../../base/log.ts';
import { type Moment, moment } from '../../base/moment.ts';
import type { CompiledService } from '../../model/services/compiled.ts';
import { KeptOpen, type Opened } from '../server/kept-open.ts';
import { AnswerCounts, type ServiceHealthCounts } from './answer-counts.ts';
import type { HealthCheckProblem } from './health-check-ports.ts';
import { type ProxyAges, ProxyHealth } from './proxy-health.ts';
import { type ServiceCheckChange, ServiceChecks } from './service-checks.ts';

/** What the agent knows besides the times of `ProxyHealth`. */
export interface NodeHealth {
  /** See `isEligibleNode`; true while the cluster has not been read. */
  readonly isEligible: boolean;
  /** See `ProxyHealthOptions`. */
  readonly problem?: string | undefined;
}

export interface ServiceHealthPortsOptions {
  /** For /healthz and /livez, e.g. `0.0.0.0:10256`; undefined: they are not served. */
  readonly address?: string | undefined;
  /** See `ProxyHealthOptions`. */
  readonly timeoutMs: number;
  /** For health check ports. Default: `[::]`, all addresses of both families. */
  readonly host?: string;
  /** Called when `problems` has changed. */
  onProblems(): void;
  readonly log: Logger;
}

export interface HealthThreadData
  extends Pick<ServiceHealthPortsOptions, 'address' | 'timeoutMs' | 'host'> {
  /** Of `AnswerCounts`. */
  readonly memory: SharedArrayBuffer;
}

export type ToHealthThread =
  | { readonly kind: 'node'; readonly node: NodeHealth; readonly ages: ProxyAges }
  | { readonly kind: 'checks'; readonly changes: readonly ServiceCheckChange[] };

/** All problems of the thread; the first message says that it works. */
export type FromHealthThread = readonly HealthCheckProblem[];

// A thread that needs more is faulty: it ends and is replaced. A health check port takes 5 KB.
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

export class ServiceHealthPorts {
  readonly #options: ServiceHealthPortsOptions;
  readonly #proxy: ProxyHealth;
  readonly #checks = new ServiceChecks();
  readonly #counts = new AnswerCounts();
  #node: NodeHealth = { isEligible: true };
  #thread: Worker | undefined;
  #threadProblem: string | undefined;
  #problems: FromHealthThread = [];
  #need = (): void => undefined;
  readonly #needed: Promise<void>;

  constructor(options: ServiceHealthPortsOptions) {
    this.#options = options;
    this.#proxy = new ProxyHealth({ timeoutMs: options.timeoutMs });
    this.#needed = new Promise((resolve) => {
      this.#need = resolve;
    });
    if (options.address !== undefined) this.#need();
  }

  /** Runs until `signal` aborts; never rejects. Without an address, the thread starts with the first health check port. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', this.#need, { once: true });
    if (signal.aborted) return;
    await this.#needed;
    const { log, onProblems } = this.#options;
    const kept = new KeptOpen({
      name: 'health checks of Services',
      consequence: 'load balancers take this node for unhealthy',
      open: () => this.#openThread(),
      onProblem: (problem) => {
        this.#threadProblem = problem;
        onProblems();
      },
      log,
    });
    await kept.run(signal);
  }

  /** A Service, a slice or another thing that Services depend on has changed. */
  queued(): void {
    const isFirst = !this.#proxy.isWaiting;
    this.#proxy.queued(moment());
    if (isFirst) this.#tellNode();
  }

  /** The kernel has everything that was queued before `began`. */
  updated(began: Moment): void {
    this.#proxy.updated(began, moment());
    this.#tellNode();
  }

  setNode(node: NodeHealth): void {
    const { isEligible, problem } = this.#node;
    if (node.isEligible === isEligible && node.problem === problem) return;
    this.#node = node;
    this.#tellNode();
  }

  /** Opens, closes and moves health check ports; to be called after the kernel has what `compiled` says. */
  follow(compiled: Entries<string, CompiledService>): void {
    const changes = this.#checks.read(compiled);
    if (changes.length === 0) return;
    this.#need();
    this.#tell({ kind: 'checks', changes });
  }

  /** At most some ten. */
  get problems(): readonly HealthCheckProblem[] {
    if (this.#threadProblem === undefined) return this.#problems;
    return [{ text: this.#threadProblem }];
  }

  get counts(): ServiceHealthCounts {
    return this.#counts.all;
  }

  #openThread(): Promise<Opened> {
    const { address, timeoutMs, host } = this.#options;
    const data: HealthThreadData = {
      ...{ address, timeoutMs, memory: this.#counts.memory },
      ...(host !== undefined && { host }),
    };
    const url = new URL('./service-health-thread.js', import.meta.url);
    const thread = new Worker(url, { workerData: data, resourceLimits });
    const close = (): void => {
      if (this.#thread === thread) this.#thread = undefined;
      void thread.terminate();
    };
    const broken = new Promise<never>((_, reject) => {
      thread.once('error', reject);
      thread.once('exit', (code) => reject(new Error(`their thread has ended (${code})`)));
    });
    broken.catch(() => undefined);
    this.#thread = thread;
    this.#tellNode();
    this.#tell({ kind: 'checks', changes: this.#checks.all });
    const works = new Promise<Opened>((resolve) => {
      thread.on('message', (problems: FromHealthThread) => {
        if (this.#thread !== thread) return;
        const isNews = problems.length > 0 || this.#problems.length > 0;
        this.#problems = problems;
        if (isNews) this.#options.onProblems();
        resolve({ address: address ?? 'health check ports', broken, close });
      });
    });
    return Promise.race([works, broken]);
  }

  #tellNode(): void {
    this.#tell({ kind: 'node', node: this.#node, ages: this.#proxy.ages(moment()) });
  }

  #tell(message: ToHealthThread): void {
    this.#thread?.postMessage(message);
  }
}
