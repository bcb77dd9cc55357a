// Health check ports of Services (`healthCheckNodePort`), as kube-proxy serves them on every address of the node: load
// balancers ask there whether this node has endpoints of the Service.

import type { ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { BackoffOptions } from '../../base/backoff.ts';
import type { Logger } from '../../base/log.ts';
import { healthCheckFiles } from '../../base/open-files.ts';
import type { Port } from '../../net/port.ts';
import {
  type BoundedHttp,
  type BoundedServer,
  boundedHttp,
  openListener,
} from '../server/bounded-server.ts';
import { KeptOpen } from '../server/kept-open.ts';
import { answerJson } from './answer-json.ts';
import { PortClaims } from './port-claims.ts';
import type { ServiceCheck, ServiceCheckChange } from './service-checks.ts';

export interface HealthCheckPortsOptions {
  /** See `ProxyHealth`. The state of the Node object does not count. */
  isProxyHealthy(): boolean;
  /** Called when `problems` has changed. */
  onProblems(): void;
  readonly log: Pick<Logger, 'debug'>;
  /** Default: as many as the limit on open files allows. */
  readonly maxPorts?: number;
  /** For all ports together. Default: as for `maxPorts`. */
  readonly maxConnections?: number;
  /** Default: `[::]`, all addresses of both families. */
  readonly host?: string;
  onConnection?(): void;
  readonly patienceMs?: number;
  readonly backoff?: BackoffOptions;
}

export interface HealthCheckProblem {
  /** `Service shop/web`; absent where the text is about the rest of a long list. */
  readonly subject?: string;
  readonly text: string;
}

interface Listener {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** Why it does not listen. */
  problem?: string | undefined;
}

// A prober opens one connection per check.
const backlog = 16;
const mostListed = 10;
const consequence = 'load balancers take this node for unhealthy';

export class HealthCheckPorts {
  readonly #options: HealthCheckPortsOptions;
  readonly #http: BoundedHttp;
  readonly #maxPorts: number;
  readonly #claims = new PortClaims();
  readonly #listeners = new Map<Port, Listener>();
  /** Claimed ports beyond the maximum, in the order in which they came. */
  readonly #waiting = new Set<Port>();
  /** Listeners that are closing. */
  readonly #ending = new Map<Port, Promise<void>>();
  /** By Service. */
  readonly #problems = new Map<string, string>();
  #isStopped = false;

  constructor(options: HealthCheckPortsOptions) {
    const { ports, connections } = healthCheckFiles();
    const { maxPorts = ports, maxConnections = connections, onConnection, patienceMs } = options;
    this.#options = options;
    this.#maxPorts = maxPorts;
    this.#http = boundedHttp({
      maxConnections,
      answer: (_path, response) => this.#answer(response),
      ...(onConnection && { onConnection }),
      ...(patienceMs !== undefined && { patienceMs }),
    });
  }

  /**
   * Opens, closes and moves ports; to be called after the kernel has what the changes are about. A port that stays claimed
   * stays open, whichever Service has it.
   */
  apply(changes: readonly ServiceCheckChange[]): void {
    if (this.#isStopped) return;
    let isNews = false;
    for (const [key, check] of changes)
      if (check === undefined) isNews = this.#problems.delete(key) || isNews;
    const touched = this.#claims.apply(changes);
    for (const port of touched) if (this.#claims.get(port) === undefined) this.#close(port);
    for (const port of touched) if (this.#claims.get(port) !== undefined) this.#open(port);
    for (const port of this.#waiting) {
      if (this.#isFull) break;
      this.#open(port);
      isNews = this.#judge(port) || isNews;
    }
    for (const port of touched) isNews = this.#judge(port) || isNews;
    if (isNews) this.#options.onProblems();
  }

  /** The first ones; if there are more, one stands for the others. */
  get problems(): readonly HealthCheckProblem[] {
    const listed: HealthCheckProblem[] = [];
    for (const [key, text] of this.#problems) {
      if (listed.length === mostListed) break;
      listed.push({ subject: `Service ${key}`, text });
    }
    const others = this.#problems.size - listed.length;
    if (others > 0) listed.push({ text: `${others} more Services have no health check port` });
    return listed;
  }

  /** Resolves when every port is closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const port of [...this.#listeners.keys()]) this.#close(port);
    this.#waiting.clear();
    this.#http.closeConnections();
    await Promise.all(this.#ending.values());
  }

  get #isFull(): boolean {
    return this.#listeners.size >= this.#maxPorts;
  }

  #open(port: Port): void {
    if (this.#listeners.has(port)) return;
    if (this.#isFull) {
      this.#waiting.add(port);
      return;
    }
    this.#waiting.delete(port);
    const stop = new AbortController();
    const { log, backoff } = this.#options;
    const kept = new KeptOpen({
      name: `health check port ${port}`,
      consequence,
      open: () => this.#listen(port),
      onProblem: (problem) => {
        listener.problem = problem;
        if (!stop.signal.aborted && this.#judge(port)) this.#options.onProblems();
      },
      // There may be thousands of ports.
      log: { info: (fields, text) => log.debug(fields, text) },
      ...(backoff && { backoff }),
    });
    const listener: Listener = { stop, ended: kept.run(stop.signal) };
    this.#listeners.set(port, listener);
  }

  async #listen(port: Port): Promise<BoundedServer> {
    // The same port may have been given up a moment ago.
    await this.#ending.get(port);
    const { host = '[::]' } = this.#options;
    const accept = (socket: Socket): void => void this.#http.server.emit('connection', socket);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    return openListener(server, { address: `${host}:${port}`, backlog });
  }

  #close(port: Port): void {
    this.#waiting.delete(port);
    const listener = this.#listeners.get(port);
    if (listener === undefined) return;
    this.#listeners.delete(port);
    listener.stop.abort();
    const ended = listener.ended.then(() => {
      if (this.#ending.get(port) === ended) this.#ending.delete(port);
    });
    this.#ending.set(port, ended);
  }

  /** Returns whether a problem has changed. */
  #judge(port: Port): boolean {
    const [first, ...others] = this.#claims.claimants(port);
    if (first === undefined) return false;
    const own = this.#listeners.has(port)
      ? this.#listeners.get(port)?.problem
      : `health check port ${port}: too many ports are open already (${this.#maxPorts}); ${consequence}`;
    let isNews = this.#replaceProblem(first, own);
    for (const other of others) {
      const text = `health check port ${port}: Service ${first} has it; ${consequence}`;
      isNews = this.#replaceProblem(other, text) || isNews;
    }
    return isNews;
  }

  #replaceProblem(key: string, text: string | undefined): boolean {
    if (this.#problems.get(key) === text) return false;
    if (text === undefined) this.#problems.delete(key);
    else this.#problems.set(key, text);
    return true;
  }

  #answer(response: ServerResponse): void {
    const { socket } = response.req;
    const check = this.#claims.get(socket.localPort as Port);
    // The port was given up after the client had connected, or the client has gone.
    if (check === undefined) socket.destroy();
    else answerCheck(response, check, this.#options.isProxyHealthy());
  }
}

function answerCheck(response: ServerResponse, check: ServiceCheck, isProxyHealthy: boolean): void {
  const { namespace, name, localEndpoints } = check;
  const status = localEndpoints > 0 && isProxyHealthy ? 200 : 503;
  const body = {
    service: { namespace, name },
    localEndpoints,
    serviceProxyHealthy: isProxyHealthy,
  };
  const weight = { 'x-load-balancing-endpoint-weight': String(localEndpoints) };
  answerJson(response, status, body, weight);
}
