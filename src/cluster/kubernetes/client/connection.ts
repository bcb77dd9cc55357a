// Tracks which address of the API server is in use and since when, or why none is.

import { errorText } from '../../../base/errors.ts';
import { type Moment, moment } from '../../../base/moment.ts';
import { ConnectionError } from './api-error.ts';
import type { Subscribe } from './pause.ts';
import { shownServer } from './shown.ts';

export interface ConnectionState {
  /** The address in use or, without a connection, the last one tried; without credentials. */
  readonly server?: string | undefined;
  readonly connectedSince?: Moment | undefined;
  readonly failing?: { readonly text: string; readonly since: Moment } | undefined;
}

export class Connection {
  readonly #onChange: () => void;
  #state: ConnectionState = {};
  #preferred: string | undefined;
  /** When each address was found to answer wrongly, in ms of performance.now(). */
  readonly #avoided = new Map<string, number>();
  #servers: readonly string[] = [];
  readonly #waiting = new Set<() => void>();

  /** `onChange` is called when the connection is lost or restored. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Notifies each time a lost connection is restored. */
  readonly onRecovered: Subscribe = (wake) => {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  };

  /**
   * Puts the address that answered last first, so that a node stays with one server while it works, and addresses that
   * answer wrongly last.
   */
  order(servers: readonly string[]): readonly string[] {
    this.#servers = servers;
    const rank = (server: string): number =>
      this.#avoided.has(server) ? 2 : server === this.#preferred ? 0 : 1;
    return servers.toSorted((left, right) => rank(left) - rank(right));
  }

  connected(server: string): void {
    this.#preferred = server;
    const shown = shownServer(server);
    const { failing, connectedSince, server: before } = this.#state;
    if (failing === undefined && connectedSince !== undefined && before === shown) return;
    this.#state = { server: shown, connectedSince: moment() };
    for (const wake of this.#waiting) wake();
    this.#onChange();
  }

  /** The address gave a correct answer to a request sent at `askedAt`, in ms of performance.now(). */
  worked(server: string, askedAt: number): void {
    // An answer to an earlier request does not clear a later fault.
    if ((this.#avoided.get(server) ?? askedAt) < askedAt) this.#avoided.delete(server);
  }

  /** The address answers wrongly. Others are tried first, if there are any. */
  avoid(server: string): void {
    this.#avoided.set(server, performance.now());
    const others = this.#servers.filter((other) => other !== server);
    // If all answer wrongly, all are tried in turn.
    if (others.every((other) => this.#avoided.has(other)))
      for (const other of others) this.#avoided.delete(other);
  }

  lost(error: unknown): void {
    const text = errorText(error);
    const { failing, server } = this.#state;
    const tried = error instanceof ConnectionError ? error.server : server;
    const isNews = failing === undefined || failing.text !== text;
    this.#state = { server: tried, failing: { text, since: failing?.since ?? moment() } };
    if (isNews) this.#onChange();
  }
}
