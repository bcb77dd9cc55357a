// Keeps one resource as the API server has it: list everything, watch from there, and go on from the last version known
// after whatever ends the watch. Everything is listed again when the server has forgotten that version, when watches bring
// nothing (they end at once, or are silent), and now and then: a watch never tells what a list left out.

import { errorText } from '../../base/errors.ts';
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
import { type ReflectorState, ResourceState } from './resource-state.ts';
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
  /** Where to watch from; undefined: list first. */
  #version: string | undefined;
  /** The newest version that the server ever told. */
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

  /** Until `signal` aborts. */
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
      // Another server's list says more than the same one's again.
      client.avoid(server);
      if (!isOld) replacement.commitAdditions();
      this.#status.failed('doubt', `${resource}: ${doubt.text}; it is asked for again`);
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

  // Before a list is believed, and where the resource has such facts.
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
    // The server ends it in time, if it heeds what it is asked.
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
      // The next attempt tells whether the server is gone or only this connection.
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

  // A server that ends every watch at once would be asked without pause.
  async #endedAtOnce(server: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    if (this.#yield.isTooLow) {
      client.avoid(server);
      this.#status.failed(
        'watch',
        `watch ${resource}: the server ended ${mostFruitless} watches in a row at once, without a word`,
      );
    }
    await this.#attempts.pause(signal);
  }

  // The next watch from the same version may be as silent, for the same reason.
  async #gaveUp(text: string, server: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    client.avoid(server);
    this.#status.silent(`watch ${resource}: ${text}`);
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
    // The last list may be what was wrong. Of a loss it need not be: a cloud provider may make it.
    if (contradiction?.isLoss === false && !this.#look.hasten()) this.#status.postponed();
  }

  // A server that says what cannot be news may have left out what is: everything is listed.
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

  // What this server's watch ended with.
  #wrong(error: unknown, server: string): unknown {
    const { client, resource } = this.#options;
    if (!isExpired(error)) client.avoid(server);
    if (!(error instanceof AnswerError)) return error;
    return new AnswerError(`watch ${resource}: the answer is not a watch: ${error.message}`);
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { path, selectors } = this.#options;
    return `${path}?${new URLSearchParams({ ...selectors, ...query })}`;
  }

  #listAgain(): void {
    this.#yield.listed();
    this.#version = undefined;
  }

  // The cluster does not know the resource (any more): nothing of it is there, which is no failure.
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
    const text = shownText(errorText(error), 1_000);
    // What the server has forgotten is listed again, which is no failure.
    if (!isExpired(error) || this.#attempts.haveFailed) this.#status.failed(part, text);
    // A version that it does not understand, and the like.
    if (part === 'watch' && isOurFault(error)) this.#yield.refused();
    await this.#attempts.pauseAfter(error, this.#options.client.onRecovered, signal);
  }
}
