// The objects of one resource as last sent by the API server. Unchanged objects keep their references.

import { SnapshotMap } from '../../base/collections/snapshot-map.ts';
import { InputError } from '../../base/input-error.ts';
import { flawConsequence, restOf } from '../flawed-node.ts';
import type { SourceProblem } from '../state.ts';
import { shownText } from './client/shown.ts';
import { type DeletionLook, DeletionLooks } from './deletion-looks.ts';
import {
  type Contradiction,
  FixedFieldError,
  isOtherObject,
  keptReference,
  type StoredVersions,
} from './fixed-fields.ts';
import type { StoreReplacement } from './full-list.ts';
import {
  type Budget,
  defaultBudget,
  ObjectBudget,
  type ObjectStoreOptions,
} from './object-budget.ts';
import { mostTexts, ObjectProblems, withoutText } from './object-problems.ts';

export class ObjectStore<T extends object> {
  readonly #read: (key: string, raw: unknown) => T;
  readonly #onChange: () => void;
  readonly #objects = new SnapshotMap<T>();
  /** Objects without a flawless version: the usable rest of each is kept. */
  readonly #flawed = new Set<string>();
  /** By key: what is omitted from an object's lists. */
  readonly #cut = new Map<string, string>();
  /** By key: the last version that was not accepted. */
  readonly #contradictions = new Map<string, Contradiction>();
  readonly #kind: string;
  readonly #limits: Budget;
  readonly #cutOf: (raw: unknown) => string | undefined;
  readonly #requireFixed: (versions: StoredVersions<T>) => void;
  readonly #looks = new DeletionLooks();
  #budget: ObjectBudget;
  #problems: ObjectProblems;

  /** `read` throws InputError for an unusable object. `onChange` is called when objects or problems change. */
  constructor(
    read: (key: string, raw: unknown) => T,
    onChange: () => void,
    options: ObjectStoreOptions<T> = {},
  ) {
    const { kind = 'object', budget = defaultBudget } = options;
    const { cutOf = () => undefined, requireFixed = () => undefined } = options;
    this.#read = read;
    this.#onChange = onChange;
    this.#kind = kind;
    this.#limits = budget;
    this.#cutOf = cutOf;
    this.#requireFixed = requireFixed;
    this.#budget = new ObjectBudget(budget);
    this.#problems = new ObjectProblems(kind);
  }

  /** Objects by key; the same map while nothing changes. */
  view(): ReadonlyMap<string, T> {
    return this.#objects.snapshot();
  }

  /** Whether the API server has sent the object, usable or not. */
  has(key: string): boolean {
    return this.#objects.get(key) !== undefined || this.#problems.has(key);
  }

