// /healthz and /readyz: on loopback for a kubelet's probes, on the API's socket for root.

import type { ServerResponse } from 'node:http';
import { type BoundedServer, listenBounded, plainText } from './bounded-server.ts';

export interface HealthSources {
  /** Undefined when ready; otherwise what the agent waits for. */
  notReady(): string | undefined;
}

/** `address` must be a loopback address, because every pod can reach the node's. Throws KernelError. */
export function listenHealth(address: string, sources: HealthSources): Promise<BoundedServer> {
  return listenBounded({
    address,
    // For three probes and manual requests.
    maxConnections: 64,
    backlog: 64,
    answer: (path, response) => {
      if (answerHealth(path, response, sources)) return;
      plainText(response, 404, 'try /healthz or /readyz\n');
    },
  });
}

/** Returns false if the path is neither of them. */
export function answerHealth(
  path: string,
  response: ServerResponse,
  sources: HealthSources,
): boolean {
  switch (path) {
    case '/healthz':
      plainText(response, 200, 'ok\n');
      return true;
    case '/readyz': {
      const waiting = sources.notReady();
      plainText(response, waiting === undefined ? 200 : 503, `${waiting ?? 'ok'}\n`);
      return true;
    }
    default:
      return false;
  }
}
