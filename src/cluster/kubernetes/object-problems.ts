// Problems of the objects of one resource: the first hundred with text, the others as a count. Any tenant can write
// many unusable objects, and a text takes more memory than the object.

import type { SourceProblem } from '../state.ts';

/** Maximum number of texts that are kept. */
export const mostTexts = 100;

/** Placeholder for a problem whose text is not kept. */
export const withoutText: SourceProblem = { subject: '', text: '', consequence: '' };

export class ObjectProblems {
  readonly #kind: string;
  readonly #texts = new Map<string, SourceProblem>();
  readonly #others = new Set<string>();

  /** `kind`: kind of the objects, as shown to users. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Number of objects with a problem. */
  get size(): number {
    return this.#texts.size + this.#others.size;
  }

  get keys(): readonly string[] {
    return [...this.#texts.keys(), ...this.#others];
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get(key: string): SourceProblem | undefined {
    return this.#texts.get(key) ?? (this.#others.has(key) ? withoutText : undefined);
  }

  /** Returns whether the shown problems changed. */
  set(key: string, problem: SourceProblem | undefined): boolean {
    const before = this.get(key)?.text;
    if (problem === undefined) return this.delete(key);
    const hasRoom = this.#texts.size < mostTexts || this.#texts.has(key);
    if (problem !== withoutText && hasRoom) {
      this.#others.delete(key);
      this.#texts.set(key, problem);
    } else {
      this.#texts.delete(key);
      this.#others.add(key);
    }
    return before !== this.get(key)?.text;
  }

  /** Returns whether there was a problem. */
  delete(key: string): boolean {
    return this.#texts.delete(key) || this.#others.delete(key);
  }

  /** The texts, and the number of the others as one problem. */
  get shown(): readonly SourceProblem[] {
    const texts = [...this.#texts.values()];
    const count = this.#others.size;
    if (count === 0) return texts;
    const text = `API server: ${this.#kind}: ${count} more cannot be used as written`;
    const consequence =
      'for each, the last good version or its usable part stays in force; correct the problems above first';
    return [...texts, { subject: this.#kind, text, consequence, count }];
  }
}
