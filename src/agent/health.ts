// /healthz, /readyz and /metrics over TCP, on loopback unless configured otherwise: for probes and Prometheus.

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KernelError } from '../kernel/errno.ts';

export interface HealthSources {
  /** Undefined when ready; else what is being waited for. */
  notReady(): string | undefined;
  readonly metricsContentType: string;
  metrics(): Promise<string>;
}

/** `host:port` as listened on; `address` is `192.0.2.1:9655` or `[2001:db8::1]:9655`. */
export async function listenHealth(
  address: string,
  sources: HealthSources,
): Promise<{ readonly address: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    if (!answerHealth(request.url ?? '', response, sources)) {
      plain(response, 404, 'try /healthz, /readyz or /metrics\n');
    }
  });
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const detail = 'metrics.address of the configuration';
      const code = error.code ?? 'EINVAL';
      reject(new KernelError({ call: 'listen', subject: address, code, detail }));
    });
    server.listen(Number(address.slice(colon + 1)), host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { address: `${address.slice(0, colon)}:${port}`, server };
}

/** False: the path is none of these. */
export function answerHealth(
  path: string,
  response: ServerResponse,
  sources: HealthSources,
): boolean {
  switch (path) {
    case '/healthz':
      plain(response, 200, 'ok\n');
      return true;
    case '/readyz': {
      const waiting = sources.notReady();
      plain(response, waiting === undefined ? 200 : 503, `${waiting ?? 'ok'}\n`);
      return true;
    }
    case '/metrics':
      void answerMetrics(response, sources);
      return true;
    default:
      return false;
  }
}

async function answerMetrics(response: ServerResponse, sources: HealthSources): Promise<void> {
  try {
    const text = await sources.metrics();
    response.writeHead(200, { 'content-type': sources.metricsContentType }).end(text);
  } catch (error) {
    plain(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
