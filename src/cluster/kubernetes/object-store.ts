// The objects of one resource as the API server last told them; unchanged ones keep their references.

import { isDeepStrictEqual } from 'node:util';
import { InputError } from '../../base/input-error.ts';
import { SnapshotMap } from '../../base/snapshot-map.ts';
import { FlawedNodeError, flawConsequence } from '../flawed-node.ts';
import type { SourceProblem } from '../state.ts';

export class ObjectStore<T extends object> {
  readonly #read: (key: string, raw: unknown) => T;
  readonly #onChange: () => void;
  readonly #objects = new SnapshotMap<T>();
  #problems = new Map<string, SourceProblem>();
  /** Objects that never were without a flaw: the usable rest of each is kept. */
  readonly #flawed = new Set<string>();

  /** `read` throws InputError for what cannot be used; `onChange` is told when objects or problems are others. */
  constructor(read: (key: string, raw: unknown) => T, onChange: () => void) {
    this.#read = read;
    this.#onChange = onChange;
  }

  /** By key; the same map while nothing changes. */
  view(): ReadonlyMap<string, T> {
    return this.#objects.snapshot();
  }

  get size(): number {
    return this.#objects.size;
  }

  get problems(): Iterable<SourceProblem> {
    return this.#problems.values();
  }

  set(key: string, raw: unknown): void {
    const problem = this.#problems.get(key);
    const before = this.#objects.get(key);
    const object = this.#parse(key, raw);
    if (object !== undefined && object !== before) {
      this.#objects.set(key, object);
      this.#onChange();
    } else if (this.#problems.get(key)?.text !== problem?.text) {
      this.#onChange();
    }
  }

  delete(key: string): void {
    const hadProblem = this.#problems.delete(key);
    this.#flawed.delete(key);
    if (this.#objects.delete(key) || hadProblem) this.#onChange();
  }

  /** Takes a full list, page by page; nothing is removed before `commit`. */
  replace(): StoreReplacement {
    const seen = new Set<string>();
    return {
      set: (key, raw) => {
        seen.add(key);
        this.set(key, raw);
      },
      commit: () => {
        for (const key of [...this.view().keys(), ...this.#problems.keys()]) {
          if (!seen.has(key)) this.delete(key);
        }
      },
    };
  }

  // Undefined: nothing good is known of it.
  #parse(key: string, raw: unknown): T | undefined {
    const before = this.#objects.get(key);
    try {
      const object = this.#read(key, raw);
      this.#problems.delete(key);
      this.#flawed.delete(key);
      return keptReference(before, object);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const flawed = before === undefined || this.#flawed.has(key) ? restOf<T>(error) : undefined;
      const consequence =
        flawed !== undefined
          ? flawConsequence
          : before === undefined
            ? 'this object is left out; everything else was applied'
            : 'the last good version of this object stays in force';
      this.#problems.set(key, { text: error.message, consequence });
      if (flawed === undefined) return before;
      this.#flawed.add(key);
      return keptReference(before, flawed);
    }
  }
}

function keptReference<T extends object>(before: T | undefined, object: T): T {
  return before !== undefined && isDeepStrictEqual(before, object) ? before : object;
}

// `read` makes both: the object, and the rest of a flawed one.
function restOf<T extends object>(error: InputError): T | undefined {
  return error instanceof FlawedNodeError ? (error.rest as object as T) : undefined;
}

export interface StoreReplacement {
  set(key: string, raw: unknown): void;
  commit(): void;
}
