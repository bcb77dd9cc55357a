// Asks the agent over its unix socket. The answers' types are in src/api/.

import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { EndpointView } from '../../api/endpoints.ts';
import type { ErrorAnswer } from '../../api/error.ts';
import type { FlowLine } from '../../api/flows.ts';
import type { KernelView } from '../../api/kernel.ts';
import type { MapDump, MapList } from '../../api/maps.ts';
import type { NodeView } from '../../api/nodes.ts';
import type { NodeStatus } from '../../api/status.ts';
import { CommandError } from './command-error.ts';

export class AgentClient {
  readonly socket: string;
  readonly #timeoutMs: number;

  /** Connects with each question, not before. `timeoutMs`: how long an answer may take. */
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
   * The flows the agent has kept and, with `follow`, those to come until `signal` aborts or the agent ends. An agent that hangs
   * is given up on: with `follow` as long as it has not begun to answer, otherwise until it has answered.
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
    throw new CommandError(refusalText(await readText(response), response.statusCode));
  }

  /** `deadline`: an answer that it has ended in the middle looks like a connection that was cut. */
  #explain(error: unknown, deadline?: AbortSignal): Error {
    if (error instanceof CommandError) return error;
    const where = `no agent answers at ${this.socket}`;
    const { code, message } = error as NodeJS.ErrnoException;
    switch (deadline?.aborted === true ? 'ABORT_ERR' : code) {
      case 'ENOENT':
        return new CommandError(`${where}: there is no such socket. ${howToStart}`);
      case 'ECONNREFUSED':
        return new CommandError(`${where}: the agent that made the socket is gone. ${howToStart}`);
      case 'EACCES':
        return new CommandError(`${where}: only root may ask it: run this with sudo`);
      case 'ABORT_ERR':
        return new CommandError(
          `${where}: no answer within ${this.#timeoutMs / 1000} s; its log tells what it is doing`,
        );
      case 'ECONNRESET':
      case 'EPIPE':
        return new CommandError(`${where}: the connection was cut (${message})`);
      default:
        return new CommandError(`${where}: what is there does not answer as one (${message})`);
    }
  }
}

export interface FlowsOptions {
  readonly follow: boolean;
  /** How many of the kept ones; all unless told. */
  readonly last?: number | undefined;
  readonly signal: AbortSignal;
}

const howToStart =
  'Start an agent with `heddle agent --config FILE`, or a whole demo with `npm start`; name another socket with --socket PATH';

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
