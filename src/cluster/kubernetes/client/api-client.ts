// Sends requests to the API server with the right credentials, to an address that answers, and counts them. Answers are
// plain JSON: converting them into the library's classes would cost more than reading them.

import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import { readBody, TooLongError } from './answer-body.ts';
import { AnswerError, ApiError, ConnectionError } from './api-error.ts';
import { type ApiTimes, apiTimes } from './api-times.ts';
import { Connection, type ConnectionState } from './connection.ts';
import type { Access, Credentials } from './credentials.ts';
import { exchange } from './exchange.ts';
import { parsedJson, statusMeta } from './meta.ts';
import type { Subscribe } from './pause.ts';
import { retryAfterMs } from './retry-after.ts';
import { shownText } from './shown.ts';
import { expiredText } from './token.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Including the query. */
  readonly path: string;
  /** For messages and counters: `list`, `pods`. */
  readonly verb: string;
  readonly resource: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly response: IncomingMessage;
  /** The address that answered. */
  readonly server: string;
  /** Start of the request, in ms of performance.now(). */
  readonly askedAt: number;
}

export interface JsonAnswer {
  readonly json: unknown;
  /** The address that answered. */
  readonly server: string;
}

export interface RequestCount {
  readonly verb: string;
  readonly resource: string;
  /** HTTP status, or 0 if there was no answer. */
  readonly code: number;
  readonly count: number;
}

export interface ApiClientOptions {
  readonly onConnectionChange?: () => void;
  readonly times?: ApiTimes;
}

// Large enough for ten of the largest objects in etcd. `FullList` handles longer answers.
const maxBodyBytes = 24 * 2 ** 20;
const maxRefusalBytes = 64 * 2 ** 10;
const maxRefusalMs = 5_000;

export class ApiClient implements Disposable {
  readonly #credentials: Credentials;
  readonly #times: ApiTimes;
  readonly #https = new Agent({ keepAlive: true, maxFreeSockets: 2 });
  readonly #http = new HttpAgent({ keepAlive: true, maxFreeSockets: 2 });
  readonly #counts = new Map<string, RequestCount>();
  readonly #connection: Connection;

  constructor(credentials: Credentials, options: ApiClientOptions = {}) {
    const { onConnectionChange = () => undefined, times = apiTimes } = options;
    this.#credentials = credentials;
    this.#times = times;
    this.#connection = new Connection(onConnectionChange);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  get counts(): readonly RequestCount[] {
    return [...this.#counts.values()];
  }

  /** Notifies each time a lost connection is restored. */
  readonly onRecovered: Subscribe = (wake) => this.#connection.onRecovered(wake);

  /**
   * Returns the answer's JSON. Throws ApiError, AnswerError, ConnectionError, TooLongError, InputError (credentials).
   */
  async json(request: ApiRequest): Promise<unknown> {
    return (await this.answer(request)).json;
  }

  /** Like `json`, for a caller that may find the answer wrong and then calls `avoid`. */
  async answer(request: ApiRequest): Promise<JsonAnswer> {
    const { response, server, askedAt } = await this.open(request);
    const { silenceMs, exchangeMs } = this.#times;
    const totalMs = exchangeMs - (performance.now() - askedAt);
    const bounds = { silenceMs, totalMs, maxBytes: maxBodyBytes };
    try {
      return { json: parsedJson(await readBody(response, bounds)), server };
    } catch (error) {
      if (request.signal.aborted) throw error;
      this.avoid(server);
      if (error instanceof AnswerError) throw answerError(request, error.message);
      throw error instanceof TooLongError ? error : new ConnectionError(server, error);
    }
  }

  /** Deprioritizes a server whose answer was wrong: other addresses are tried first from now on. */
  avoid(server: string): void {
    this.#connection.avoid(server);
  }

  /**
   * Returns the answer when its first byte arrives. Its status is a success and its declared type is JSON. Throws like
   * `json`.
   */
  async open(request: ApiRequest): Promise<ApiResponse> {
    const access = await this.#access();
    const failures: ConnectionError[] = [];
    const refusals = new Map<string, ApiError>();
    for (const server of this.#connection.order(access.servers)) {
      const askedAt = performance.now();
      try {
        const response = await this.#exchange(request, server, access);
        // If the other servers refuse it too, there is no reason to leave the first.
        if (refusals.size === 0) this.#connection.connected(server);
        await this.#accept(request, { response, server, askedAt }, access);
        this.#connection.connected(server);
        this.#connection.worked(server, askedAt);
        for (const refuser of refusals.keys()) this.avoid(refuser);
        return { response, server, askedAt };
      } catch (error) {
        if (request.signal.aborted) throw error;
        if (error instanceof ApiError && mayBeOneServers(error)) refusals.set(server, error);
        else if (error instanceof ApiError || error instanceof AnswerError) throw error;
        else {
          failures.push(
            error instanceof ConnectionError ? error : new ConnectionError(server, error),
          );
          this.#count(request, 0);
        }
      }
    }
    if (refusals.size > 0) throw believed([...refusals.values()]);
    const failure = lastOf(failures);
    this.#connection.lost(failure);
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
      this.#connection.lost(error);
      throw error;
    }
  }

