// An HTTP server that answers list and watch as a test scripts it, for faults that a real API server cannot be made to
// show. Tests with a real API server are in test/kube/.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';

export type ScriptedAnswer = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface ScriptedServer {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly kubeconfig: string;
  /** `GET /api/v1/nodes?watch=1&...`, in the order of their arrival. */
  readonly requests: readonly URL[];
}

/** `answer` is called for every request. Listens in this process's network namespace by default. */
export async function scriptedServer(
  context: TestContext,
  answer: ScriptedAnswer,
  namespace?: NetworkNamespace,
): Promise<ScriptedServer> {
  const requests: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    requests.push(url);
    answer(request, response, url);
  });
  await new Promise<void>((resolve) => {
    // Without a host, the socket is created within the call.
    const listen = (): unknown => server.listen(0, resolve);
    if (namespace === undefined) listen();
    else namespace.run(listen);
  });
  const folder = mkdtempSync(join(tmpdir(), 'heddle-api-'));
  context.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, 'config');
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(kubeconfig, kubeconfigText(address));
  return { address, kubeconfig, requests };
}

export function kubeconfigText(server: string): string {
  return stringify({
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'x' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

/** One page of a list, as JSON. */
export function servedPage(
  items: readonly object[],
  { version = '10', next = '' }: { version?: string; next?: string } = {},
): string {
  return JSON.stringify({ metadata: { resourceVersion: version, continue: next }, items });
}

/** One event of a watch, with its line end. */
export function event(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function namespaceObject(name: string, version: string): object {
  return { metadata: { name, resourceVersion: version } };
}

export const expired = {
  kind: 'Status',
  code: 410,
  reason: 'Expired',
  message: 'too old',
} as const;
