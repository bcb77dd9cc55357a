// The thread that serves /metrics (metrics-port.ts). It may do nothing for a while, which the agent's own thread may not: that is
// how it bounds what a flood of connections costs. What it has not accepted waits in the kernel, or is refused there.

import type { ServerResponse } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/errors.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { type BoundedServer, listenBounded, plainText } from './bounded-server.ts';
import type { FromMetricsThread, ToMetricsThread } from './metrics-port.ts';

const maxConnections = 16;
// Under a flood the thread accepts at most what waits in the kernel, then pauses: some 600 connections a second.
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

/** Every connection calls it once, whether it asks for something or not. */
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

/** A kernel without IPv6 has no such family; then all of IPv4 is what was meant. */
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
