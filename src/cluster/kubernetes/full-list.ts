// One full list of a resource, page by page. It is taken in as a whole or not at all, and it ends: a server that goes on
// for ever, or round in circles, is told.

import { setImmediate } from 'node:timers/promises';
import { TooLongError } from './answer-body.ts';
import type { ApiClient } from './api-client.ts';
import { AnswerError, ConnectionError } from './api-error.ts';
import { type ListPage, listPage, metaOf } from './meta.ts';
import type { StoreReplacement } from './object-store.ts';
import { pause } from './pause.ts';

export interface ListSource {
  readonly client: Pick<ApiClient, 'json'>;
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  /** Of its objects. */
  readonly kind: string;
  /** The path with the query, and these parameters in it. */
  path(query: Readonly<Record<string, string>>): string;
}

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
  ): Promise<string> {
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
  ): Promise<string> {
    let page = await this.#page(signal);
    // That of the first page: should later ones be newer, a watch from here tells what the first page missed.
    const { resourceVersion } = page;
    for (;;) {
      const { items, next } = page;
      const isShort = items.length < this.#pageSize / 2;
      // The server makes the next page while this one is taken in: half of the time that a large list takes.
      const following = next === undefined || isShort ? undefined : this.#page(signal, next);
      // What is wrong with it is met where it is waited for.
      following?.catch(() => undefined);
      await setImmediate();
      const isNews = this.#take(replacement, items);
      if (next === undefined) return resourceVersion;
      if (!isNews) throw this.#wrong('page after page, and nothing new in them');
      if (replacement.size > mostObjects) throw this.#wrong(`more than ${mostObjects} objects`);
      // No server has a reason for many short pages.
      if (following === undefined) await pause(shortPageMs, { signal });
      page = await (following ?? this.#page(signal, next));
    }
  }

  // Whether there was an object that had not been on an earlier page.
  #take(replacement: Pick<StoreReplacement, 'set' | 'has'>, items: readonly unknown[]): boolean {
    let isNews = false;
    for (const [index, item] of items.entries()) {
      const key = this.#checked(() => metaOf(item, this.#source.kind).key, `items[${index}]`);
      if (key === '') throw this.#wrong(`items[${index}] has no name`);
      isNews ||= !replacement.has(key);
      replacement.set(key, item);
    }
    return isNews;
  }

  async #page(signal: AbortSignal, next?: string): Promise<ListPage> {
    const { client, resource, kind, path } = this.#source;
    const query = { limit: String(this.#pageSize), ...(next && { continue: next }) };
    const raw = await client.json({ path: path(query), verb: 'list', resource, signal });
    return this.#checked(() => listPage(raw, kind));
  }

  #checked<T>(read: () => T, where?: string): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      throw this.#wrong(where === undefined ? error.message : `${where}: ${error.message}`);
    }
  }

  #wrong(problem: string): AnswerError {
    return new AnswerError(`list ${this.#source.resource}: the answer is not a list: ${problem}`);
  }
}
