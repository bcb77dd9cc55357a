// Which of the API server's addresses is in use, since when, or why none is.

import { errorText } from '../../../base/errors.ts';
import { type Moment, moment } from '../../../base/moment.ts';
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
  /** When each was found to answer wrongly, ms of performance.now(). */
  readonly #avoided = new Map<string, number>();
  #servers: readonly string[] = [];
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

  /** It answered as it should what it was asked at `askedAt`, ms of performance.now(). */
  worked(server: string, askedAt: number): void {
    // An answer to an earlier request does not mend what was found since.
    if ((this.#avoided.get(server) ?? askedAt) < askedAt) this.#avoided.delete(server);
  }

  /** It answers, but not as it should: another address is tried first, if there is one. */
  avoid(server: string): void {
    this.#avoided.set(server, performance.now());
    const others = this.#servers.filter((other) => other !== server);
    // All by turns, then.
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
