// The API's socket for as long as the agent runs: listened on again where another process has removed or replaced its file, as
// where /run was wiped. No pod could be added or deleted without it, and no command could say so. Where that process answers
// there, it keeps the place until it ends.

import { errorText } from '../../base/errors.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { type ApiServer, type ApiSources, listenApi } from './api.ts';

export interface ApiSocketOptions {
  /** Makes the file. Rejects where a process answers in its place. */
  listen(): Promise<ApiServer>;
  readonly periodMs: number;
  /** Why it cannot be listened on again; undefined: it can. Called after each attempt. */
  onProblem(problem: string | undefined): void;
  onRestored(): void;
}

/** Throws what `listenApi` throws. */
export function openApiSocket(
  { socket, reconcilePeriodMs }: AgentConfig,
  sources: ApiSources,
  onProblem: ApiSocketOptions['onProblem'],
): Promise<ApiSocket> {
  return ApiSocket.open({
    listen: () => listenApi(socket, sources),
    periodMs: reconcilePeriodMs,
    onProblem,
    onRestored: () => sources.log.warn({ socket }, 'listening again: its file was gone'),
  });
}

export class ApiSocket {
  readonly #options: ApiSocketOptions;
  readonly #servers = new Set<ApiServer>();
  /** Undefined while the file is not there and could not be made. */
  #current: ApiServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(options: ApiSocketOptions) {
    this.#options = options;
  }

  /** Throws what `listen` throws. */
  static async open(options: ApiSocketOptions): Promise<ApiSocket> {
    const socket = new ApiSocket(options);
    await socket.#listen();
    socket.#lookLater();
    return socket;
  }

  /** Every connection too. */
  end(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#current?.close();
    for (const server of this.#servers) server.closeAllConnections();
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      void this.#look().then(() => this.#lookLater());
    }, this.#options.periodMs);
  }

  async #look(): Promise<void> {
    if (this.#current?.isReachable() === true) return;
    this.#current?.close();
    this.#current = undefined;
    try {
      await this.#listen();
      this.#options.onProblem(undefined);
      this.#options.onRestored();
    } catch (error) {
      this.#options.onProblem(errorText(error));
    }
  }

  // Requests that came by an earlier file are answered.
  async #listen(): Promise<void> {
    const server = await this.#options.listen();
    this.#servers.add(server);
    void server.ended.then(() => this.#servers.delete(server));
    this.#current = server;
    if (this.#isClosed) server.close();
  }
}
