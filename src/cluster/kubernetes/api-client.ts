// Requests to the API server: the right credentials, the address that answers, one count each. Answers are JSON as the
// server sent it: turning them into the library's classes would cost more than reading them.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { type Moment, moment } from '../../base/moment.ts';
import { ApiError, ConnectionError } from './api-error.ts';
import type { Access, Credentials } from './credentials.ts';
import { type StatusMeta, statusMeta } from './meta.ts';
import { expiredText } from './token.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With the query. */
  readonly path: string;
  /** For people and the counters: `list`, `pods`. */
  readonly verb: string;
  readonly resource: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RequestCount {
  readonly verb: string;
  readonly resource: string;
  /** HTTP status, or 0 where no answer came. */
  readonly code: number;
  readonly count: number;
}

export interface ConnectionState {
  /** The address in use or, without a connection, the one tried last. */
  readonly server?: string | undefined;
  readonly connectedSince?: Moment | undefined;
  readonly failing?: { readonly text: string; readonly since: Moment } | undefined;
}

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 60_000;
// A dead connection shows within about 25 s: ten probes, a second apart, after this silence.
const keepAliveMs = 15_000;

export class ApiClient implements Disposable {
  readonly #credentials: Credentials;
  readonly #https = new Agent({ keepAlive: true, maxFreeSockets: 2 });
  readonly #http = new HttpAgent({ keepAlive: true, maxFreeSockets: 2 });
  readonly #counts = new Map<string, RequestCount>();
  /** Told when the connection is lost or found. */
  readonly onConnectionChange: () => void;
  #state: ConnectionState = {};
  #preferred: string | undefined;
  #recovery: { readonly promise: Promise<void>; readonly resolve: () => void } = signalled();

  constructor(
    credentials: Credentials,
    options: { readonly onConnectionChange?: () => void } = {},
  ) {
    this.#credentials = credentials;
    this.onConnectionChange = options.onConnectionChange ?? (() => undefined);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get counts(): readonly RequestCount[] {
    return [...this.#counts.values()];
  }

  /** Resolves when a lost connection is found again; while nothing is lost, with the next such time. */
  get recovered(): Promise<void> {
    return this.#recovery.promise;
  }

  /** The answer's JSON. Throws ApiError, ConnectionError, InputError (credentials). */
  async json(request: ApiRequest): Promise<unknown> {
    const response = await this.open(request);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch (error) {
      throw new ConnectionError(this.#state.server ?? '', error);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  }

  /** The answer, as soon as its first byte is here. Throws as `json` does. */
  async open(request: ApiRequest): Promise<IncomingMessage> {
    const access = await this.#access();
    const failures: ConnectionError[] = [];
    for (const server of this.#order(access.servers)) {
      try {
        const response = await send(server, this.#options(server, access, request), request);
        this.#count(request, response.statusCode ?? 0);
        this.#connected(server);
        if ((response.statusCode ?? 0) < 300) return response;
        throw await this.#refusal(request, response, access);
      } catch (error) {
        if (error instanceof ApiError || request.signal.aborted) throw error;
        failures.push(
          error instanceof ConnectionError ? error : new ConnectionError(server, error),
        );
        this.#count(request, 0);
      }
    }
    const failure = lastOf(failures);
    this.#disconnected(failure);
    throw failure;
  }

  [Symbol.dispose](): void {
    this.#https.destroy();
    this.#http.destroy();
  }

  async #access(): Promise<Access> {
    try {
      return await this.#credentials.access();
    } catch (error) {
      this.#disconnected(error);
      throw error;
    }
  }

  // The address that answered last comes first, so that a node stays with one server while it is well.
  #order(servers: readonly string[]): readonly string[] {
    const preferred = this.#preferred;
    if (preferred === undefined || !servers.includes(preferred)) return servers;
    return [preferred, ...servers.filter((server) => server !== preferred)];
  }

  #options(server: string, { request, proxy }: Access, call: ApiRequest): RequestOptions {
    const { method = 'GET', contentType, accept = 'application/json', body } = call;
    const isPlain = server.startsWith('http:');
    return {
      ...request,
      method,
      agent: proxy ?? (isPlain ? (this.#http as Agent) : this.#https),
      headers: {
        ...(request.headers as Record<string, string> | undefined),
        accept,
        'user-agent': 'heddle-agent',
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
      signal: call.signal,
    };
  }

  async #refusal(
    request: ApiRequest,
    response: IncomingMessage,
    { request: { headers } }: Access,
  ): Promise<ApiError> {
    const status = response.statusCode ?? 0;
    if (status === 401) this.#credentials.refused();
    const why = status === 401 ? expiredText(headers, new Date()) : undefined;
    const retryAfter = Number(response.headers['retry-after']);
    let text = '';
    try {
      response.setEncoding('utf8');
      for await (const chunk of response) text += String(chunk);
    } catch {
      // The status says enough.
    }
    const { reason, message } = statusOf(text);
    return new ApiError({
      request: `${request.verb} ${request.resource}`,
      status,
      reason,
      message,
      retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined,
      why,
    });
  }

  #count({ verb, resource }: ApiRequest, code: number): void {
    const key = `${verb} ${resource} ${code}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { verb, resource, code, count });
  }

  #connected(server: string): void {
    this.#preferred = server;
    const { failing, connectedSince, server: before } = this.#state;
    if (failing === undefined && connectedSince !== undefined && before === server) return;
    this.#state = { server, connectedSince: moment() };
    this.#recovery.resolve();
    this.#recovery = signalled();
    this.onConnectionChange();
  }

  #disconnected(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const { failing, server } = this.#state;
    const tried = error instanceof ConnectionError ? error.server : server;
    const isNews = failing === undefined || failing.text !== text;
    this.#state = { server: tried, failing: { text, since: failing?.since ?? moment() } };
    if (isNews) this.onConnectionChange();
  }
}

// Named with those before it: the one that matters may be any of them.
function lastOf(failures: readonly ConnectionError[]): ConnectionError {
  const last = failures.at(-1);
  if (last === undefined) throw new Error('an API server without an address was accepted');
  return failures.length === 1
    ? last
    : new ConnectionError(last.server, last.cause, failures.slice(0, -1));
}

function send(server: string, options: RequestOptions, call: ApiRequest): Promise<IncomingMessage> {
  const isPlain = server.startsWith('http:');
  return new Promise((resolve, reject) => {
    const request = (isPlain ? httpRequest : httpsRequest)(`${server}${call.path}`, options);
    const timeout = (ms: number): NodeJS.Timeout =>
      setTimeout(() => request.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), ms);
    let timer = timeout(connectTimeoutMs);
    request.on('socket', (socket) => {
      const proceed = (): void => {
        clearTimeout(timer);
        timer = timeout(answerTimeoutMs);
        socket.setKeepAlive(true, keepAliveMs);
      };
      if (socket.connecting) socket.once(isPlain ? 'connect' : 'secureConnect', proceed);
      else proceed();
    });
    request.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      // The server had closed the idle connection this instant: no sign of anything.
      const isStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      if (isStale && !call.signal.aborted) resolve(send(server, options, call));
      else reject(new ConnectionError(server, error));
    });
    request.end(call.body);
  });
}

function statusOf(text: string): StatusMeta {
  try {
    return statusMeta(JSON.parse(text));
  } catch {
    return { message: text.slice(0, 200) };
  }
}

function signalled(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
