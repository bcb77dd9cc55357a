// Keeps one resource as the API server has it: list everything, watch from there, and go on from the last version known
// after whatever ends the watch. Only when the server has forgotten that version is everything listed again.

import { setImmediate } from 'node:timers/promises';
import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import { type Moment, moment } from '../../base/moment.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, ConnectionError, isExpired } from './api-error.ts';
import { type ListPage, listPage, metaOf, statusMeta } from './meta.ts';
import type { ObjectStore } from './object-store.ts';
import { pause } from './pause.ts';
import { type WatchEvent, watchEvents } from './watch-stream.ts';

export interface ReflectorOptions {
  readonly client: Pick<ApiClient, 'json' | 'open' | 'recovered'>;
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  readonly path: string;
  readonly selectors: Readonly<Record<string, string>>;
  readonly store: Pick<ObjectStore<object>, 'set' | 'delete' | 'replace' | 'size'>;
  /** For a resource that the cluster need not have: how long to wait before looking for it again. */
  readonly absentRetryMs?: number | undefined;
  /** Told when the first list is in, when it begins to fail and when it is well again. */
  onChange(): void;
  readonly random?: () => number;
  readonly backoff?: BackoffOptions;
}

export interface ReflectorState {
  readonly resource: string;
  readonly objects: number;
  /** When the last full list was in. */
  readonly listedAt?: Moment | undefined;
  /** When the watch last said anything, be it that nothing changed. */
  readonly watchedAt?: Moment | undefined;
  /** Watches begun after the first, and full lists after the first. */
  readonly watchRestarts: number;
  readonly relists: number;
  readonly failing?: { readonly text: string; readonly since: Moment } | undefined;
}

// A page is in memory as bytes, as text and as objects at once: of pods it is 1 MB of each.
const pageSize = 250;
const defaultBackoff: BackoffOptions = { firstMs: 500, maxMs: 15_000 };
// A watch that lived this long was well: what comes next is no repeated failure.
const settledMs = 5_000;

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #random: () => number;
  /** Where to watch from; undefined: list first. */
  #version: string | undefined;
  #attempt = 0;
  #watches = 0;
  #lists = 0;
  #state: Pick<ReflectorState, 'listedAt' | 'watchedAt' | 'failing'> = {};

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  get state(): ReflectorState {
    const { resource, store } = this.#options;
    return {
      ...this.#state,
      resource,
      objects: store.size,
      watchRestarts: Math.max(0, this.#watches - 1),
      relists: Math.max(0, this.#lists - 1),
    };
  }

  /** True once everything has been listed. */
  get isSynced(): boolean {
    return this.#state.listedAt !== undefined;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(signal);
        await this.#watch(this.#version, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#version = undefined;
        if (!(await this.#waitWhileAbsent(error, signal))) await this.#backOff(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const replacement = this.#options.store.replace();
    let page = await this.#page(signal);
    for (;;) {
      const { items, next, resourceVersion } = page;
      // The server makes the next page while this one is taken in: half of the time that a large list takes.
      const following = next === undefined ? undefined : this.#page(signal, next);
      // What is wrong with it is met where it is waited for.
      following?.catch(() => undefined);
      await setImmediate();
      for (const item of items) replacement.set(metaOf(item).key, item);
      if (following === undefined) {
        replacement.commit();
        this.#listed();
        return resourceVersion;
      }
      page = await following;
    }
  }

  async #page(signal: AbortSignal, next?: string): Promise<ListPage> {
    const { client, resource } = this.#options;
    const path = this.#path({ limit: String(pageSize), ...(next && { continue: next }) });
    return listPage(await client.json({ path, verb: 'list', resource, signal }));
  }

  // Returns when the server ends the watch, which it does every few minutes.
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    const path = this.#path({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      // Spread, so that a cluster's watches do not all end at once.
      timeoutSeconds: String(Math.round(300 + 300 * this.#random())),
    });
    const stream = await client.open({ path, verb: 'watch', resource, signal });
    const began = performance.now();
    this.#watches++;
    this.#heard();
    try {
      for await (const event of watchEvents(stream)) this.#take(event);
    } catch (error) {
      // The next attempt tells whether the server is gone or only this connection.
      if (!(error instanceof Error) || !('code' in error) || signal.aborted) throw error;
    } finally {
      stream.destroy();
      if (performance.now() - began >= settledMs) this.#attempt = 0;
    }
    // A server that ends every watch at once would be asked without pause.
    if (performance.now() - began < settledMs) await this.#pause(signal);
  }

  #take({ type, object }: WatchEvent): void {
    const { store, resource } = this.#options;
    if (type === 'ERROR') {
      const { code = 500, reason, message } = statusMeta(object);
      throw new ApiError({ request: `watch ${resource}`, status: code, reason, message });
    }
    const { key, resourceVersion } = metaOf(object);
    if (type === 'DELETED') store.delete(key);
    else if (type !== 'BOOKMARK') store.set(key, object);
    this.#version = resourceVersion ?? this.#version;
    this.#heard();
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { path, selectors } = this.#options;
    return `${path}?${new URLSearchParams({ ...selectors, ...query })}`;
  }

  // The cluster does not know the resource (any more): nothing of it is there, which is no failure.
  async #waitWhileAbsent(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { absentRetryMs, store } = this.#options;
    const isAbsent = error instanceof ApiError && error.status === 404;
    if (absentRetryMs === undefined || !isAbsent) return false;
    this.#version = undefined;
    this.#attempt = 0;
    store.replace().commit();
    const { failing } = this.#state;
    this.#state = { watchedAt: moment() };
    if (failing !== undefined) this.#options.onChange();
    await pause(absentRetryMs * (0.5 + 0.5 * this.#random()), { signal });
    return true;
  }

  #listed(): void {
    this.#lists++;
    // A watch that fails from here on says so itself.
    this.#state = { ...this.#state, listedAt: moment(), failing: undefined };
    this.#options.onChange();
  }

  #heard(): void {
    const { failing } = this.#state;
    this.#state = { ...this.#state, watchedAt: moment(), failing: undefined };
    if (failing !== undefined) this.#options.onChange();
  }

  async #backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const text = error instanceof Error ? error.message : String(error);
    const { failing } = this.#state;
    // What the server has forgotten is listed again, which is no failure.
    if (!isExpired(error) || this.#attempt > 0) {
      this.#state = { ...this.#state, failing: { text, since: failing?.since ?? moment() } };
      if (failing?.text !== text) this.#options.onChange();
    }
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    const recovered = error instanceof ConnectionError ? this.#options.client.recovered : undefined;
    await this.#pause(signal, { leastMs: asked, recovered });
  }

  async #pause(
    signal: AbortSignal,
    options: { leastMs?: number; recovered?: Promise<void> | undefined } = {},
  ): Promise<void> {
    this.#attempt++;
    const { backoff = defaultBackoff } = this.#options;
    const delayMs = backoffMs(this.#attempt, { ...backoff, random: this.#random });
    await pause(Math.max(delayMs, options.leastMs ?? 0), { signal, until: options.recovered });
  }
}
