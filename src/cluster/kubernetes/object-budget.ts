// Limits the memory for the objects of one resource: any tenant can create many large ones. Objects beyond the limit
// are kept with shortened lists, which is reported.

import type { ClusterKind } from '../parse-object.ts';
import type { StoredVersions } from './fixed-fields.ts';

/** Bytes as JSON. */
export interface Budget {
  /** Limit of one object. */
  readonly object: number;
  /** Limit of all objects that are not small. The number of small ones is limited elsewhere. */
  readonly resource: number;
}

export const defaultBudget: Budget = { object: 65_536, resource: 64 * 2 ** 20 };

/** A slice may have 1,000 endpoints, whose nodes and zones have long names; controllers write 100. */
const sliceBudget: Budget = { ...defaultBudget, object: 524_288 };

export function budgetOf(kind: ClusterKind): Budget {
  return kind === 'EndpointSlice' ? sliceBudget : defaultBudget;
}

export interface ObjectStoreOptions<T> {
  /** Kind of the objects, as shown to users: `Pod`. */
  readonly kind?: string;
  readonly budget?: Budget;
  /** Describes what is omitted from an object because of its size; absent: nothing is omitted. */
  readonly cutOf?: (raw: unknown) => string | undefined;
  /** Throws FixedFieldError if an object contradicts its previous version. */
  readonly requireFixed?: (versions: StoredVersions<T>) => void;
}

/** Ordinary objects are smaller and do not count. */
const smallBytes = 1_024;

/** Maximum number of addresses of a Node that are used. */
const mostItems = 32;

export interface Fitted<T> {
  readonly object: T;
  /** Whether the object exceeds the limit of one object. */
  readonly isTooLarge: boolean;
}

export class ObjectBudget {
  readonly #budget: Budget;
  /** By key: bytes of objects that are not small. */
  readonly #large = new Map<string, number>();
  readonly #cut = new Set<string>();
  #total = 0;

  constructor(budget: Budget = defaultBudget) {
    this.#budget = budget;
  }

  /** Number of objects shortened because of the limit of all objects. */
  get cut(): number {
    return this.#cut.size;
  }

  /** Returns the object, or a shortened form that fits. */
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

// Only names and first addresses.
function leastForm<T extends object>(object: T): T {
  const cut = Object.entries(object).flatMap(([field, value]: [string, unknown]) =>
    Array.isArray(value) && value.length > mostItems ? [[field, value.slice(0, mostItems)]] : [],
  );
  return { ...object, ...Object.fromEntries(cut) };
}
