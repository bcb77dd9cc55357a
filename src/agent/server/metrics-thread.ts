// The thread that serves /metrics (metrics-port.ts). Unlike the agent's own thread it may pause, which bounds the cost
// of a flood of connections.

import type { ServerResponse } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/errors.ts';
import { listenBounded, plainText } from './bounded-server.ts';
import type { FromMetricsThread, ToMetricsThread } from './metrics-port.ts';
import { pacer } from './pace.ts';

const maxConnections = 16;
// Under a flood the thread accepts at most the connections waiting in the kernel and then pauses: some 600 connections
// per second.
const pace = pacer({ acceptedAtOnce: 16, pauseMs: 25 });

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

try {
  const server = await listenBounded({
    address: String(workerData),
    maxConnections,
    backlog: maxConnections,
    answer,
    onConnection: pace,
  });
  tell({ kind: 'listening', address: server.address });
} catch (error) {
  tell({ kind: 'refused', text: errorText(error) });
}
