// Routes of the agent's API for Services.

import type { ServerResponse } from 'node:http';
import type { ServiceExplanation, ServiceSummary, ServiceView } from '../../api/services.ts';
import { InputError } from '../../base/input-error.ts';
import { type ConnectionSource, sendServiceConnections } from './service-connections.ts';

export interface ServiceSources {
  list(): readonly ServiceSummary[];
  /** `name`: `shop/web`, or `web` in any namespace. */
  find(name: string): readonly ServiceView[];
  /** Throws InputError for a client or destination that cannot be read, or is not on this node. */
  explain(query: ServiceQuery): ServiceExplanation;
  readonly connections: ConnectionSource;
}

export interface ServiceQuery {
  /** `shop/web-1` (a pod of this node), `node`, or an address outside this node. */
  readonly from: string;
  /** `10.96.0.10:80`, `[2001:db8::1]:53/udp` */
  readonly to: string;
}

/** Resolves to false for a path of another part. */
export async function answerServices(
  { pathname, searchParams: query }: URL,
  response: ServerResponse,
  sources: ServiceSources,
): Promise<boolean> {
  switch (pathname) {
    case '/v1/services':
      answerList(query.get('name'), response, sources);
      return true;
    case '/v1/services/explain':
      answerExplanation(
        { from: query.get('from') ?? '', to: query.get('to') ?? '' },
        response,
        sources,
      );
      return true;
    case '/v1/services/connections':
      await answerConnections(query, response, sources);
      return true;
    default:
      return false;
  }
}

function answerList(name: string | null, response: ServerResponse, sources: ServiceSources): void {
  if (name === null) {
    send(response, 200, sources.list());
    return;
  }
  const found = sources.find(name);
  if (found.length > 0) send(response, 200, found);
  else sendUnknown(response, name);
}

function sendUnknown(response: ServerResponse, name: string): void {
  const error = `${name}: no Service of this name has a cluster address (heddle services lists them)`;
  send(response, 404, { error });
}

async function answerConnections(
  query: URLSearchParams,
  response: ServerResponse,
  sources: ServiceSources,
): Promise<void> {
  const name = query.get('service');
  try {
    if (name !== null && sources.find(name).length === 0) sendUnknown(response, name);
    else await sendServiceConnections(query, response, sources.connections);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    send(response, 400, { error: error.message });
  }
}

function answerExplanation(
  query: ServiceQuery,
  response: ServerResponse,
  sources: ServiceSources,
): void {
  try {
    send(response, 200, sources.explain(query));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    send(response, 400, { error: error.message });
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
