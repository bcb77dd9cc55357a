// /healthz and /livez as kube-proxy answers them on port 10256, for load balancers that choose nodes by it (external
// traffic policy Cluster) and for monitoring.

import type { ServerResponse } from 'node:http';
import { type Moment, moment, wallTime } from '../../base/moment.ts';
import { type BoundedServer, listenBounded, plainText } from '../server/bounded-server.ts';
import type { AnswerCounts, ServiceHealthCounts } from './answer-counts.ts';
import { answerJson, heddlesName } from './answer-json.ts';
import type { ProxyHealth } from './proxy-health.ts';

export interface ServiceHealthSources {
  readonly proxy: Pick<ProxyHealth, 'reason' | 'lastUpdated'>;
  /** See `isEligibleNode`; true while the cluster has not been read. */
  isNodeEligible(): boolean;
  readonly counts: AnswerCounts;
  now?(): Moment;
  onConnection?(): void;
}

// For the health checks of a few load balancers, each from several addresses.
const maxConnections = 64;

export class ServiceHealth {
  readonly #sources: ServiceHealthSources;

  constructor(sources: ServiceHealthSources) {
    this.#sources = sources;
  }

  /** Throws KernelError. */
  listen(address: string): Promise<BoundedServer> {
    const { onConnection } = this.#sources;
    return listenBounded({
      address,
      maxConnections,
      backlog: maxConnections,
      answer: (path, response) => this.#answer(path, response),
      ...(onConnection && { onConnection }),
    });
  }

  #answer(path: string, response: ServerResponse): void {
    if (path === '/healthz') this.#report(response, 'healthz', this.#sources.isNodeEligible());
    else if (path === '/livez') this.#report(response, 'livez', undefined);
    else plainText(response, 404, 'try /healthz or /livez\n');
  }

  #report(
    response: ServerResponse,
    path: keyof ServiceHealthCounts,
    nodeEligible: boolean | undefined,
  ): void {
    const { proxy, counts, now = moment } = this.#sources;
    const at = now();
    const reason = proxy.reason(at);
    const status = reason === undefined && nodeEligible !== false ? 200 : 503;
    // An agent's own look for a kube-proxy is not a question about health.
    if (response.req.headers['user-agent'] !== heddlesName) counts.add(path, status);
    const currentTime = wallTime(at);
    answerJson(response, status, {
      // As in kube-proxy: recent while all is well, however long nothing has changed.
      lastUpdated: status === 200 ? currentTime : lastUpdate(proxy.lastUpdated),
      currentTime,
      ...(nodeEligible !== undefined && { nodeEligible }),
      healthy: reason === undefined,
      // Not in kube-proxy's answer.
      ...(reason !== undefined && { reason }),
    });
  }
}

/** Before the first one, kube-proxy's text for no time. */
function lastUpdate(at: Moment | undefined): string {
  return at === undefined ? '0001-01-01T00:00:00Z' : wallTime(at);
}