  /** The last version sent, if it contradicts the previous one, which stays. */
  contradictionOf(key: string): Contradiction | undefined {
    return this.#contradictions.get(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Size of everything kept, usable or not; a last good version counts in addition to its successor. */
  get told(): number {
    return this.#objects.size + this.#problems.size;
  }

  get problems(): Iterable<SourceProblem> {
    const { cut } = this.#budget;
    const { shown } = this.#problems;
    if (cut === 0 && this.#cut.size === 0) return shown;
    const all = [...shown, ...this.#cutLists()];
    return cut === 0 ? all : [...all, this.#cutProblem(cut)];
  }

  set(key: string, raw: unknown): void {
    const { cut } = this.#budget;
    this.#take(key, this.#parse(key, raw, this.#budget));
    if (cut !== this.#budget.cut) this.#onChange();
  }

  /** Whether the object is deleted from now on. */
  lookForDeletion(key: string): DeletionLook {
    return this.#looks.begin(key);
  }

  delete(key: string): void {
    this.#looks.deleted(key);
    this.#budget.delete(key);
    const hadProblem = this.#problems.delete(key);
    this.#flawed.delete(key);
    this.#cut.delete(key);
    this.#contradictions.delete(key);
    if (this.#objects.delete(key) || hadProblem) this.#onChange();
  }

  /** Builds a full list page by page. Nothing of it is visible before `commit` or `commitAdditions`. */
  replace(): StoreReplacement<T> {
    const taken = new Map<string, Read<T>>();
    const lacks = (): readonly string[] => {
      const known = new Set([...this.view().keys(), ...this.#problems.keys]);
      return [...known].filter((key) => !taken.has(key));
    };
    const budget = new ObjectBudget(this.#limits);
    let problems = 0;
    return {
      set: (key, raw) => {
        const read = this.#parse(key, raw, budget);
        const isTextKept = read.problem === undefined || ++problems <= mostTexts;
        taken.set(key, isTextKept ? read : { ...read, problem: withoutText });
      },
      has: (key) => taken.has(key),
      count: (isCounted) => {
        let count = 0;
        for (const [key, { object }] of taken)
          if (object !== undefined && isCounted(key, object)) count++;
        return count;
      },
      get size() {
        return taken.size;
      },
      lacks,
      get contradictions() {
        return new Map(
          Array.from(taken).flatMap(([key, { contradiction }]) =>
            contradiction === undefined ? [] : [[key, contradiction]],
          ),
        );
      },
      believe: (keys) => {
        for (const key of keys) {
          const { object, ...rest } = taken.get(key)?.instead ?? {};
          if (object) taken.set(key, { ...rest, object: budget.fit(key, object).object });
        }
      },
      commitAdditions: () => {
        for (const [key, read] of taken) {
          this.#take(key, read);
          this.#refit(key);
        }
      },
      commit: (kept) => {
        const lacking = lacks();
        this.#looks.listed(taken);
        const before = this.#problems;
        const { cut } = this.#budget;
        this.#budget = budget;
        // A new collection: texts of former problems must not take the place of others.
        this.#problems = new ObjectProblems(this.#kind);
        for (const [key, read] of taken) this.#take(key, read);
        for (const key of lacking) {
          if (kept?.has(key) === true) {
            this.#problems.set(key, before.get(key));
            this.#refit(key);
          } else this.delete(key);
        }
        if (cut !== budget.cut || before.size > 0) this.#onChange();
      },
    };
  }

  // Registers the object in a new budget.
  #refit(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    const fitted = this.#budget.fit(key, object).object;
    if (fitted === object) return;
    this.#objects.set(key, fitted);
    this.#onChange();
  }

  #take(key: string, { object, problem, cut, isFlawed = false, contradiction }: Read<T>): void {
    if (contradiction === undefined) this.#contradictions.delete(key);
    else this.#contradictions.set(key, contradiction);
    const isOtherProblem = this.#problems.set(key, problem);
    const hadCut = this.#cut.get(key);
    if (cut === undefined) this.#cut.delete(key);
    else this.#cut.set(key, cut);
    if (isFlawed) this.#flawed.add(key);
    else if (problem === undefined || object === undefined) this.#flawed.delete(key);
    const isNew = object !== this.#objects.get(key);
    if (object === undefined) this.#objects.delete(key);
    else if (isNew) this.#objects.set(key, object);
    if (isNew || isOtherProblem || cut !== hadCut) this.#onChange();
  }

  // The result has no object if no good version is known.
  #parse(key: string, raw: unknown, budget: ObjectBudget): Read<T> {
    const known = this.#objects.get(key);
    // An object that was deleted and recreated has no last good version.
    return this.#parseAfter(isOtherObject(known, raw) ? undefined : known, { key, raw, budget });
  }

  #parseAfter(before: T | undefined, told: Told): Read<T> {
    const { key, raw, budget } = told;
    try {
      const { object, isTooLarge } = budget.fit(key, this.#readNext(key, raw, before));
      const problem = isTooLarge ? { problem: this.#tooLarge(key) } : {};
      return { object: keptReference(before, object), ...problem, cut: this.#cutOf(raw) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const flawed = before === undefined || this.#flawed.has(key) ? restOf<T>(error) : undefined;
      if (before === undefined) budget.delete(key);
      const contradiction =
        error instanceof FixedFieldError
          ? { contradiction: error.told, instead: this.#parseAfter(undefined, told) }
          : undefined;
      const consequence =
        flawed !== undefined
          ? flawConsequence
          : before === undefined
            ? 'this object is ignored; everything else was applied'
            : `the last good version of this object stays in force${contradiction === undefined ? '' : ' until full lists confirm the change'}`;
      const problem = { subject: `${this.#kind} ${key}`, text: error.message, consequence };
      return flawed === undefined
        ? { object: before && budget.fit(key, before).object, problem, ...contradiction }
        : {
            object: keptReference(before, budget.fit(key, flawed).object),
            problem,
            isFlawed: true,
          };
    }
  }

  // Throws InputError, also if the rest of a flawed object contradicts `before`.
  #readNext(key: string, raw: unknown, before: T | undefined): T {
    const isPart = this.#flawed.has(key);
    const checked = (after: T): T => {
      if (before !== undefined) this.#requireFixed({ key, before, after, isPart });
      return after;
    };
    try {
      return checked(this.#read(key, raw));
    } catch (error) {
      const rest = error instanceof InputError ? restOf<T>(error) : undefined;
      if (rest !== undefined) checked(rest);
      throw error;
    }
  }

  #tooLarge(key: string): SourceProblem {
    const name = `${this.#kind} ${shownText(key, 600)}`;
    const text = `API server: ${name}: the fields that are read have more than ${this.#limits.object} bytes`;
    return { subject: name, text, consequence: cutConsequence };
  }

  // Names only one of them, because a tenant can create very many.
  #cutLists(): readonly SourceProblem[] {
    for (const [key, cut] of this.#cut) {
      const more = this.#cut.size === 1 ? '' : `; ${this.#cut.size - 1} more have such lists`;
      const text = `API server: ${this.#kind} ${shownText(key, 600)}: ${cut}${more}`;
      return [{ subject: this.#kind, text, consequence: 'the other items have no effect' }];
    }
    return [];
  }

  #cutProblem(count: number): SourceProblem {
    const text = `API server: ${this.#kind}: ${count} do not fit into the ${this.#limits.resource} bytes for all objects of this kind`;
    return { subject: this.#kind, text, consequence: cutConsequence };
  }
}

const cutConsequence = 'only their names and first addresses are used';

interface Read<T> {
  readonly object?: T | undefined;
  readonly problem?: SourceProblem | undefined;
  /** What is omitted from its lists. */
  readonly cut?: string | undefined;
  readonly isFlawed?: boolean;
  readonly contradiction?: Contradiction;
  /** For a contradiction: the result if this were the first version of the object. */
  readonly instead?: Read<T>;
}

interface Told {
  readonly key: string;
  readonly raw: unknown;
  readonly budget: ObjectBudget;
}
