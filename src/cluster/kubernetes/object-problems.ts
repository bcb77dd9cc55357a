// Problems of the objects of one resource: the first hundred with their texts, the others as a number. Any tenant can write
// many objects that cannot be used, and a text for each takes more memory than the object.

import type { SourceProblem } from '../state.ts';

/** Maximum number of texts that are kept. */
export const mostTexts = 100;

/** Stands for the problem of an object whose text is not kept. */
export const withoutText: SourceProblem = { text: '', consequence: '' };

export class ObjectProblems {
  readonly #kind: string;
  readonly #texts = new Map<string, SourceProblem>();
  readonly #others = new Set<string>();

  /** `kind`: of the objects, as shown to people. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Number of objects that have a problem. */
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

  /** Returns whether people see a difference. */
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

  /** Returns whether there was one. */
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
      'the last good version of each, or what can be used of it, is in force; correct those above first';
    return [...texts, { text, consequence, count }];
  }
}
