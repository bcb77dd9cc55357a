// The planned frontends. Each holds the lists that it refers to, and their lookup tables if its Service asks for consistent
// selection.

import { type Entries, KeyedCollection } from '../../../base/collections/collection.ts';
import type { BackendLists } from './backend-lists.ts';
import type { FrontendChoices } from './choices.ts';
import type { BackendList, ServiceFrontend } from './desired-services.ts';
import { clientBackends, isSameFrontend, listsOf } from './entries.ts';
import { mostConsistent } from './lookup-table.ts';

export interface PlannedFrontendsOptions {
  readonly lists: BackendLists;
  /** Maximum number of lookup tables. */
  readonly mostLookups: number;
}

/** Of the lookup tables, for one namespace. */
const namespaceShare = 1 / 4;

export class PlannedFrontends {
  readonly #options: PlannedFrontendsOptions;
  readonly #entries = new KeyedCollection<string, ServiceFrontend>({ equal: isSameFrontend });
  readonly #lookups = new KeyedCollection<string, BackendList>();
  /** Frontends that use the lookup table of a list. */
  readonly #users = new Map<number, number>();
  /** By namespace: tables of its frontends, once for each of them. */
  readonly #byNamespace = new Map<string, Map<number, number>>();

  constructor(options: PlannedFrontendsOptions) {
    this.#options = options;
  }

  get entries(): Entries<string, ServiceFrontend> {
    return this.#entries;
  }

  /** Lists with a lookup table, by number as text. */
  get lookups(): Entries<string, BackendList> {
    return this.#lookups;
  }

  get(key: string): ServiceFrontend | undefined {
    return this.#entries.get(key);
  }

  put(key: string, entry: ServiceFrontend): void {
    const before = this.#entries.get(key);
    if (!this.#entries.set(key, entry)) return;
    this.#hold(entry);
    if (before !== undefined) this.#release(before);
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#release(entry);
  }

  /** Why the Service's frontend with this key cannot have lookup tables for its choices; undefined: it can. */
  lookupFlaw(
    key: string,
    service: string,
    chosen: FrontendChoices | undefined,
  ): string | undefined {
    if (chosen === undefined) return undefined;
    const { mostLookups } = this.#options;
    const { inside, outside } = clientBackends(chosen);
    if (Math.max(inside, outside) > mostConsistent)
      return `only up to ${mostConsistent} backends can be consistent`;
    const before = this.#entries.get(key);
    // The tables that it has now are about to be replaced.
    const now = before?.isConsistent && before.service === service ? listsOf(before) : [];
    const newOnes = (known: ReadonlyMap<number, unknown> | undefined): number =>
      new Set(listsOf(chosen).filter((list) => known?.has(list) !== true)).size - new Set(now).size;
    const ofService = this.#byNamespace.get(namespaceOf(service));
    const most = Math.max(1, Math.floor(mostLookups * namespaceShare));
    if (this.#users.size + newOnes(this.#users) > mostLookups)
      return `services.lookupTables ${mostLookups}: all are used`;
    if ((ofService?.size ?? 0) + newOnes(ofService) > most)
      return `services.lookupTables ${mostLookups}: its namespace uses its share of ${most}`;
    return undefined;
  }

  #hold(entry: ServiceFrontend): void {
    const { lists } = this.#options;
    for (const list of listsOf(entry)) {
      lists.hold(list);
      if (!entry.isConsistent) continue;
      count(this.#users, list, 1);
      count(this.#inNamespace(entry), list, 1);
      const value = lists.entries.get(String(list));
      if (value !== undefined) this.#lookups.set(String(list), value);
    }
  }

  #release(entry: ServiceFrontend): void {
    for (const list of listsOf(entry)) {
      this.#options.lists.release(list);
      if (!entry.isConsistent) continue;
      if (count(this.#users, list, -1) === 0) this.#lookups.delete(String(list));
      const own = this.#inNamespace(entry);
      count(own, list, -1);
      if (own.size === 0) this.#byNamespace.delete(namespaceOf(entry.service));
    }
  }

  #inNamespace({ service }: ServiceFrontend): Map<number, number> {
    const namespace = namespaceOf(service);
    const known = this.#byNamespace.get(namespace);
    if (known !== undefined) return known;
    const made = new Map<number, number>();
    this.#byNamespace.set(namespace, made);
    return made;
  }
}

function count(counts: Map<number, number>, key: number, more: number): number {
  const number = (counts.get(key) ?? 0) + more;
  if (number === 0) counts.delete(key);
  else counts.set(key, number);
  return number;
}

function namespaceOf(service: string): string {
  return service.slice(0, service.indexOf('/'));
}
