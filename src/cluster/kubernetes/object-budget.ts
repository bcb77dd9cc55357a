// How much memory the objects of one resource may take: any tenant can make many, and large ones. What is beyond is kept with
// its lists cut short, and told.

import type { StoredVersions } from './fixed-fields.ts';

/** Bytes as JSON. */
export interface Budget {
  /** Of one object. */
  readonly object: number;
  /** Of all objects that are no small ones: how many of those there are is bounded elsewhere. */
  readonly resource: number;
}

export const defaultBudget: Budget = { object: 65_536, resource: 64 * 2 ** 20 };

export interface ObjectStoreOptions<T> {
  /** Of the objects, as shown to people: `Pod`. */
  readonly kind?: string;
  readonly budget?: Budget;
  /** What of an object is left out as too much, in words; absent: nothing ever is. */
  readonly cutOf?: (raw: unknown) => string | undefined;
  /** Throws FixedFieldError where an object cannot follow its version before. */
  readonly requireFixed?: (versions: StoredVersions<T>) => void;
}

/** An ordinary object is below: it counts as nothing. */
const smallBytes = 1_024;

/** As many addresses of a Node are used. */
const mostItems = 32;

export interface Fitted<T> {
  readonly object: T;
  /** It is larger than one object may be. */
  readonly isTooLarge: boolean;
}

export class ObjectBudget {
  readonly #budget: Budget;
  /** By key: bytes of those that are no small ones. */
  readonly #large = new Map<string, number>();
  readonly #cut = new Set<string>();
  #total = 0;

  constructor(budget: Budget = defaultBudget) {
    this.#budget = budget;
  }

  /** How many objects are cut since all together would take too much. */
  get cut(): number {
    return this.#cut.size;
  }

  /** The object, or what there is room for. */
  fit<T extends object>(key: string, object: T): Fitted<T> {
    this.delete(key);
    const bytes = JSON.stringify(object).length;
    const isTooLarge = bytes > this.#budget.object;
    const isCut = !isTooLarge && bytes > smallBytes && this.#total + bytes > this.#budget.resource;
    if (isCut) this.#cut.add(key);
    if (isTooLarge || isCut) return { object: leastForm(object), isTooLarge };
    if (bytes > smallBytes) {
      this.#large.set(key, bytes);
      this.#total += bytes;
    }
    return { object, isTooLarge };
  }

  delete(key: string): void {
    this.#total -= this.#large.get(key) ?? 0;
    this.#large.delete(key);
    this.#cut.delete(key);
  }
}

// Names and the first addresses.
function leastForm<T extends object>(object: T): T {
  const cut = Object.entries(object).flatMap(([field, value]: [string, unknown]) =>
    Array.isArray(value) && value.length > mostItems ? [[field, value.slice(0, mostItems)]] : [],
  );
  return { ...object, ...Object.fromEntries(cut) };
}
