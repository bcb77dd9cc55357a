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
  readonly #problems = new Map<string, SourceProblem>();
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

  /** Whether the API server has told of it, usable or not. */
  has(key: string): boolean {
    return this.#objects.get(key) !== undefined || this.#problems.has(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** What is kept of all that the API server told, usable or not; a last good version counts beside its successor. */
  get told(): number {
    return this.#objects.size + this.#problems.size;
  }

  get problems(): Iterable<SourceProblem> {
    return this.#problems.values();
  }

  set(key: string, raw: unknown): void {
    this.#take(key, this.#parse(key, raw));
  }

  delete(key: string): void {
    const hadProblem = this.#problems.delete(key);
    this.#flawed.delete(key);
    if (this.#objects.delete(key) || hadProblem) this.#onChange();
  }

  /** Takes a full list, page by page; nothing of it shows before `commit` or `commitAdditions`. */
  replace(): StoreReplacement {
    const taken = new Map<string, Read<T>>();
    const remove = (key: string): void => this.delete(key);
    const show = (): void => {
      for (const [key, read] of taken) this.#take(key, read);
    };
    return {
      set: (key, raw) => {
        taken.set(key, this.#parse(key, raw));
      },
      has: (key) => taken.has(key),
      get size() {
        return taken.size;
      },
      lacks: () => {
        const known = new Set([...this.view().keys(), ...this.#problems.keys()]);
        return [...known].filter((key) => !taken.has(key));
      },
      commitAdditions: show,
      commit(kept) {
        show();
        for (const key of this.lacks()) if (kept?.has(key) !== true) remove(key);
      },
    };
  }

  #take(key: string, { object, problem, isFlawed = false }: Read<T>): void {
    const hadProblem = this.#problems.get(key)?.text;
    if (problem === undefined) this.#problems.delete(key);
    else this.#problems.set(key, problem);
    if (isFlawed) this.#flawed.add(key);
    else if (problem === undefined) this.#flawed.delete(key);
    const isNew = object !== undefined && object !== this.#objects.get(key);
    if (isNew) this.#objects.set(key, object);
    if (isNew || problem?.text !== hadProblem) this.#onChange();
  }

  // Without an object nothing good is known of it.
  #parse(key: string, raw: unknown): Read<T> {
    const before = this.#objects.get(key);
    try {
      return { object: keptReference(before, this.#read(key, raw)) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const flawed = before === undefined || this.#flawed.has(key) ? restOf<T>(error) : undefined;
      const consequence =
        flawed !== undefined
          ? flawConsequence
          : before === undefined
            ? 'this object is left out; everything else was applied'
            : 'the last good version of this object stays in force';
      const problem = { text: error.message, consequence };
      return flawed === undefined
        ? { object: before, problem }
        : { object: keptReference(before, flawed), problem, isFlawed: true };
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

interface Read<T> {
  readonly object?: T | undefined;
  readonly problem?: SourceProblem | undefined;
  readonly isFlawed?: boolean;
}

export interface StoreReplacement {
  set(key: string, raw: unknown): void;
  has(key: string): boolean;
  /** Objects of the list so far, also those that cannot be used. */
  readonly size: number;
  /** Shows what is new and changed, and removes nothing. */
  commitAdditions(): void;
  /** What is known and not in the list. */
  lacks(): readonly string[];
  /** Removes what the list lacks, but for `kept`. */
  commit(kept?: ReadonlySet<string>): void;
}
