// One full list of a resource, page by page. It is taken in as a whole or not at all, and it ends: a server that goes on
// for ever, or round in circles, is told.

import { setImmediate } from 'node:timers/promises';
import { TooLongError } from './client/answer-body.ts';
import type { ApiClient } from './client/api-client.ts';
import { AnswerError, ConnectionError } from './client/api-error.ts';
import { type ListPage, listPage, metaOf } from './client/meta.ts';
import { pause } from './client/pause.ts';
import type { Contradiction } from './fixed-fields.ts';

export interface ListSource {
  readonly client: Pick<ApiClient, 'answer' | 'avoid'>;
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  /** Of its objects. */
  readonly kind: string;
  /** The path with the query, and these parameters in it. */
  path(query: Readonly<Record<string, string>>): string;
}

export interface ReadList {
  readonly resourceVersion: string;
  /** The address that its last page came from. */
  readonly server: string;
}

type Page = ListPage & Pick<ReadList, 'server'>;

// A page is in memory as bytes, as text and as objects at once: of pods it is 1 MB of each.
const pageSize = 250;
// Whoever may make objects may make them large: then fewer at a time come within the time and the length that a page has.
const leastPageSize = 2;
/** More than Kubernetes is made for; it bounds what a list can take of memory. */
export const mostObjects = 200_000;
const shortPageMs = 250;

export class FullList {
  readonly #source: ListSource;
  #pageSize = pageSize;

  constructor(source: ListSource) {
    this.#source = source;
  }

  /** Fills `replacement`, and returns the list's version. Throws as `ApiClient.json`. */
  async read(
    replacement: Pick<StoreReplacement, 'set' | 'has' | 'size'>,
    signal: AbortSignal,
  ): Promise<ReadList> {
    try {
      return await this.#read(replacement, signal);
    } catch (error) {
      const isLate = error instanceof ConnectionError && error.isTimeout;
      if (isLate || error instanceof TooLongError)
        this.#pageSize = Math.max(leastPageSize, Math.floor(this.#pageSize / 5));
      const { resource } = this.#source;
      throw error instanceof TooLongError
        ? new AnswerError(
            `list ${resource}: ${error.message}; asked for ${this.#pageSize} at a time`,
          )
        : error;
    }
  }

  async #read(
    replacement: Pick<StoreReplacement, 'set' | 'has' | 'size'>,
    signal: AbortSignal,
  ): Promise<ReadList> {
    let page = await this.#page(signal);
    // That of the first page: should later ones be newer, a watch from here tells what the first page missed.
    const { resourceVersion } = page;
    for (;;) {
      const { items, next, server } = page;
      const isShort = items.length < this.#pageSize / 2;
      // The server makes the next page while this one is taken in: half of the time that a large list takes.
      const following = next === undefined || isShort ? undefined : this.#page(signal, next);
      // What is wrong with it is met where it is waited for.
      following?.catch(() => undefined);
      await setImmediate();
      const isNews = this.#checked(server, () => this.#take(replacement, items));
      if (next === undefined) return { resourceVersion, server };
      this.#checked(server, () => {
        if (!isNews) throw new AnswerError('page after page, and nothing new in them');
        if (replacement.size > mostObjects)
          throw new AnswerError(`more than ${mostObjects} objects`);
      });
      // No server has a reason for many short pages.
      if (following === undefined) await pause(shortPageMs, { signal });
      page = await (following ?? this.#page(signal, next));
    }
  }

  // Whether there was an object that had not been on an earlier page.
  #take(replacement: Pick<StoreReplacement, 'set' | 'has'>, items: readonly unknown[]): boolean {
    let isNews = false;
    for (const [index, item] of items.entries()) {
      const key = this.#keyOf(item, index);
      isNews ||= !replacement.has(key);
      replacement.set(key, item);
    }
    return isNews;
  }

  #keyOf(item: unknown, index: number): string {
    const where = `items[${index}]`;
    try {
      const { key } = metaOf(item, this.#source.kind);
      if (key !== '') return key;
    } catch (error) {
      throw error instanceof AnswerError ? new AnswerError(`${where}: ${error.message}`) : error;
    }
    throw new AnswerError(`${where} has no name`);
  }

  async #page(signal: AbortSignal, next?: string): Promise<Page> {
    const { client, resource, kind, path } = this.#source;
    const query = { limit: String(this.#pageSize), ...(next && { continue: next }) };
    const request = { path: path(query), verb: 'list', resource, signal };
    const { json, server } = await client.answer(request);
    return this.#checked(server, () => ({ ...listPage(json, kind), server }));
  }

  // What is wrong with a page of this server.
  #checked<T>(server: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      const { client, resource } = this.#source;
      client.avoid(server);
      throw new AnswerError(`list ${resource}: the answer is not a list: ${error.message}`);
    }
  }
}

export interface StoreReplacement<T = object> {
  set(key: string, raw: unknown): void;
  has(key: string): boolean;
  /** How many objects of the list so far, as they would be kept, are such. */
  count(isCounted: (key: string, object: T) => boolean): number;
  /** Objects of the list so far, also those that cannot be used. */
  readonly size: number;
  /** Shows what is new and changed, and removes nothing. */
  commitAdditions(): void;
  /** By key: objects that cannot follow what was told of them before, and keep that. */
  readonly contradictions: ReadonlyMap<string, Contradiction>;
  /** Takes contradictions as they are told. */
  believe(keys: Iterable<string>): void;
  /** What is known and not in the list. */
  lacks(): readonly string[];
  /** Removes what the list lacks, but for `kept`. */
  commit(kept?: ReadonlySet<string>): void;
}
