// GET /v1/flows: the recent flows and, on demand, all that follow, one JSON object a line, never faster than it is read.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FlowLine } from '../../api/flows.ts';
import type { FlowLog } from '../../observe/flow-log.ts';

const slowReaderMs = 60_000;

export async function sendFlows(
  query: URLSearchParams,
  response: ServerResponse,
  flows: FlowLog,
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  // The subscription starts before the recent ones are sent, in the same turn: nothing is missed or sent twice.
  const following = query.get('follow') === '1' ? flows.follow(closed.signal) : undefined;
  const last = query.get('last');
  await write(response, flows.recent(last === null ? undefined : Number(last)), closed.signal);
  if (following !== undefined) {
    response.flushHeaders();
    for await (const line of following) await write(response, [line], closed.signal);
  }
  response.end();
}

async function write(
  response: ServerResponse,
  lines: readonly FlowLine[],
  closed: AbortSignal,
): Promise<void> {
  for (const line of lines) {
    if (closed.aborted) return;
    if (response.write(`${JSON.stringify(line)}\n`)) continue;
    // Who takes nothing for that long is stopped or gone, and holds a queue of thousands of lines.
    const patience = AbortSignal.any([closed, AbortSignal.timeout(slowReaderMs)]);
    await once(response, 'drain', { signal: patience }).catch(() => undefined);
    if (patience.aborted) response.destroy();
  }
}
