// The running agent: follows the cluster, the node and the pods, and requests a settle for each change.

import type { SettleCause } from '../api/status.ts';
import type { Logger } from '../base/log.ts';
import { growNursery } from '../base/memory/nursery.ts';
import { UndoStack } from '../base/undo.ts';
import type { AgentConfig } from '../config/schema.ts';
import { isKernelError } from '../kernel/errno.ts';
import { subscribe } from '../kernel/netlink/notifications.ts';
import { Metrics } from '../observe/metrics.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { AgentStart } from './agent-start.ts';
import { apiSources } from './api-sources.ts';
import { assembleAgent } from './assemble.ts';
import { burstMemoryOfPods } from './burst.ts';
import { reportToCluster, reportWhatLasts } from './cluster-reports.ts';
import { Guard } from './guard.ts';
import { hostFilter } from './host/filter.ts';
import { isOfPods } from './host/hook-owner.ts';
import { watchHost } from './host/watch.ts';
import { lookAtNode } from './node-look.ts';
import type { OwnPart } from './own-problems.ts';
import type { AgentParts } from './parts.ts';
import { waitingFor } from './readiness.ts';
import { RulesWatch } from './rules-watch.ts';
import { runServices } from './run-services.ts';
import { type HealthSources, listenHealth } from './server/health.ts';
import { KeptOpen, type KeptOpenOptions } from './server/kept-open.ts';
import { openMetricsPort } from './server/metrics-port.ts';
import { keptMetrics } from './server/metrics-text.ts';
import { type KeptSocket, openSockets } from './server/socket.ts';
import type { Settler } from './settler.ts';
import { keepConfiguration, keepOwn } from './upkeep.ts';
import { metricSources } from './views/metric-sources.ts';
import { journalProblems } from './views/problems.ts';
import { agentViews, type Views } from './views/views.ts';

// Long enough for a burst (an interface with its addresses and routes), short enough not to be noticed.
const notificationDelayMs = 20;
export class Agent {
  readonly #parts: AgentParts;
  readonly #start: AgentStart;
  readonly #views: Views;
  readonly #metrics: Metrics;
  readonly #settler: Settler;
  readonly #guard: Guard;
  #rules: RulesWatch | undefined;
  readonly #owned = new UndoStack();
  #sockets: readonly KeptSocket[] = [];
  readonly #ports: Promise<void>[] = [];
  readonly #stop = new AbortController();
  #hasPeriod = false;
  #readyMs: number | undefined;
  #endGrowth = (): void => undefined;

  /** Loads or adopts the data path. */
  constructor(config: AgentConfig, log: Logger, start: AgentStart) {
    this.#start = start;
    try {
      this.#parts = assembleAgent({ config, log, owned: this.#owned, choice: start.services });
    } catch (error) {
      this.#owned[Symbol.dispose]();
      throw error;
    }
    this.#views = agentViews(this.#parts, () => this.#startTimes());
    this.#metrics = new Metrics(metricSources(this.#parts, this.#views, start.output));
    this.#settler = this.#parts.applier.settler;
    this.#guard = new Guard(this.#parts);
    this.#followSettles();
  }

  /** Runs until `signal` aborts. Rejects when a part fails. */
  async run(signal: AbortSignal): Promise<void> {
    const { pods, observer } = this.#parts;
    const stop = this.#stop.signal;
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    if (signal.aborted) return;
    if (this.#parts.kubernetes !== undefined) this.#endGrowth = growNursery();
    // Subscribe before reading any state, so that no change is missed in between.
    const kinds = ['link', 'address', 'route', 'setting', 'hook'] as const;
    const notifications = subscribe({ kinds, filter: hostFilter, signal: stop });
    const onHostChange = (): void => this.#settler.requestRested('network', notificationDelayMs);
    this.#rules = this.#owned.use(new RulesWatch({ signal: stop, onChange: onHostChange }));
    await pods.restore();
    await this.#listen();
    await Promise.all([
      watchHost(notifications, {
        onHostChange,
        onLinkGone: (ifIndex) => {
          if (pods.noticeLinkGone(ifIndex)) this.#settler.requestSoon('endpoint', 0);
        },
        // Until a program at a pod's interface is restored, the pod's packets bypass the data path.
        onHookRemoved: (hook) => {
          if (isOfPods(hook, pods)) this.#settler.requestSoon('network', 0);
        },
        onOverrun: () => {
          for (const { hostIfIndex } of pods.endpoints()) pods.noticeLinkGone(hostIfIndex);
          onHostChange();
        },
      }),
      this.#rules.run(),
      runServices(this.#parts, {
        signal: stop,
        onSettled: (sync) => {
          if (sync) this.#metrics.servicesSynced(sync);
          this.#tryReadiness();
        },
      }),
      this.#followCluster(stop),
      observer.run(stop),
    ]);
  }

