// State of reading one resource: its freshness, and what prevents it.

import { errorText } from '../../base/errors.ts';
import { type Moment, moment } from '../../base/moment.ts';
import { AnswerError, ApiError } from './client/api-error.ts';
import { shownText } from './client/shown.ts';
import type { StoreReplacement } from './full-list.ts';
import type { ObjectStore } from './object-store.ts';

export interface ResourceFailure {
  readonly text: string;
  /** For a request for this resource: the text without the request. */
  readonly detail?: string;
}

export interface Failing extends ResourceFailure {
  readonly since: Moment;
}

export interface ReflectorState {
  readonly resource: string;
  readonly objects: number;
  /** When the last full list was complete. */
  readonly listedAt?: Moment | undefined;
  /** When a list was complete or the watch last sent something, bookmarks included. */
  readonly watchedAt?: Moment | undefined;
  /** Watches started after the first one, and full lists after the first one. */
  readonly watchRestarts: number;
  readonly relists: number;
  /** Only before the first list is complete: when reading began, and how much has been read. */
  readonly reading?: { readonly since: Moment; readonly objects: number } | undefined;
  readonly failing?: (Failing & { readonly verb: 'list' | 'watch' }) | undefined;
  /** Why the last list is not accepted yet. */
  readonly doubt?: Failing | undefined;
  /** Why a list that is due soon has to wait for the regular one. */
  readonly postponed?: Failing | undefined;
}

/** `request`: the request that may have failed, such as `list nodes`. */
export function failureOf(error: unknown, request: string): ResourceFailure {
  const text = shownText(errorText(error), 1_000);
  const isOfRequest = error instanceof ApiError || error instanceof AnswerError;
  if (!isOfRequest || error.request !== request) return { text };
  return { text, detail: shownText(error.detail, 1_000) };
}

const parts = ['list', 'watch', 'doubt', 'postponed'] as const;
type Part = (typeof parts)[number];

export class ResourceState {
  readonly #resource: string;
  readonly #store: Pick<ObjectStore<object>, 'size'>;
  readonly #onChange: () => void;
  #listedAt: Moment | undefined;
  #heardAt: Moment | undefined;
  #reading: { readonly since: Moment; readonly list: Pick<StoreReplacement, 'size'> } | undefined;
  #lists = 0;
  #watches = 0;
  readonly #failing: Record<Part, Failing | undefined> = {
    list: undefined,
    watch: undefined,
    doubt: undefined,
    postponed: undefined,
  };
  /** A silent watch may be replaced by another silent one: only data from the server ends this failure. */
  #isSilent = false;

  constructor(resource: string, store: Pick<ObjectStore<object>, 'size'>, onChange: () => void) {
    this.#resource = resource;
    this.#store = store;
    this.#onChange = onChange;
  }

  get state(): ReflectorState {
    const { list, watch, doubt, postponed } = this.#failing;
    const reading = this.#listedAt === undefined ? this.#reading : undefined;
    return {
      resource: this.#resource,
      objects: this.#store.size,
      listedAt: this.#listedAt,
      watchedAt: this.#heardAt,
      watchRestarts: Math.max(0, this.#watches - 1),
      relists: Math.max(0, this.#lists - 1),
      reading: reading && { since: reading.since, objects: reading.list.size },
      failing: list ? { ...list, verb: 'list' } : watch && { ...watch, verb: 'watch' },
      doubt,
      postponed,
    };
  }

  /** True once everything has been listed. */
  get isSynced(): boolean {
    return this.#listedAt !== undefined;
  }

  listing(list: Pick<StoreReplacement, 'size'>): void {
    this.#reading = { since: this.#reading?.since ?? moment(), list };
  }

  listed(): void {
    this.#lists++;
    this.#listedAt = moment();
    this.#heardAt = moment();
    this.#reading = undefined;
    this.#failing.list = undefined;
    this.#failing.doubt = undefined;
    this.#failing.postponed = undefined;
    this.#onChange();
  }

  /** The limit of extra lists has been reached. */
  postponed(): void {
    const text = `${this.#resource}: too many objects contradicted earlier answers or were missing from a list; no list is requested before the next regular one`;
    this.failed('postponed', { text });
  }

  watching(): void {
    this.#watches++;
  }

  /** A watch is open but has not sent anything. */
  watchHolds(): void {
    if (!this.#isSilent) this.#ended('watch');
  }

  /** The watch has sent something, or the server has ended it in time. */
  heard(): void {
    this.#heardAt = moment();
    this.#isSilent = false;
    this.#ended('watch');
  }

  silent(failure: ResourceFailure): void {
    this.#isSilent = true;
    this.failed('watch', failure);
  }

  failed(part: Part, failure: ResourceFailure): void {
    const before = this.#failing[part];
    this.#failing[part] = { ...failure, since: before?.since ?? moment() };
    if (before?.text !== failure.text) this.#onChange();
  }

  /** The cluster does not have the resource. */
  absent(): void {
    const { list, watch } = this.#failing;
    for (const part of parts) this.#failing[part] = undefined;
    this.#listedAt = undefined;
    this.#reading = undefined;
    this.#heardAt = moment();
    if (list !== undefined || watch !== undefined) this.#onChange();
  }

  #ended(part: Part): void {
    if (this.#failing[part] === undefined) return;
    this.#failing[part] = undefined;
    this.#onChange();
  }
}
