// The thread that serves /metrics (metrics-port.ts). Unlike the agent's own thread it may pause, which bounds the cost
// of a flood of connections. Connections that it has not accepted wait in the kernel, or are refused there.

import type { ServerResponse } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/errors.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { type BoundedServer, listenBounded, plainText } from './bounded-server.ts';
import type { FromMetricsThread, ToMetricsThread } from './metrics-port.ts';

const maxConnections = 16;
// Under a flood the thread accepts at most the connections waiting in the kernel and then pauses: some 600 connections
// per second.
const acceptedAtOnce = 16;
const pauseMs = 25;

const waiting: ServerResponse[] = [];

function tell(message: FromMetricsThread): void {
  parentPort?.postMessage(message);
}

function answer(path: string, response: ServerResponse): void {
  if (path !== '/metrics') plainText(response, 404, 'try /metrics\n');
  else if (waiting.push(response) === 1) tell({ kind: 'scrape' });
}

parentPort?.on('message', (scraped: ToMetricsThread) => {
  for (const response of waiting.splice(0)) {
    if (scraped === undefined) plainText(response, 500, 'the metrics could not be rendered\n');
    else response.writeHead(200, { 'content-type': scraped.contentType }).end(scraped.text);
  }
});

const pause = new Int32Array(new SharedArrayBuffer(4));
let accepted = 0;
let windowEndsMs = 0;

/** Called once per connection, with or without a request. */
function pace(): void {
  const now = performance.now();
  if (now > windowEndsMs) {
    accepted = 0;
    windowEndsMs = now + pauseMs;
  }
  accepted++;
  if (accepted < acceptedAtOnce) return;
  Atomics.wait(pause, 0, 0, pauseMs);
  accepted = 0;
}

/** A kernel without IPv6 does not have the family; the IPv4 wildcard is then meant. */
async function listen(address: string): Promise<BoundedServer> {
  const options = { maxConnections, backlog: maxConnections, answer, onConnection: pace };
  try {
    return await listenBounded({ ...options, address });
  } catch (error) {
    const other = address.startsWith('[::]:') ? address.replace('[::]', '0.0.0.0') : undefined;
    if (other === undefined || !isKernelError(error, 'EAFNOSUPPORT')) throw error;
    return await listenBounded({ ...options, address: other });
  }
}

try {
  const server = await listen(String(workerData));
  tell({ kind: 'listening', address: server.address });
} catch (error) {
  tell({ kind: 'refused', text: errorText(error) });
}
