// Mirrors one resource of the API server: lists everything, watches from there, and continues from the last known
// version whenever a watch ends. Everything is listed again when the server has discarded that version, when watches
// are useless (they end immediately or are silent), and periodically, because a watch never reports what a list
// omitted.

import { Attempts, isOurFault } from './attempts.ts';
import { AnswerError, ApiError, isExpired } from './client/api-error.ts';
import { type ApiTimes, apiTimes } from './client/api-times.ts';
import { isOlder, metaOf, type ObjectVersion, statusMeta } from './client/meta.ts';
import { pause } from './client/pause.ts';
import { shownText } from './client/shown.ts';
import { Contradictions } from './contradictions.ts';
import { FullList, mostObjects, type StoreReplacement } from './full-list.ts';
import { Absences, type ListFacts, listDoubt } from './list-doubt.ts';
import { NextLook } from './next-look.ts';
import { ObjectVersions } from './object-versions.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import { failureOf, type ReflectorState, ResourceState } from './resource-state.ts';
import { WatchPatience } from './watch/patience.ts';
import { type WatchEvent, watchEvents } from './watch/stream.ts';
import { mostFruitless, WatchYield } from './watch/yield.ts';

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #times: ApiTimes;
  readonly #random: () => number;
  readonly #list: FullList;
  readonly #status: ResourceState;
  readonly #versions = new ObjectVersions();
  /** Version to watch from; undefined: list first. */
  #version: string | undefined;
  /** Newest version that the server ever sent. */
  #newest: string | undefined;
  readonly #attempts: Attempts;
  readonly #yield: WatchYield;
  #doubts = 0;
  readonly #absences: Absences;
  readonly #contradictions: Contradictions;
  readonly #look: NextLook;

  constructor(options: ReflectorOptions) {
    const { client, resource, kind, store, random = Math.random, times = apiTimes } = options;
    this.#options = options;
    this.#times = times;
    this.#random = random;
    this.#attempts = new Attempts(times, random);
    this.#yield = new WatchYield(times);
    this.#absences = new Absences(times.doubtMs);
    this.#contradictions = new Contradictions(times);
    this.#look = new NextLook(times, random);
    this.#list = new FullList({ client, resource, kind, path: (query) => this.#path(query) });
    this.#status = new ResourceState(resource, store, () => options.onChange());
  }

  get state(): ReflectorState {
    return this.#status.state;
  }

  /** True once everything has been listed. */
  get isSynced(): boolean {
    return this.#status.isSynced;
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const part = this.#version === undefined ? 'list' : 'watch';
      try {
        if (this.#version === undefined) await this.#readList(signal);
        else await this.#watch(this.#version, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#version = undefined;
        if (!(await this.#waitWhileAbsent(error, signal))) await this.#backOff(error, part, signal);
      }
      if (this.#look.isDue || this.#yield.isTooLow) this.#listAgain();
    }
  }

  async #readList(signal: AbortSignal): Promise<void> {
    const { client, store, resource, expected } = this.#options;
    const replacement = store.replace();
    this.#status.listing(replacement);
    const { resourceVersion: version, server } = await this.#list.read(replacement, signal);
    const isOld = isOlder(version, this.#newest);
    const isMissing = expected !== undefined && !replacement.has(expected);
    const wasThere = expected !== undefined && (store.has(expected) || !this.isSynced);
    const missing = isMissing && wasThere ? expected : undefined;
    const { doubted, isMost, ...judged } = this.#contradictions.judge(replacement);
    const doubt = listDoubt({
      ...{ before: store.size, now: replacement.size, isOlder: isOld, missing },
      ...{ contradictions: doubted, areMostContradictory: isMost, ...this.#held(replacement) },
    });
    const unconfirmed = this.#absences.note(replacement.lacks());
    const { isOfSome = false } = doubt ?? {};
    if (doubt && this.#doubts++ < doubt.repetitions && (!isOfSome || this.#look.takesExtra())) {
      // A list from another server is more informative than a repetition from this one.
      client.avoid(server);
      if (!isOld) replacement.commitAdditions();
      const text = `${resource}: ${doubt.text}; the list is requested again`;
      this.#status.failed('doubt', { text });
      return pause(this.#times.doubtMs * this.#doubts * (1 + 0.2 * this.#random()), { signal });
    }
    this.#doubts = 0;
    this.#version = version;
    this.#newest = version;
    this.#versions.clear();
    const before = store.told;
    replacement.commit(unconfirmed);
    this.#status.listed();
    const isWaiting = !this.#look.listed({
      ...judged,
      isDoubtful: isMost || (doubt !== undefined && !isOfSome),
      isUnconfirmed: unconfirmed.size > 0,
      objects: Math.max(before, store.told),
    });
    if (isWaiting) this.#status.postponed();
  }

  // Only before a list is accepted, and only for resources with such facts.
  #held(list: Pick<StoreReplacement, 'count'>): Pick<ListFacts, 'held' | 'others'> {
    const { held, canHold, expected } = this.#options;
    if (this.isSynced || held === undefined) return {};
    if (canHold === undefined) return { held: held() };
    return {
      held: held(),
      others: list.count((key, object) => key !== expected && canHold(object)),
    };
  }

  // Returns when the server ends the watch, which it does every few minutes.
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource, bookmarking } = this.#options;
    const { watchMs, settledMs } = this.#times;
    const seconds = Math.ceil(Math.min(watchMs * (1 + this.#random()), this.#look.leftMs) / 1_000);
    const askedMs = Math.max(1, seconds) * 1_000;
    const path = this.#path({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(askedMs / 1_000),
    });
    const { response, server } = await client.open({ path, verb: 'watch', resource, signal });
    this.#versions.begin(from);
    const began = performance.now();
    this.#status.watching();
    let events = 0;
    let ending: string | undefined;
    let isBroken = false;
    using patience = new WatchPatience({
      times: this.#times,
      askedMs,
      sendsBookmarks: () => bookmarking?.has(server) === true,
      onSettled: () => this.#settled(),
      onEnd: (text) => {
        ending ??= text;
        response.destroy();
      },
    });
    // The server ends the watch in time if it respects the request.
    using _due = this.#look.ending(() => response.destroy(), settledMs);
    try {
      for await (const event of watchEvents(response, {
        onBytes: (what) => patience.heard(what),
      })) {
        this.#take(event);
        if (event.type === 'BOOKMARK') bookmarking?.add(server);
        events++;
      }
    } catch (error) {
      if (signal.aborted) return;
      isBroken = true;
      // The next attempt shows whether the server has failed or only this connection.
      if (ending === undefined && !(error instanceof Error && 'code' in error))
        throw this.#wrong(error, server);
    } finally {
      response.destroy();
      if (this.#yield.ended({ events, livedMs: performance.now() - began })) {
        client.avoid(server);
        this.#listAgain();
      }
    }
    if (signal.aborted) return;
    if (ending !== undefined) return this.#gaveUp(ending, server, signal);
    if (performance.now() - began < settledMs) return this.#endedAtOnce(server, signal);
    this.#settled();
    if (!isBroken) this.#status.heard();
  }

  #settled(): void {
    this.#attempts.succeeded();
    this.#yield.settled();
    this.#status.watchHolds();
  }

  // Without this pause, a server that ends every watch immediately would receive requests continuously.
  async #endedAtOnce(server: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    if (this.#yield.isTooLow) {
      client.avoid(server);
      const detail = `the server ended ${mostFruitless} watches in a row immediately, without an event`;
      this.#status.failed('watch', { text: `watch ${resource}: ${detail}`, detail });
    }
    await this.#attempts.pause(signal);
  }

  // The next watch from the same version may be silent for the same reason.
  async #gaveUp(text: string, server: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    client.avoid(server);
    this.#status.silent({ text: `watch ${resource}: ${text}`, detail: text });
    await this.#attempts.pause(signal);
    this.#listAgain();
  }

  #take(event: WatchEvent): void {
    const { type, object } = event;
    const { store, resource } = this.#options;
    if (type === 'ERROR') {
      const { code = 500, reason, message } = statusMeta(object);
      throw new ApiError({ request: `watch ${resource}`, status: code, reason, message });
    }
    const { key, resourceVersion } = this.#news(event);
    if (type !== 'BOOKMARK') {
      this.#absences.seen(key);
      if (type === 'DELETED') store.delete(key);
      else if (store.told < mostObjects || store.has(key)) store.set(key, object);
      else throw new AnswerError(`more than ${mostObjects} objects`);
      this.#heedContradiction(key);
    }
    if (resourceVersion !== undefined && !isOlder(resourceVersion, this.#version))
      this.#version = resourceVersion;
    if (!isOlder(this.#version, this.#newest)) this.#newest = this.#version;
    this.#status.heard();
  }

  #heedContradiction(key: string): void {
    const contradiction = this.#options.store.contradictionOf(key);
    this.#contradictions.seen(key, contradiction);
    // The last list may have been wrong. For a loss that is less likely: a cloud provider may cause it.
    if (contradiction?.isLoss === false && !this.#look.hasten()) this.#status.postponed();
  }

  // A server that sends events which cannot be news may have omitted real news, so everything is listed.
  #news({ type, object }: WatchEvent): ObjectVersion {
    try {
      const meta = metaOf(object, this.#options.kind);
      if (type === 'BOOKMARK') return meta;
      if (meta.key === '') throw new AnswerError('an object without a name');
      const oddity = this.#versions.advance(meta.key, meta.resourceVersion);
      if (oddity === undefined) return meta;
      throw new AnswerError(`${shownText(meta.key, 100)} ${oddity}`);
    } catch (error) {
      this.#version = undefined;
      throw error;
    }
  }

  // Records the error with the server whose watch ended.
  #wrong(error: unknown, server: string): unknown {
    const { client, resource } = this.#options;
    if (!isExpired(error)) client.avoid(server);
    if (!(error instanceof AnswerError)) return error;
    return new AnswerError(`the answer is not a watch: ${error.message}`, `watch ${resource}`);
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { path, selectors } = this.#options;
    return `${path}?${new URLSearchParams({ ...selectors, ...query })}`;
  }

  #listAgain(): void {
    this.#yield.listed();
    this.#version = undefined;
  }

  // The cluster does not have the resource (any more): it has no objects, which is not a failure.
  async #waitWhileAbsent(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { absentRetryMs, store } = this.#options;
    const isAbsent = error instanceof ApiError && error.status === 404;
    if (absentRetryMs === undefined || !isAbsent) return false;
    this.#version = undefined;
    this.#newest = undefined;
    this.#attempts.succeeded();
    store.replace().commit();
    this.#status.absent();
    await pause(absentRetryMs * (0.5 + 0.5 * this.#random()), { signal });
    return true;
  }

  async #backOff(error: unknown, part: 'list' | 'watch', signal: AbortSignal): Promise<void> {
    // If the server has discarded the version, everything is listed again, which is not a failure.
    if (!isExpired(error) || this.#attempts.haveFailed) {
      this.#status.failed(part, failureOf(error, `${part} ${this.#options.resource}`));
    }
    // For example a version that the server does not understand.
    if (part === 'watch' && isOurFault(error)) this.#yield.refused();
    await this.#attempts.pauseAfter(error, this.#options.client.onRecovered, signal);
  }
}