  /** Leaves the data path in place. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#endGrowth();
    for (const socket of this.#sockets) socket.end();
    await Promise.all(this.#ports);
    await this.#settler.stop();
    await this.#parts.services?.proxy.stop();
    this.#owned[Symbol.dispose]();
    this.#parts.log.info({}, 'stopped; the data path stays');
  }

  async #followCluster(stop: AbortSignal): Promise<void> {
    const { source, network, kubernetes, knownPods } = this.#parts;
    const looked = this.#lookForApiServer();
    for await (const snapshot of source.watch(stop)) {
      const began = performance.now();
      const isDue = network.replaceSnapshot(snapshot);
      knownPods.changed();
      this.#parts.services?.proxy.request();
      this.#settler.spend(performance.now() - began);
      // Nothing is written before the addresses of the API server are known, because routes must not cover them.
      if (this.#readyMs === undefined && !network.isWaiting) await looked;
      if (kubernetes?.state.connection.failing !== undefined) void this.#lookForApiServer();
      if (!isDue && this.#readyMs !== undefined) continue;
      const isSettled = await this.#settleWithCluster();
      if (isSettled && !network.isWaiting) this.#settled();
      // Retry what failed.
      else if (!isSettled || network.problem !== undefined) this.#startPeriod();
      if (this.#readyMs !== undefined) await this.#settler.rested(stop);
    }
  }

  // If the kernel cannot be queried, the start fails. Later the next period retries.
  async #settleWithCluster(): Promise<boolean> {
    const isStart = this.#readyMs === undefined;
    try {
      await this.#settler.request(isStart ? 'start' : 'cluster');
      return true;
    } catch (error) {
      if ((isStart && isKernelError(error)) || this.#stop.signal.aborted) throw error;
      this.#guard.note('settle', error);
      return false;
    }
  }

  async #lookForApiServer(): Promise<void> {
    const { apiServerWay, network } = this.#parts;
    const isNews = (await apiServerWay?.look()) === true;
    if (isNews && !network.isWaiting) this.#settler.requestSoon('network', 0);
  }

  // After a failed start, no change of the cluster may follow that would trigger another attempt.
  #tryReadiness(): void {
    if (this.#hasPeriod && !this.#parts.network.isWaiting) this.#settled();
  }

  // The data path matches the cluster completely.
  #settled(): void {
    this.#startPeriod();
    if (this.#parts.services?.proxy.hasSettled === false) return;
    if (this.#readyMs === undefined && waitingFor(this.#parts) === undefined) this.#becomeReady();
  }

  #startPeriod(): void {
    if (!this.#hasPeriod) this.#settler.startPeriod();
    this.#hasPeriod = true;
  }

  #becomeReady(): void {
    this.#readyMs = Math.round(performance.now());
    this.#endGrowth();
    this.#parts.cniConfiguration.keep();
    const { log, reconciler, pods } = this.#parts;
    const writes = reconciler.status().map(({ writes: { set, deleted } }) => set + deleted);
    const endpoints = pods.endpoints().length;
    const written = writes.reduce((sum, count) => sum + count, 0);
    log.info({ ...this.#startTimes(), endpoints, writes: written }, 'ready');
    reportToCluster(this.#parts, this.#readyMs !== undefined);
  }

  // Independent listeners: an error in one does not affect the others.
  #followSettles(): void {
    const { applier, network, names, pods, journal, config, services } = this.#parts;
    applier.onSettled('connections', ({ causes, report }) =>
      this.#lookAtConnections(causes, report),
    );
    applier.onSettled('facts about the node', ({ causes, report }) =>
      lookAtNode(this.#parts, causes, report),
    );
    applier.onSettled('metrics of settles', ({ causes, began }) =>
      this.#metrics.settled(causes[0] ?? 'period', (performance.now() - began) / 1000),
    );
    const burstMemory = this.#owned.use(burstMemoryOfPods());
    applier.onSettled('memory after a burst', ({ causes }) => {
      if (causes.includes('endpoint')) burstMemory.noteChange();
    });
    applier.onSettled('names of flows', () => {
      const { pods: clusterPods } = network.snapshot.state;
      const cluster = { pods: clusterPods, nodes: network.desired.nodes };
      names.replace({ node: config.node, cluster, endpoints: pods.live });
    });
    applier.onSettled('journal', ({ causes, report, began }) =>
      journal.settled({ causes, report, began, durationMs: performance.now() - began }),
    );
    // The addresses of nodes, and what has an address, come from the settle.
    applier.onSettled('Services', ({ causes }) => {
      if (causes.some((cause) => cause !== 'endpoint')) services?.proxy.request();
    });
    applier.onSettled('CNI configuration', ({ causes }) => {
      if (this.#readyMs !== undefined) keepConfiguration(this.#parts, causes);
    });
    applier.onSettled('problems', () => journal.problems(journalProblems(this.#parts)));
    applier.onSettled('reports to the cluster', ({ causes }) => {
      const isOnlyPods = causes.every((cause) => cause === 'endpoint');
      if (!isOnlyPods) reportToCluster(this.#parts, this.#readyMs !== undefined);
      if (causes.includes('period')) reportWhatLasts(this.#parts);
    });
    applier.onSettled('own files and pins', ({ causes }) => {
      if (causes.includes('period')) keepOwn(this.#parts, this.#start);
    });
    applier.onSettled('readiness', () => this.#tryReadiness());
  }

  // If rules could not be written, the connections would stay as they are.
  #lookAtConnections(causes: readonly SettleCause[], { failures, written }: SettleReport): void {
    const { connections, network } = this.#parts;
    if (network.isWaiting || failures.some(({ table }) => table === 'nft')) return;
    // Entries that were neither written nor listed may have been changed meanwhile.
    const isListed = causes.includes('network') || causes.includes('period');
    if (isListed || written.includes('nft')) this.#rules?.accept();
    const { endpoints } = network.desired;
    connections.settled({ ...network.translation, isWritten: written.includes('nft'), endpoints });
  }

  // The sockets first: pods come and go by them, and no port may keep the agent from that.
  async #listen(): Promise<void> {
    const { config, log } = this.#parts;
    const health: HealthSources = {
      notReady: () => {
        if (this.#readyMs !== undefined) {
          return this.#parts.pods.diskProblem() ?? this.#parts.cniConfiguration.waitsFor;
        }
        return waitingFor(this.#parts) ?? 'the first settle has not finished';
      },
    };
    const metrics = keptMetrics(this.#metrics.contentType, () => this.#metrics.render());
    const sources = apiSources(this.#parts, this.#views, {
      health,
      metrics,
      counts: this.#metrics,
    });
    this.#sockets = await openSockets(config, sources, (part, problem) =>
      this.#setOwnProblem(part, problem),
    );
    log.info({ socket: config.socket }, 'listening');
    this.#keepOpen('health.address', 'probes fail', () =>
      listenHealth(config.health.address, health),
    );
    const { address } = config.metrics;
    if (address === 'none') return;
    this.#keepOpen('metrics.address', 'metrics cannot be read there', () =>
      openMetricsPort(address, metrics),
    );
  }

  #keepOpen(name: OwnPart, consequence: string, open: KeptOpenOptions['open']): void {
    const onProblem = (problem: string | undefined): void => this.#setOwnProblem(name, problem);
    const port = new KeptOpen({ name, consequence, open, onProblem, log: this.#parts.log });
    this.#ports.push(port.run(this.#stop.signal));
  }

  #setOwnProblem(part: OwnPart, problem: string | undefined): void {
    const { ownProblems, journal } = this.#parts;
    ownProblems.set(part, problem);
    journal.problems(journalProblems(this.#parts));
  }

  #startTimes(): { runtimeMs: number; loadMs: number; readyMs?: number } {
    const readyMs = this.#readyMs;
    return {
      runtimeMs: this.#start.runtimeMs,
      loadMs: this.#parts.datapath.loadMs,
      ...(readyMs === undefined ? {} : { readyMs }),
    };
  }
}