  async #exchange(request: ApiRequest, server: string, access: Access): Promise<IncomingMessage> {
    const { path, body } = request;
    const options = this.#options(server, access, request);
    const response = await exchange({ server, path, body, options, times: this.#times });
    this.#count(request, response.statusCode ?? 0);
    return response;
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

  // Throws for anything but a success in JSON.
  async #accept(
    request: ApiRequest,
    { response, server }: ApiResponse,
    access: Access,
  ): Promise<void> {
    const { statusCode: status = 0, headers } = response;
    if (status < 200 || status >= 300) {
      if (status >= 500) this.avoid(server);
      throw await this.#refusal(request, response, access);
    }
    const problem = wrongAnswer(status, headers);
    if (problem === undefined) return;
    response.destroy();
    this.avoid(server);
    throw answerError(request, problem);
  }

  async #refusal(
    request: ApiRequest,
    response: IncomingMessage,
    { request: { headers } }: Access,
  ): Promise<ApiError> {
    const status = response.statusCode ?? 0;
    if (status === 401) this.#credentials.refused();
    const why = status === 401 ? expiredText(headers, new Date()) : undefined;
    const { date, 'retry-after': retryAfter } = response.headers;
    const { silenceMs, longestRetryAfterMs: longestMs } = this.#times;
    const longest = Math.min(silenceMs, maxRefusalMs);
    const bounds = { silenceMs: longest, totalMs: longest, maxBytes: maxRefusalBytes };
    // If the body cannot be read, the status is enough.
    const body = await readBody(response, bounds).catch(() => Buffer.alloc(0));
    const { reason, message } = statusMeta(body.toString('utf8'));
    return new ApiError({
      request: `${request.verb} ${request.resource}`,
      status,
      reason,
      message,
      retryAfterMs: retryAfterMs(retryAfter, { date, longestMs }),
      why,
    });
  }

  #count({ verb, resource }: ApiRequest, code: number): void {
    const key = `${verb} ${resource} ${code}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { verb, resource, code, count });
  }
}

// Whether another server may answer differently. A refusal caused by the object (409, 422) is the same on all servers.
// After a 5xx, a write may have been carried out.
function mayBeOneServers({ status }: ApiError): boolean {
  return status < 500 && status !== 409 && status !== 422;
}

// A resource counts as absent only if all servers say so.
function believed(refusals: readonly ApiError[]): ApiError | undefined {
  return refusals.find(({ status }) => status !== 404) ?? refusals[0];
}

// The error contains the earlier failures: any of them may be the important one.
function lastOf(failures: readonly ConnectionError[]): ConnectionError {
  const last = failures.at(-1);
  if (last === undefined) throw new Error('an API server without an address was accepted');
  return failures.length === 1
    ? last
    : new ConnectionError(last.server, last.cause, failures.slice(0, -1));
}

// Why an answer with a success status cannot be from an API server. A missing content type is accepted.
function wrongAnswer(status: number, headers: IncomingMessage['headers']): string | undefined {
  const { 'content-type': type = 'application/json', 'content-encoding': encoding } = headers;
  if (status > 202) return `status ${status} where an object was asked for`;
  if (!/^application\/json\s*(;|$)/i.test(type)) return `${shownText(type, 60)} instead of JSON`;
  if (encoding !== undefined && !/^identity$/i.test(encoding))
    return `compressed (${shownText(encoding, 30)}), although the request did not allow it`;
  return undefined;
}

function answerError({ verb, resource }: ApiRequest, problem: string): AnswerError {
  return new AnswerError(`the answer is not from an API server: ${problem}`, `${verb} ${resource}`);
}
