// The agent's API on its unix socket (root only): HTTP/1.1 and JSON, for the CLI and the lab, and for one release for
// CNI shims that are older than their own socket (cni-socket.ts).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createListener, type Socket } from 'node:net';
import type { CniAnswer } from '../../api/cni-answer.ts';
import type { EndpointView } from '../../api/endpoints.ts';
import type { KernelView } from '../../api/kernel.ts';
import type { MapDump, MapList } from '../../api/maps.ts';
import type { NodeView } from '../../api/nodes.ts';
import type { NodeStatus } from '../../api/status.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { FlowLog } from '../../observe/flow-log.ts';
import { ApiConnections, connectionLimits } from './connections.ts';
import { sendFlows } from './flows.ts';
import { answerHealth, type HealthSources } from './health.ts';
import type { MetricsText } from './metrics-text.ts';
import { answerServices, type ServiceSources } from './services.ts';
import { cniRequestLimit, receiveBody, sendAnswer, shimRequest } from './shim-connection.ts';
import { type SocketServer, serveOnFile } from './socket-file.ts';

export interface ApiSources {
  readonly log: Logger;
  readonly health: HealthSources;
  metrics(): Promise<MetricsText>;
  readonly flows: FlowLog;
  status(): NodeStatus;
  endpoints(): readonly EndpointView[];
  nodes(): readonly NodeView[];
  readonly services: ServiceSources;
  maps(): MapList;
  kernel(): KernelView;
  /** Undefined: there is no such map. */
  dumpMap(name: string, limit: number): Promise<MapDump | undefined>;
  /** `body`: the environment and standard input of a CNI plugin, as sent by the shim. */
  cni(body: Buffer): Promise<CniAnswer>;
}

/** Listens on `path` with mode 0600. Throws what `listenOnFile` throws. */
export function listenApi(
  path: string,
  sources: ApiSources,
  connections: ApiConnections = new ApiConnections(connectionLimits()),
): Promise<SocketServer> {
  const http = createServer((request, response) => {
    response.shouldKeepAlive = false;
    if (request.method !== 'POST') connections.received(request.socket);
    request.once('end', () => connections.received(request.socket));
    answer(request, response, sources).catch((error: unknown) => {
      sources.log.error({ error, url: request.url }, 'API request');
      const text = errorText(error);
      if (response.headersSent) response.destroy();
      else json(response, 500, { error: text });
    });
  });
  const server = createListener({ allowHalfOpen: true }, (socket) => {
    if (!connections.accept(socket)) return;
    socket.once('data', (begin) => serve(socket, { begin, http, sources, connections }));
    socket.once('end', () => {
      if (socket.bytesRead === 0) socket.destroy();
    });
  });
  return serveOnFile(server, path, () => connections.closeAll());
}

interface Beginning {
  readonly begin: Buffer;
  readonly http: Server;
  readonly sources: ApiSources;
  readonly connections: ApiConnections;
}

/** Handles requests of older shims; all others go to Node's HTTP server. */
function serve(socket: Socket, { begin, http, sources, connections }: Beginning): void {
  const request = shimRequest(begin);
  if (request === undefined || request.bodyBytes > cniRequestLimit) {
    if (!connections.acceptOther(socket)) return;
    socket.pause();
    socket.unshift(begin);
    http.emit('connection', socket);
    socket.resume();
    return;
  }
  const { headBytes, bodyBytes } = request;
  connections
    .inTurn(socket, bodyBytes, async () => {
      const body = await receiveBody(socket, { begin: begin.subarray(headBytes), bodyBytes });
      connections.received(socket);
      if (body !== undefined) sendAnswer(socket, await sources.cni(body));
    })
    .catch((error: unknown) => {
      // The shim treats a closed connection as a lost agent and reports it.
      sources.log.error({ error }, 'CNI request');
      socket.destroy();
    });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  sources: ApiSources,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://agent');
  const route = `${request.method} ${url.pathname}`;
  switch (route) {
    case 'GET /v1/status':
      return json(response, 200, sources.status());
    case 'GET /v1/endpoints':
      return json(response, 200, sources.endpoints());
    case 'GET /v1/nodes':
      return json(response, 200, sources.nodes());
    case 'GET /v1/maps':
      return json(response, 200, sources.maps());
    case 'GET /v1/kernel':
      return json(response, 200, sources.kernel());
    case 'GET /v1/flows':
      return sendFlows(url.searchParams, response, sources.flows);
    case 'POST /v1/cni':
      return sendCniAnswer(request, response, sources);
    case 'GET /metrics': {
      const { contentType, text } = await sources.metrics();
      response.writeHead(200, { 'content-type': contentType }).end(text);
      return;
    }
    default:
      if (route.startsWith('GET /v1/maps/')) return answerMap(url, response, sources);
      if (request.method === 'GET' && answerHealth(url.pathname, response, sources.health)) return;
      if (request.method === 'GET' && (await answerServices(url, response, sources.services)))
        return;
      json(response, 404, { error: `${route}: no such route` });
  }
}

async function answerMap(url: URL, response: ServerResponse, sources: ApiSources): Promise<void> {
  const name = decodeURIComponent(url.pathname.slice('/v1/maps/'.length));
  const limit = Number(url.searchParams.get('limit') ?? 10_000);
  if (!Number.isSafeInteger(limit) || limit < 0) {
    return json(response, 400, { error: `limit: ${limit} is not a whole number` });
  }
  const dump = await sources.dumpMap(name, limit);
  if (dump !== undefined) return json(response, 200, dump);
  const names = sources.maps().maps.map((map) => map.name);
  json(response, 404, { error: `${name}: no such map (${names.join(', ')})` });
}

async function sendCniAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  sources: ApiSources,
): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > cniRequestLimit) {
      return json(response, 413, {
        error: `the CNI request is longer than ${cniRequestLimit} bytes`,
      });
    }
  }
  const { exitCode, body } = await sources.cni(Buffer.concat(chunks));
  // With its length: the shim must distinguish a complete answer from a truncated one, and does not read chunks.
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'heddle-exit': String(exitCode),
    })
    .end(body);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
