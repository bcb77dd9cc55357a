// Client of the agent's API on its unix socket. The types of the answers are in src/api/.

import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { EndpointView } from '../../api/endpoints.ts';
import type { ErrorAnswer } from '../../api/error.ts';
import type { FlowLine } from '../../api/flows.ts';
import type { KernelView } from '../../api/kernel.ts';
import type { MapDump, MapList } from '../../api/maps.ts';
import type { NodeView } from '../../api/nodes.ts';
import type { ServiceConnections } from '../../api/service-connections.ts';
import type { ServiceExplanation, ServiceSummary, ServiceView } from '../../api/services.ts';
import type { NodeStatus } from '../../api/status.ts';
import { CommandError, RefusalError } from './command-error.ts';

export class AgentClient {
  readonly socket: string;
  readonly #timeoutMs: number;

  /** Each request opens its own connection. `timeoutMs`: maximum time for an answer. */
  constructor(socket: string, timeoutMs = 10_000) {
    this.socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  status(): Promise<NodeStatus> {
    return this.#get('/v1/status');
  }

  endpoints(): Promise<readonly EndpointView[]> {
    return this.#get('/v1/endpoints');
  }

  nodes(): Promise<readonly NodeView[]> {
    return this.#get('/v1/nodes');
  }

  services(): Promise<readonly ServiceSummary[]> {
    return this.#get('/v1/services');
  }

  service(name: string): Promise<readonly ServiceView[]> {
    return this.#get(`/v1/services?name=${encodeURIComponent(name)}`);
  }

  explainService(from: string, to: string): Promise<ServiceExplanation> {
    return this.#get(`/v1/services/explain?${new URLSearchParams({ from, to })}`);
  }

  serviceConnections(options: ConnectionOptions): Promise<ServiceConnections> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options))
      if (value !== undefined) query.set(name, String(value));
    return this.#get(`/v1/services/connections?${query}`);
  }

  maps(): Promise<MapList> {
    return this.#get('/v1/maps');
  }

  kernel(): Promise<KernelView> {
    return this.#get('/v1/kernel');
  }

  map(name: string, limit?: number): Promise<MapDump> {
    const query = limit === undefined ? '' : `?limit=${limit}`;
    return this.#get(`/v1/maps/${encodeURIComponent(name)}${query}`);
  }

  /**
   * Yields the flows that the agent has kept and, with `follow`, new ones until `signal` aborts or the agent ends. If
   * the agent hangs, the request times out: with `follow` only until the answer begins, otherwise until it is complete.
   */
  async *flows(options: FlowsOptions): AsyncGenerator<FlowLine> {
    const query = new URLSearchParams();
    if (options.follow) query.set('follow', '1');
    if (options.last !== undefined) query.set('last', String(options.last));
    const hangs = new AbortController();
    const deadline = setTimeout(() => hangs.abort(), this.#timeoutMs);
    const either = AbortSignal.any([options.signal, hangs.signal]);
    let response: IncomingMessage | undefined;
    try {
      response = await this.#open(`/v1/flows?${query}`, either);
      if (options.follow) clearTimeout(deadline);
      for await (const line of createInterface({ input: response }))
        if (line !== '') yield JSON.parse(line) as FlowLine;
    } catch (error) {
      if (!options.signal.aborted) throw this.#explain(error, hangs.signal);
    } finally {
      clearTimeout(deadline);
      response?.destroy();
    }
  }

  async #get<Answer>(path: string): Promise<Answer> {
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    const response = await this.#open(path, deadline);
    try {
      return JSON.parse(await readText(response)) as Answer;
    } catch (error) {
      throw this.#explain(error, deadline);
    }
  }

  async #open(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath: this.socket, path, signal, agent: false })
        .on('response', resolve)
        .on('error', (error) => reject(this.#explain(error)))
        .end();
    });
    if (response.statusCode === 200) return response;
    throw new RefusalError(refusalText(await readText(response), response.statusCode));
  }

  /** `deadline`: aborting a request in the middle of an answer looks like a closed connection. */
  #explain(error: unknown, deadline?: AbortSignal): Error {
    if (error instanceof CommandError) return error;
    const where = `no agent answers at ${this.socket}`;
    const { code, message } = error as NodeJS.ErrnoException;
    switch (deadline?.aborted === true ? 'ABORT_ERR' : code) {
      case 'ENOENT':
        return new CommandError(`${where}: the socket does not exist. ${howToStart}`);
      case 'ECONNREFUSED':
        return new CommandError(
          `${where}: the agent that created the socket has ended. ${howToStart}`,
        );
      case 'EACCES':
        return new CommandError(`${where}: only root has access: run this with sudo`);
      case 'ABORT_ERR':
        return new CommandError(
          `${where}: no answer within ${this.#timeoutMs / 1000} s; the agent's log shows what it is doing`,
        );
      case 'ECONNRESET':
      case 'EPIPE':
        return new CommandError(`${where}: the connection was closed (${message})`);
      default:
        return new CommandError(`${where}: the answer is not an agent's (${message})`);
    }
  }
}

export interface ConnectionOptions {
  readonly service?: string | undefined;
  readonly pod?: string | undefined;
  /** Of each way. */
  readonly limit?: number | undefined;
}

export interface FlowsOptions {
  readonly follow: boolean;
  /** Number of kept flows to return; all if absent. */
  readonly last?: number | undefined;
  readonly signal: AbortSignal;
}

const howToStart =
  'Start an agent with `heddle agent --config FILE`, or a complete demo with `npm start`; choose another socket with --socket PATH';

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function refusalText(body: string, status: number | undefined): string {
  try {
    return (JSON.parse(body) as ErrorAnswer).error;
  } catch {
    return `the agent answered ${status}: ${body.slice(0, 200)}`;
  }
}
