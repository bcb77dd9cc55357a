// The agent's sockets while it runs: opened again if another process has removed or replaced a file, for example by
// wiping /run. Without them no pod could be added or deleted, and no command could report it. If the other process
// answers there, it keeps the place until it ends.

import { cniSocketOf } from '../../api/socket.ts';
import { errorText } from '../../base/errors.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { type ApiSources, listenApi } from './api.ts';
import { listenCni } from './cni-socket.ts';
import { ApiConnections, connectionLimits } from './connections.ts';
import type { SocketServer } from './socket-file.ts';

export interface KeptSocketOptions {
  /** Creates the file. Rejects if a process answers in its place. */
  listen(): Promise<SocketServer>;
  readonly periodMs: number;
  /** Called after each attempt with the reason why it cannot be opened again; undefined: it can. */
  onProblem(problem: string | undefined): void;
  onRestored(): void;
}

export type SocketPart = 'socket' | 'CNI socket';

/**
 * Opens the API's and the CNI shim's socket. Connections of both count together. Throws the errors of `listenOnFile`;
 * then neither is open.
 */
export async function openSockets(
  { socket, reconcilePeriodMs: periodMs }: AgentConfig,
  sources: ApiSources,
  onProblem: (part: SocketPart, problem: string | undefined) => void,
): Promise<readonly KeptSocket[]> {
  const connections = new ApiConnections(connectionLimits());
  const cniSocket = cniSocketOf(socket);
  const keep = (part: SocketPart, path: string, listen: KeptSocketOptions['listen']) =>
    KeptSocket.open({
      listen,
      periodMs,
      onProblem: (problem) => onProblem(part, problem),
      onRestored: () =>
        sources.log.warn({ socket: path }, 'listening again: the socket file was missing'),
    });
  const api = await keep('socket', socket, () => listenApi(socket, sources, connections));
  try {
    const listen = (): Promise<SocketServer> => listenCni(cniSocket, sources, connections);
    return [api, await keep('CNI socket', cniSocket, listen)];
  } catch (error) {
    api.end();
    throw error;
  }
}

export class KeptSocket {
  readonly #options: KeptSocketOptions;
  readonly #servers = new Set<SocketServer>();
  /** Undefined while the file is missing and could not be created. */
  #current: SocketServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(options: KeptSocketOptions) {
    this.#options = options;
  }

  /** Throws the errors of `listen`. */
  static async open(options: KeptSocketOptions): Promise<KeptSocket> {
    const socket = new KeptSocket(options);
    await socket.#listen();
    socket.#lookLater();
    return socket;
  }

  /** Ends every connection, too. */
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
    try {
      if (this.#current?.isReachable() === true) return;
      this.#current?.close();
      this.#current = undefined;
      await this.#listen();
      this.#options.onProblem(undefined);
      this.#options.onRestored();
    } catch (error) {
      this.#options.onProblem(errorText(error));
    }
  }

  // Requests over an earlier file are answered.
  async #listen(): Promise<void> {
    const server = await this.#options.listen();
    this.#servers.add(server);
    void server.ended.then(() => this.#servers.delete(server));
    this.#current = server;
    if (this.#isClosed) server.close();
  }
}
