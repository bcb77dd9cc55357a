// GET /v1/flows: the recent flows and, on request, all following ones, one JSON object per line, never faster than they
// are read.

import type { ServerResponse } from 'node:http';
import type { FlowLine } from '../../api/flows.ts';
import type { FlowLog } from '../../observe/flow-log.ts';
import { writePatiently } from './patient-write.ts';

export async function sendFlows(
  query: URLSearchParams,
  response: ServerResponse,
  flows: FlowLog,
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  // The subscription starts before the recent flows are sent, in the same turn: nothing is missed or sent twice.
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
    await writePatiently(response, `${JSON.stringify(line)}\n`, closed);
  }
}
