// One full list of a resource, page by page. It is applied completely or not at all, and it always ends: a server whose
// pages never end or repeat is reported.

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
  /** Kind of the objects. */
  readonly kind: string;
  /** The path with these parameters added to the query. */
  path(query: Readonly<Record<string, string>>): string;
}

export interface ReadList {
  readonly resourceVersion: string;
  /** The address that sent the last page. */
  readonly server: string;
}

type Page = ListPage & Pick<ReadList, 'server'>;

// A page is in memory as bytes, text and objects at the same time: for pods, 1 MB each.
const pageSize = 250;
// Users may create large objects. Smaller pages then fit into the limits on time and length.
const leastPageSize = 2;
/** More than Kubernetes supports. It bounds the memory of a list. */
export const mostObjects = 200_000;
const shortPageMs = 250;

export class FullList {
  readonly #source: ListSource;
  #pageSize = pageSize;

  constructor(source: ListSource) {
    this.#source = source;
  }

  /** Fills `replacement` and returns the list's version. Throws like `ApiClient.json`. */
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
    // The version of the first page: if later pages are newer, a watch from here reports what the first page missed.
    const { resourceVersion } = page;
    for (;;) {
      const { items, next, server } = page;
      const isShort = items.length < this.#pageSize / 2;
      // The server prepares the next page while this one is processed, which halves the time of a large list.
      const following = next === undefined || isShort ? undefined : this.#page(signal, next);
      // An error is handled where the page is awaited.
      following?.catch(() => undefined);
      await setImmediate();
      const isNews = this.#checked(server, () => this.#take(replacement, items));
      if (next === undefined) return { resourceVersion, server };
      this.#checked(server, () => {
        if (!isNews) throw new AnswerError('the pages contain no new objects');
        if (replacement.size > mostObjects)
          throw new AnswerError(`more than ${mostObjects} objects`);
      });
      // A server has no reason for many short pages.
      if (following === undefined) await pause(shortPageMs, { signal });
      page = await (following ?? this.#page(signal, next));
    }
  }

  // Whether the page had an object that was not on an earlier one.
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

  // Attributes an invalid page to its server.
  #checked<T>(server: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      const { client, resource } = this.#source;
      client.avoid(server);
      throw new AnswerError(`the answer is not a list: ${error.message}`, `list ${resource}`);
    }
  }
}

export interface StoreReplacement<T = object> {
  set(key: string, raw: unknown): void;
  has(key: string): boolean;
  /** Number of objects in the list so far, in the form in which they would be kept, that satisfy the predicate. */
  count(isCounted: (key: string, object: T) => boolean): number;
  /** Number of objects in the list so far, including unusable ones. */
  readonly size: number;
  /** Applies added and changed objects, and removes none. */
  commitAdditions(): void;
  /** By key: objects that contradict their previous version, which stays. */
  readonly contradictions: ReadonlyMap<string, Contradiction>;
  /** Applies these contradictions. */
  believe(keys: Iterable<string>): void;
  /** Keys of known objects that are not in the list. */
  lacks(): readonly string[];
  /** Removes known objects that are not in the list, except `kept`. */
  commit(kept?: ReadonlySet<string>): void;
}
