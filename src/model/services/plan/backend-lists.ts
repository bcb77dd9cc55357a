// The lists of backends that frontends refer to. A list is identified by its content: the same backends are the same list,
// whichever Services have them, and other backends are a list with another number. Users are counted.
//
// A list without a user is remembered for a while, with its backends. Packets that were sent to them are still to be
// translated, and if the list is used again, it keeps its number.

import { type Entries, KeyedCollection } from '../../../base/collections/collection.ts';
import type { Backend } from '../backends.ts';
import { BackendNumbers } from './backend-numbers.ts';
import type { BackendList, ServiceBackend } from './desired-services.ts';
import { NumberPool } from './number-pool.ts';

export interface BackendListsOptions {
  readonly lists: Iterable<BackendList>;
  /** The highest number of a backend. */
  readonly mostBackends: number;
  /** How long an unused list is remembered. */
  readonly lingerMs: number;
  /** Monotonic time in ms. */
  readonly now: () => number;
  /** Whether the kernel still has a frontend with that list. */
  readonly isInKernel: (list: number) => boolean;
}

interface Counted extends BackendList {
  readonly content: string;
  users: number;
  /** Since when it has no user. */
  unusedSince: number;
}

/** Backends in unused lists, of the number there may be: a large Service that changes all the time leaves many. */
const remembered = 1 / 4;

export class BackendLists {
  readonly #options: BackendListsOptions;
  readonly #numbers: BackendNumbers;
  readonly #pool = new NumberPool(1, 0xffff_ffff);
  readonly #byContent = new Map<string, Counted>();
  readonly #byNumber = new Map<number, Counted>();
  /** The first unused is first. */
  readonly #unused = new Set<Counted>();
  /** Backends in those. */
  #remembered = 0;
  readonly #entries = new KeyedCollection<string, BackendList>();
  #hasBegun = false;

  constructor(options: BackendListsOptions) {
    this.#options = options;
    this.#numbers = new BackendNumbers(options.mostBackends);
    for (const list of options.lists) this.#adopt(list);
  }

  /** Those that are used, by number, as text. */
  get entries(): Entries<string, BackendList> {
    return this.#entries;
  }

  /** Of all lists, used or remembered. */
  get backends(): Entries<string, ServiceBackend> {
    return this.#numbers.entries;
  }

  /** How many more backends there may be. */
  get freeBackends(): number {
    return this.#numbers.free;
  }

  /** The list of these backends, with one more user. Undefined: there are more backends than numbers. */
  take(backends: readonly Backend[]): BackendList | undefined {
    const held = this.#numbers.hold(backends);
    if (held === undefined) return undefined;
    const ordered = held.toSorted((left, right) => left.number - right.number);
    const content = contentOf(ordered);
    const known = this.#byContent.get(content);
    if (known === undefined) {
      const number = this.#pool.take();
      if (number !== undefined) return this.#use(this.#add({ number, backends: ordered }, content));
    }
    this.#numbers.release(held);
    return known && this.#use(known);
  }

  /** One more user of a list that has one. */
  hold(number: number): void {
    const list = this.#byNumber.get(number);
    if (list !== undefined) this.#use(list);
  }

  release(number: number): void {
    const list = this.#byNumber.get(number);
    if (list === undefined || --list.users > 0) return;
    this.#entries.delete(String(number));
    this.#remember(list, this.#options.now());
  }

  /** Forgets lists that have been unused for long, and the first of too many. To be called after each change. */
  expire(): void {
    const { now, lingerMs, isInKernel, mostBackends } = this.#options;
    const most = remembered * mostBackends;
    const time = now();
    // Those of an earlier agent have waited for the cluster's state until now.
    if (!this.#hasBegun) for (const list of this.#unused) list.unusedSince = time;
    this.#hasBegun = true;
    for (let left = this.#unused.size; left > 0; left--) {
      const [list] = this.#unused;
      if (list === undefined) return;
      if (list.unusedSince + lingerMs > time && this.#remembered <= most) return;
      this.#recall(list);
      if (isInKernel(list.number)) this.#remember(list, time);
      else this.#forget(list);
    }
  }

  #adopt({ number, backends }: BackendList): void {
    const content = contentOf(backends);
    if (this.#byContent.has(content) || !this.#pool.adopt(number)) return;
    const held = this.#numbers.adopt(backends);
    if (held === undefined) this.#pool.release(number);
    else this.#remember(this.#add({ number, backends: held }, content), 0);
  }

  #add({ number, backends }: BackendList, content: string): Counted {
    const list: Counted = { number, backends, content, users: 0, unusedSince: 0 };
    this.#byContent.set(content, list);
    this.#byNumber.set(number, list);
    return list;
  }

  #use(list: Counted): BackendList {
    list.users++;
    this.#recall(list);
    if (list.users === 1) this.#entries.set(String(list.number), list);
    return list;
  }

  #remember(list: Counted, time: number): void {
    list.unusedSince = time;
    this.#unused.add(list);
    this.#remembered += list.backends.length;
  }

  #recall(list: Counted): void {
    if (this.#unused.delete(list)) this.#remembered -= list.backends.length;
  }

  #forget({ number, content, backends }: Counted): void {
    this.#byContent.delete(content);
    this.#byNumber.delete(number);
    this.#pool.release(number);
    this.#numbers.release(backends);
  }
}

function contentOf(backends: readonly ServiceBackend[]): string {
  return backends.map(({ number }) => number).join();
}
