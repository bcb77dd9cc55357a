// Which of the API server's addresses is in use, since when, or why none is.

import { type Moment, moment } from '../../base/moment.ts';
import { ConnectionError } from './api-error.ts';
import type { Subscribe } from './pause.ts';
import { shownServer } from './shown.ts';

export interface ConnectionState {
  /** The address in use or, without a connection, the one tried last; without credentials. */
  readonly server?: string | undefined;
  readonly connectedSince?: Moment | undefined;
  readonly failing?: { readonly text: string; readonly since: Moment } | undefined;
}

export class Connection {
  readonly #onChange: () => void;
  #state: ConnectionState = {};
  #preferred: string | undefined;
  readonly #avoided = new Set<string>();
  readonly #waiting = new Set<() => void>();

  /** `onChange` is told when the connection is lost or found. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Told each time that a lost connection is found again. */
  readonly onRecovered: Subscribe = (wake) => {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  };

  /** The address that answered last comes first, so that a node stays with one server while it is well; those that answer
   * wrongly come last. */
  order(servers: readonly string[]): readonly string[] {
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

  /** It answered as it should. */
  worked(server: string): void {
    this.#avoided.delete(server);
  }

  /** It answers, but not as it should: another address is tried first, if there is one. */
  avoid(server: string, servers: readonly string[]): void {
    this.#avoided.add(server);
    if (servers.every((other) => this.#avoided.has(other))) this.#avoided.clear();
  }

  lost(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const { failing, server } = this.#state;
    const tried = error instanceof ConnectionError ? error.server : server;
    const isNews = failing === undefined || failing.text !== text;
    this.#state = { server: tried, failing: { text, since: failing?.since ?? moment() } };
    if (isNews) this.#onChange();
  }
}
